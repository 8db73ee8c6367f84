"""Deliver: what the two ways to a sink have in common; a record in, batches out; the caller's thread (inline) or the
sink's worker (queued); what cannot be delivered is a counted drop, and goes to the fallback if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias, final

from attrs import field, frozen, validators

from penstock.faults import ERROR, report
from penstock.ledger import SinkAccount
from penstock.river.letters import DeadLetters
from penstock.river.sink import GuardedSink
from penstock.units import Duration, Level, Size

Deliver: TypeAlias = Callable[[Any], None]


@frozen(kw_only=True)
class DeliveryOptions:
    """How records get to a sink: the table `[sink.NAME.delivery]`, the same for every sink."""

    mode: Literal["inline", "queued"] = field(
        default="queued", metadata={"doc": "Write in the caller's thread, or hand over to a worker of the sink."}
    )
    queue: Size = field(
        default=Size("16 MB"),
        metadata={"doc": "Memory for records that wait, what they cost beside their bytes included."},
    )
    max_events: int = field(
        default=100_000,
        validator=validators.ge(1),
        metadata={"doc": "At most so many records wait; each takes at least its share of `queue`."},
    )
    when_full: Literal["shed", "drop_oldest", "drop_newest", "block"] = field(
        default="shed",
        metadata={
            "doc": "What gives way when the queue is full: `shed`, the lowest level first, with a tenth reserved for "
            "error and above; the oldest; the newest; or `block`, nothing for up to `timeout`."
        },
    )
    batch: int = field(
        default=500, validator=validators.ge(1), metadata={"doc": "At most so many records in one write."}
    )
    batch_wait: Duration = field(
        default=Duration("200 ms"), metadata={"doc": "A busy sink is written to no more often than this."}
    )
    timeout: Duration = field(default=Duration("5 s"), metadata={"doc": "Time for one attempt."})
    max_age: Duration = field(default=Duration("24 h"), metadata={"doc": "A record that waited longer is dropped."})
    dead_letters: Path | Literal[False] | None = field(
        default=None,
        metadata={
            "doc": "File that keeps what the sink refused and what waited too long; or false. "
            "By default one in the state directory for a sink with a spool, and none for others."
        },
    )
    fallback: str | None = field(default=None, metadata={"doc": "Sink that gets what this one drops."})
    spool: Size | Literal[False] = field(
        default=False,
        metadata={"doc": "Room for records that wait where the death of the process does not reach them; or false."},
    )
    sync: Level | Literal["never", "always"] = field(
        default="never", metadata={"doc": "Level from which a record is on disk before the call returns; with a spool."}
    )

    @property
    def sync_level(self) -> int | None:
        """The level from which records are synced; None for none."""
        if self.sync == "never":
            return None
        return 0 if self.sync == "always" else int(self.sync)

    @property
    def spooled(self) -> bool:
        """Whether records wait in a spool."""
        return self.spool is not False and self.mode == "queued"

    def without_effect(self) -> Mapping[str, str]:
        """Return what is asked for and does nothing together with the rest, and why, by option."""
        asked = {
            "spool": (self.spool is not False and self.mode == "inline", "an inline sink keeps nothing that waits"),
            "sync": (self.sync != "never" and not self.spooled, "without a spool there is nothing to sync"),
        }
        return {option: why for option, (useless, why) in asked.items() if useless}


class Delivery(Protocol):
    """The way to one sink."""

    sink: GuardedSink
    drops: Drops

    def deliver(self, record: Any, /) -> None:
        """Accept *record*, a `Line` or for a sink that accepts events an Event: deliver, keep, or drop and count it.

        Called:
            When: for each record of each pipeline of the sink, and of each sink whose fallback it is.
            Thread: the emitter's.
            May block: inline as long as the sink does; queued only with ``when_full = "block"``, up to `timeout`.
            If it raises: it does not.
        """
        ...

    def lose(self, event: Any, /) -> None:
        """Count an event of which no record could be made as accepted and dropped."""
        ...

    def flush(self, deadline: float) -> bool:
        """Wait until nothing is pending, or `monotonic` passes *deadline*; return whether nothing is."""
        ...

    def begin_close(self, deadline: float) -> None:
        """Begin to drain until *deadline*, without waiting for it."""
        ...

    def close(self, deadline: float) -> bool:
        """Flush, count what is left as dropped, close the sink; return whether nothing was left."""
        ...

    def after_fork_in_child(self) -> None:
        """Start anew: what waits belongs to the parent."""
        ...


delivering: Final[set[int]] = set()
"""Ids of the threads that deliver: what they log themselves must not come back in."""


NOTICE: Final = "penstock.event.dropped"
"""Name of the record that tells a sink's own readers what is missing."""

_KEPT: Final = frozenset({"rejected", "too_old", "retries_exhausted", "plugin_error"})
"""Reasons for which records become dead letters: the sink had its chance. What gave way to others had not even that."""
_GAVE_WAY: Final = ("queue_full", "shed", "spool_full")
_SAID: Final = {
    "queue_full": "queue full",
    "shed": "queue full",
    "too_old": "too old",
    "retries_exhausted": "tried too often",
    "spool_full": "spool full",
    "spool_corrupt": "spool damaged",
    "process_died": "the process died",
}
"""Reasons that the sink's own readers hear of, in words; what a sink itself refuses, it hears of no more."""

Notify: TypeAlias = Callable[[str, Mapping[str, int]], Any]
"""Makes the record of a text and of counts by reason, with the format of the sink's own pipeline."""


@final
class Drops:
    """Tells what a sink drops, keeps it, and offers it to the sink's fallback.

    Attributes:
        fallback: Gets what is dropped.
        letters: Keeps what the sink refused or what waited too long.
        notify: Makes the notice for the sink's own readers.
        untold: Whether something was dropped of which they have not heard.
    """

    def __init__(self, account: SinkAccount) -> None:
        self._account = account
        self.fallback: Delivery | None = None
        self.letters: DeadLetters | None = None
        self.notify: Notify | None = None
        self.untold = False
        self._told: dict[str, int] = {}
        self._gave_way = False
        self._reported: dict[str, int] = {}

    def divert(self, records: Sequence[Any], reason: str, unnamed: int = 0) -> None:
        """Tell of records that are counted already, keep them, and hand them to the fallback."""
        if not records and not unnamed:
            return
        if self.letters is not None and reason in _KEPT:
            self.letters.keep(records, reason)
        self._hand_over(records, reason)
        self._report(len(records) + unnamed, reason)

    def give_way(self, records: Sequence[Any], reason: str) -> None:
        """Hand records that gave way to others to the fallback, and let `tell` tell of them: the caller has no time."""
        if records:
            self._hand_over(records, reason)
            self._gave_way = True

    def _hand_over(self, records: Sequence[Any], reason: str) -> None:
        if self.fallback is not None:
            for record in records:
                self.fallback.deliver(record)
            self._account.cell().diverted += len(records)
        if reason in _SAID and self.notify is not None:
            self.untold = True

    def tell(self) -> None:
        """Tell of what gave way since it was last told, if anything did."""
        if not self._gave_way:
            return
        self._gave_way = False
        for reason, total in self._dropped(_GAVE_WAY).items():
            count = total - self._reported.get(reason, 0)
            if count > 0:
                self._reported[reason] = total
                self._report(count, reason)

    def _dropped(self, reasons: Iterable[str]) -> dict[str, int]:
        """Return how many were dropped until about now: a reading that balances would take its time under load."""
        cells = list(self._account.cells.values())
        return {reason: sum([cell.dropped[reason] for cell in cells]) for reason in reasons}

    def _report(self, count: int, reason: str) -> None:
        text = "Events were dropped." if self.fallback is None else "Events went to the fallback."
        report("event.dropped", text, subject=self._account.name, level=ERROR, count=count, reason=reason)

    def say(self, put: Callable[[Any], bool]) -> bool:
        """Put a notice of what was dropped since the last one; return whether there was one, and it was put."""
        self.untold = False
        if self.notify is None:
            return False
        dropped = self._dropped(_SAID)
        since = {reason: count - self._told.get(reason, 0) for reason, count in dropped.items()}
        notice = self._notice({reason: count for reason, count in since.items() if count})
        if notice is not None and not put(notice):
            self.untold = True
            return False
        self._told = dropped  # also where no notice could be made: another attempt would not do better
        return notice is not None

    def _notice(self, counts: Mapping[str, int]) -> Any:
        total = sum(counts.values())
        if self.notify is None or not total:
            return None
        why = ", ".join(dict.fromkeys(_SAID[reason] for reason in counts))
        try:
            return self.notify(f"{total:,} {'event' if total == 1 else 'events'} dropped here: {why}", counts)
        except Exception as error:  # promise: a notice costs itself, never the worker
            report("format.failed", "No notice could be made.", subject=self._account.name, error=error)
            return None
