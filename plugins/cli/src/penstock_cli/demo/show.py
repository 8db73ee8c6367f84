"""Show: how the demo is told; facts in, text or one JSON document on standard output; the main thread; where nobody
reads, the demo ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import click

from penstock import Ledger
from penstock.tooling import Description
from penstock_cli import output
from penstock_cli.demo import picture
from penstock_cli.demo.story import Outage, Story
from penstock_cli.demo.verdict import Arrived
from penstock_cli.graph import tree

_RIVER: Final = "the river: emit -> match -> redact -> format -> deliver -> sink"
NEXT: Final = """
next:
  penstock plugins        what is installed
  penstock init           a penstock.toml to begin with
  penstock graph          the river that it describes
  penstock check          every mistake in the penstock.toml of a project
  penstock send "hello"   one event, and what became of it
  penstock --help         all commands

  and three lines for a program:
    import penstock
    penstock.configure()
    penstock.get_logger("shop").info("sold", qty=2)"""


class Show(Protocol):
    """Tells of the demo, in this order."""

    def river(self, found: Description, missing: Sequence[str]) -> None:
        """Show the configuration, and what is missing."""
        ...

    def business(self) -> None:
        """Announce the live lines."""
        ...

    def outage(self) -> None:
        """Announce the outage."""
        ...

    def waiting(self, waiting: int, failed: int, rate: float, p95: float) -> None:
        """Show a moment of the outage."""
        ...

    def recovery(self, outage: Outage) -> None:
        """Show how it ended."""
        ...

    def end(self, ledger: Ledger, story: Story, outage: Outage, arrived: Arrived, findings: Sequence[str]) -> None:
        """Show what is proved, or what was wrong."""
        ...


class TextShow:
    """For people."""

    def river(self, found: Description, missing: Sequence[str]) -> None:
        """Draw the tree."""
        for text in missing:
            _say(f"the demo is shorter: {text}")
        _say(tree.drawn(found, _RIVER))

    def business(self) -> None:
        """Announce the live lines."""
        _head("live: trades and requests, as the console sink writes them")

    def outage(self) -> None:
        """Announce the outage."""
        _head("now the alert service goes down")

    def waiting(self, waiting: int, failed: int, rate: float, p95: float) -> None:
        """Tell what waits, and that the program does not."""
        _say(
            f"the alert sink is down (attempts that failed: {failed}): {waiting:,} waiting; the program goes on: "
            f"{rate:,.0f} events/s, p95 of the emit call {p95:.0f} µs"
        )

    def recovery(self, outage: Outage) -> None:
        """Tell how the outage ended."""
        end = "all delivered" if outage.recovered else "NOT all delivered"
        _say(f"it is up again after {outage.seconds:.1f} s (attempts that failed: {outage.retries}): {end}")

    def end(self, ledger: Ledger, story: Story, outage: Outage, arrived: Arrived, findings: Sequence[str]) -> None:
        """Draw the ledger, show a redacted line, say whether all is well, and what to type next."""
        if arrived.redacted is not None:
            _head("what arrived at the far end; the token was hidden in the thread that emitted it")
            _say(output.plain(arrived.redacted))
        _head("the ledger: accepted = delivered + dropped + pending, each of them counted")
        _say(picture.accounts(ledger))
        _say("")
        if not findings:
            _say(f"{story.counts.events:,} events; it balances, and all of it was delivered")
        for text in findings:
            _say(f"WRONG: {text}")
        _say(NEXT)


def _head(text: str) -> None:
    _say(f"\n{text}")


def _say(text: str) -> None:
    if not output.data(text):
        raise click.exceptions.Exit(0)  # nobody watches any more


class JsonShow:
    """For programs: one document at the end."""

    def __init__(self) -> None:
        self._missing: Sequence[str] = ()
        self._sinks: dict[str, str] = {}

    def river(self, found: Description, missing: Sequence[str]) -> None:
        """Keep what the document says of it."""
        self._missing = missing
        self._sinks = {pipeline.name: pipeline.sink for pipeline in found.pipelines}

    def business(self) -> None:
        """Say nothing."""

    def outage(self) -> None:
        """Say nothing."""

    def waiting(self, waiting: int, failed: int, rate: float, p95: float) -> None:
        """Say nothing."""

    def recovery(self, outage: Outage) -> None:
        """Say nothing."""

    def end(self, ledger: Ledger, story: Story, outage: Outage, arrived: Arrived, findings: Sequence[str]) -> None:
        """Write the document."""
        output.data_json(
            {
                "ok": not findings,
                "findings": list(findings),
                "missing": list(self._missing),
                "pipelines": {name: self._pipeline(ledger, name) for name in ledger.pipelines},
                "sinks": {name: _sink(ledger, name) for name in ledger},
                "events": story.counts.events,
                "redacted": arrived.redacted,
                "span": story.span,
                "outage": {key: _rounded(value) for key, value in outage._asdict().items()},
                "balanced": ledger.balanced,
            }
        )

    def _pipeline(self, ledger: Ledger, name: str) -> dict[str, object]:
        book = ledger.pipelines[name]
        numbers = {"offered": book.offered, "gated": dict(book.gated), "accepted": book.accepted}
        return {**numbers, "sink": self._sinks.get(name)}


def _sink(ledger: Ledger, name: str) -> dict[str, object]:
    account = ledger[name]
    return {
        "accepted": account.accepted,
        "delivered": account.delivered,
        "dropped": dict(account.dropped),
        "pending": account.pending,
        "diverted": account.diverted,
        "redelivered": account.redelivered,
    }


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value
