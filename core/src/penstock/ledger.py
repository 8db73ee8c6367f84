"""Ledger: what became of every event, counted; counts in, balances out; any thread, exact without a lock; never fails.

    pipeline:  offered  = Σ gated[reason] + accepted
    sink:      accepted = delivered + Σ dropped[reason] + pending

Each term is counted, none is computed from the others, so that the law can be broken and tests can see it. A count
belongs to one thread: nobody else writes to its cell, which is what makes ``+=`` exact. Whoever reads adds them up.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Iterator, Mapping

from penstock.hints import TYPE_CHECKING, NamedTuple, final

if TYPE_CHECKING:
    from typing import Final, TypeVar

    L = TypeVar("L", "SinkLedger", "PipelineLedger")

DROP_REASONS: Final = frozenset(
    {
        "queue_full",  # no room, and `when_full` said so
        "shed",  # a lower level made room
        "too_old",  # waited longer than `max_age`
        "retries_exhausted",  # the retry budget is spent
        "rejected",  # the sink will never take it
        "closed",  # the sink takes nothing any more
        "breaker_open",  # inline only: the sink failed too often
        "stalled",  # inline only: the sink could not take it at once
        "spool_full",
        "spool_corrupt",
        "encode_failed",  # not even the minimal line could be made
        "plugin_error",  # the sink raised something it should not
        "recursion",  # emitted from inside its own delivery
        "shutdown_deadline",  # still waiting when the time to shut down was over
        "fork_inherited",  # the forked child's copy of what the parent still owns
        "process_died",  # counted by the next start
    }
)
"""Every reason for which a sink may drop what it accepted; no other is ever used."""

GATE_REASONS: Final = frozenset({"level", "filter", "sampled", "rate_limited", "held"})
"""Every reason for which a pipeline may let an event go no further."""


class SinkLedger(NamedTuple):
    """The account of one sink at one moment."""

    accepted: int
    delivered: int
    dropped: Mapping[str, int]
    pending: int
    diverted: int = 0
    """Of the dropped ones, how many the fallback accepted; they are in its own account too."""
    redelivered: int = 0
    """Attempts for records that had been attempted before."""

    @property
    def balanced(self) -> bool:
        """Whether everything accepted is delivered, dropped for a reason, or pending."""
        return self.accepted == self.delivered + sum(self.dropped.values()) + self.pending


class PipelineLedger(NamedTuple):
    """The account of one pipeline at one moment."""

    offered: int
    gated: Mapping[str, int]
    accepted: int

    @property
    def balanced(self) -> bool:
        """Whether everything offered is accepted or gated for a reason."""
        return self.offered == sum(self.gated.values()) + self.accepted


@final
class Ledger(Mapping[str, SinkLedger]):
    """All accounts at one moment: a mapping by sink, and `pipelines` by pipeline."""

    def __init__(self, sinks: Mapping[str, SinkLedger], pipelines: Mapping[str, PipelineLedger]) -> None:
        self._sinks = sinks
        self.pipelines: Mapping[str, PipelineLedger] = pipelines

    def __getitem__(self, name: str) -> SinkLedger:
        return self._sinks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sinks)

    def __len__(self) -> int:
        return len(self._sinks)

    @property
    def balanced(self) -> bool:
        """Whether every account balances."""
        return all(sink.balanced for sink in self._sinks.values()) and all(
            pipeline.balanced for pipeline in self.pipelines.values()
        )

    def __repr__(self) -> str:
        return f"Ledger({dict(self._sinks)!r}, pipelines={dict(self.pipelines)!r})"


@final
class SinkCell:
    """One thread's counts for one sink."""

    __slots__ = ("accepted", "delivered", "diverted", "dropped", "pending", "redelivered")

    def __init__(self) -> None:
        self.accepted = 0
        self.delivered = 0
        self.pending = 0  # for an inline sink: how often this thread is inside `write`
        self.diverted = 0
        self.redelivered = 0
        # Every reason is there from the start: `d[k] += 1` is one step, `d[k] = d.get(k, 0) + 1` loses counts.
        self.dropped = dict.fromkeys(DROP_REASONS, 0)


@final
class PipelineCell:
    """One thread's counts for one pipeline."""

    __slots__ = ("accepted", "gated", "offered")

    def __init__(self) -> None:
        self.offered = 0
        self.accepted = 0
        self.gated = dict.fromkeys(GATE_REASONS, 0)


@final
class SinkCells(dict[int, SinkCell]):
    """The cells of an account by thread id; ``cells[get_ident()]`` is the running thread's own, made when asked for.

    The id of a dead thread may come again, and its cell goes on with it, which loses nothing.
    """

    def __missing__(self, ident: int) -> SinkCell:
        cell = self[ident] = SinkCell()
        return cell


@final
class PipelineCells(dict[int, PipelineCell]):
    """As `SinkCells`, of a pipeline."""

    def __missing__(self, ident: int) -> PipelineCell:
        cell = self[ident] = PipelineCell()
        return cell


@final
class SinkAccount:
    """The live account of one sink.

    Attributes:
        cells: What its counts are kept in.
        waiting: Returns how many records wait for the sink or are being written; set by a sink with a queue.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells: Final = SinkCells()
        self.waiting: Callable[[], int] | None = None

    def cell(self) -> SinkCell:
        """Return the running thread's own cell; only this thread may write to it."""
        return self.cells[get_ident()]

    def lose(self) -> None:
        """Count an event of which nothing could be made as accepted, and dropped as ``encode_failed``."""
        cell = self.cell()
        cell.accepted += 1
        cell.dropped["encode_failed"] += 1

    def reset(self) -> None:
        """Forget every count, in a forked child."""
        self.cells.clear()

    def _read(self) -> SinkLedger:
        cells = list(self.cells.values())
        dropped = {reason: sum(cell.dropped[reason] for cell in cells) for reason in DROP_REASONS}
        return SinkLedger(
            accepted=sum(cell.accepted for cell in cells),
            delivered=sum(cell.delivered for cell in cells),
            dropped={reason: count for reason, count in sorted(dropped.items()) if count},
            pending=sum(cell.pending for cell in cells) + (self.waiting() if self.waiting else 0),
            diverted=sum(cell.diverted for cell in cells),
            redelivered=sum(cell.redelivered for cell in cells),
        )

    def read(self) -> SinkLedger:
        """Return the account as it is now; read again until two readings agree."""
        return _settled(self._read)


@final
class PipelineAccount:
    """The live account of one pipeline.

    Attributes:
        cells: What its counts are kept in.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells: Final = PipelineCells()

    def cell(self) -> PipelineCell:
        """Return the running thread's own cell; only this thread may write to it."""
        return self.cells[get_ident()]

    def gate(self, reason: str) -> None:
        """Count one event as offered, and stopped for *reason*, one of `GATE_REASONS`."""
        cell = self.cell()
        cell.offered += 1
        cell.gated[reason] += 1

    def reset(self) -> None:
        """Forget every count, in a forked child."""
        self.cells.clear()

    def _read(self) -> PipelineLedger:
        cells = list(self.cells.values())
        gated = {reason: sum(cell.gated[reason] for cell in cells) for reason in GATE_REASONS}
        return PipelineLedger(
            offered=sum(cell.offered for cell in cells),
            gated={reason: count for reason, count in sorted(gated.items()) if count},
            accepted=sum(cell.accepted for cell in cells),
        )

    def read(self) -> PipelineLedger:
        """Return the account as it is now; read again until two readings agree."""
        return _settled(self._read)


def _settled(read: Callable[[], L]) -> L:
    before = read()
    for _ in range(100):  # under steady load no two readings agree: then the last one has to do
        after = read()
        if after == before and after.balanced:
            return after
        before = after
    return before


_accounts: Callable[[], Ledger] | None = None


def keep(read: Callable[[], Ledger] | None) -> None:
    """Let `ledger` read from *read*; the runtime calls this when it installs a river."""
    global _accounts
    _accounts = read


def ledger() -> Ledger:
    """Return every account of the running river, or of the last one after `shutdown`; empty before `configure`.

    Called:
        When: at any time; a reading costs some microseconds a sink.
        Thread: any.
        May block: no.
        If it raises: nothing.

    Example:
        >>> ledger().balanced
        True
    """
    return _accounts() if _accounts is not None else Ledger({}, {})
