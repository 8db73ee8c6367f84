"""Verdict: whether what the demo promised is true; ledger, counts and what arrived in, findings out; any thread; what
cannot be shown to be right is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from penstock import Ledger
from penstock_cli.demo.story import TOKEN, Counts, Outage

MASK: Final = "[redacted]"


class Arrived(NamedTuple):
    """What the sinks' far ends have, as lines of text."""

    alerts: Sequence[str]
    """At the pretended service."""
    trades: Sequence[str] | None
    """In the file; None if there is none."""

    @property
    def lines(self) -> list[str]:
        """All of them."""
        return [*(self.trades or ()), *self.alerts]

    @property
    def redacted(self) -> str | None:
        """A line in which something is hidden."""
        return next((line for line in self.lines if MASK in line), None)


def findings(
    table: Mapping[str, Any], ledger: Ledger, counts: Counts, arrived: Arrived, outage: Outage
) -> Iterator[str]:
    """Yield what is wrong with the run, a sentence each; nothing if all is well."""
    if not ledger.balanced:
        yield "an account of the ledger does not balance"
    yield from _sinks(table, ledger)
    yield from _ends(ledger, counts, arrived)
    yield from _secrets(table, arrived)
    if not outage.recovered:
        yield "the alert sink did not recover"
    if not outage.retries or not outage.waiting_max:
        yield "the outage was not noticed by the sink"


def _sinks(table: Mapping[str, Any], ledger: Ledger) -> Iterator[str]:
    for sink in ledger:
        account = ledger[sink]
        came = sum(book.accepted for name, book in ledger.pipelines.items() if _sink_of(table, name) == sink)
        if account.delivered != account.accepted:
            yield f"{account.accepted - account.delivered} of {account.accepted} were not delivered to {sink!r}"
        if account.accepted != came:
            yield f"{came} were on their way to {sink!r}, {account.accepted} came"


def _sink_of(table: Mapping[str, Any], pipeline: str) -> object:
    return table["pipeline"].get(pipeline, {}).get("sink")


def _ends(ledger: Ledger, counts: Counts, arrived: Arrived) -> Iterator[str]:
    """Compare three counts, made in three places: by the program, by the ledger, at the far end."""
    ends = {"alerts": (counts.alerts, arrived.alerts), "trades": (counts.trades, arrived.trades)}
    for sink, (emitted, lines) in ends.items():
        if lines is not None and not emitted == ledger[sink].delivered == len(lines):
            told = f"{emitted} emitted, {ledger[sink].delivered} delivered, {len(lines)} arrived"
            yield f"the counts for {sink!r} differ: {told}"
    numbers = [int(found[1]) for line in arrived.alerts if (found := re.search(r'number"?[:=] ?(\d+)', line))]
    if numbers != list(range(1, counts.alerts + 1)):
        yield "the alerts did not arrive each once and in order"


def _secrets(table: Mapping[str, Any], arrived: Arrived) -> Iterator[str]:
    if any(TOKEN in line for line in arrived.lines):
        yield "a secret got out"
    if table["redact"] and arrived.redacted is None:
        yield "nothing was redacted"
