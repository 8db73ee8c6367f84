"""Fate: what became of one event at each sink; a document and a ledger in, words out; any thread; nothing is guessed,
every word stands on a count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from penstock import Ledger, SinkLedger

_REASONS: Final[Mapping[str, str]] = {
    "queue_full": "there was no room in its queue",
    "shed": "a higher level took its room",
    "too_old": "it waited too long",
    "retries_exhausted": "it was tried often enough",
    "rejected": "the sink refused it",
    "closed": "the sink takes nothing any more",
    "breaker_open": "the sink failed too often",
    "stalled": "the sink could not take it at once",
    "spool_full": "there was no room on disk",
    "encode_failed": "nothing could be made of it",
    "plugin_error": "the sink raised an error of its own",
    "recursion": "the sink itself emitted it",
}
_GATES: Final[Mapping[str, str]] = {
    "level": "its level is too low",
    "filter": "an emit stage stopped it",
    "sampled": "it was not in the sample",
    "rate_limited": "there are too many of its kind",
    "held": "an emit stage keeps it for later",
}
_EVERYTHING: Final = "*"
"""Name of the account of the stages that see every event."""


class Fate(NamedTuple):
    """What one sink made of the event."""

    sink: str
    account: SinkLedger
    gated: Mapping[str, int]
    """Why pipelines to this sink let it go no further, with their number."""
    fallback: str | None

    @property
    def wanted(self) -> bool:
        """Whether it came as far as the sink."""
        return self.account.accepted > 0

    @property
    def fine(self) -> bool:
        """Whether all that came there was delivered."""
        return self.account.delivered == self.account.accepted

    @property
    def words(self) -> str:
        """What became of it, for a person."""
        account = self.account
        told = []
        if account.delivered:
            told.append("delivered" if account.delivered == 1 else f"delivered {account.delivered} times")
        told += [f"dropped: {_REASONS.get(reason, reason)} ({reason})" for reason in account.dropped]
        if account.diverted:
            told.append(f"went to its fallback, {self.fallback or 'standard error'}")
        if account.pending:
            told.append("not delivered in time: it was still waiting; try --timeout 30")
        if not self.wanted:
            why = [_GATES.get(reason, reason) for reason in self.gated] or ["no pipeline to it takes this event"]
            told.append(f"not wanted: {', '.join(why)}")
        return "; ".join(told)

    def as_json(self) -> dict[str, object]:
        """Return it as JSON shows it."""
        account = self.account
        return {
            "sink": self.sink,
            "accepted": account.accepted,
            "delivered": account.delivered,
            "dropped": dict(account.dropped),
            "diverted": account.diverted,
            "pending": account.pending,
            "gated": dict(self.gated),
            "words": self.words,
        }


def fates(document: Mapping[str, Any], ledger: Ledger) -> list[Fate]:
    """Return what each sink of *ledger* made of the one event that was sent.

    A fallback that nobody sent anything to is left out: it was not asked.
    """
    pipelines = {name: table["sink"] for name, table in document.get("pipeline", {}).items()}
    found = []
    for sink in ledger:
        account = ledger[sink]
        gated: dict[str, int] = {}
        for name, book in ledger.pipelines.items():
            if pipelines.get(name) == sink or name == _EVERYTHING:
                gated |= book.gated
        if account.accepted or sink in pipelines.values():
            table = document.get("sink", {}).get(sink, {})
            found.append(Fate(sink, account, gated, table.get("delivery", {}).get("fallback")))
    return found
