"""Replay: sends dead letters again; a file of them and a document in, what became of each out; the thread of a command;
what cannot be delivered is in the file again, and a kill at any moment repeats one batch at most.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, final

from penstock import faults
from penstock.assembly.config import Document
from penstock.assembly.graph import Graph
from penstock.assembly.resend import delivered_as, open_sinks, settled, sinks_of
from penstock.assembly.taken import Line, Taken
from penstock.clock import monotonic
from penstock.faults import Fault
from penstock.ledger import SinkAccount
from penstock.river.modes.inline import InlineDelivery
from penstock.river.sink import GuardedSink
from penstock.river.store import Entry
from penstock.types import Record

_OPTIONS: Final[Mapping[str, object]] = {
    "mode": "queued",
    "queue": "64 MB",  # far more than a batch: none gives way to another
    "max_events": 100_000,
    "when_full": "drop_newest",
    "spool": False,  # they are in a file already
    "sync": None,
    "dead_letters": False,
    "fallback": None,  # it got them when they were dropped
}


class Replayed(NamedTuple):
    """What became of the letters for one sink."""

    sink: str
    letters: int
    delivered: int
    refused: Mapping[str, int]
    """By reason; they are in the file again."""
    kept: int
    """So many were not sent, or not in time; they are in the file again too."""
    known: bool
    """Whether the configuration has the sink."""


class Replay(NamedTuple):
    """What became of a file of letters."""

    sinks: Sequence[Replayed]
    torn: int
    """Lines that are no letters; they are in the file again."""
    finished: bool
    """Whether all were sent before the patience was over."""


def replay(path: Path, document: Document, *, sink: str | None = None, patience: float = 30.0) -> Replay:
    """Send the letters in *path* again, each to the sink that it was for.

    Called:
        When: by a command, in a process in which no river runs.
        Thread: any.
        May block: as long as anything moves within *patience* seconds.
        If it raises: what was not delivered is in *path* again.

    Args:
        path: Of the letters; programs may go on to write to it.
        document: The configuration.
        sink: Send all of them to this sink instead.
        patience: Seconds.

    Raises:
        ConfigError: If a sink cannot be made.
        OSError: If the file cannot be read or written.
        BlockingIOError: If somebody else replays it.
    """
    taken = Taken.take(path)
    if taken is None:
        return Replay((), 0, finished=True)
    try:
        letters = Counter(sink or line.letter.sink for line in taken.lines() if line.letter is not None)
        tables = {name: table for name, table in sinks_of(document).items() if name in letters}
        graph = open_sinks(document, {name: delivered_as(table, _OPTIONS) for name, table in tables.items()})
        faults.listen(_hushed)
        sender = _Sender(graph, taken, sink, patience)
        try:
            return sender.send()
        finally:
            sender.close()
            faults.listen(None)
    finally:
        taken.give_back()


def _hushed(fault: Fault) -> bool:
    """Keep silent about what is dropped: it is counted, and in the file again."""
    return fault.kind == "event.dropped"


@final
class _Back:
    """A sink that gets what another one dropped."""

    thread_safe = True

    def __init__(self) -> None:
        self.got: list[Record] = []

    def write(self, batch: Sequence[Record], /) -> None:
        self.got += batch

    def take(self) -> Counter[Entry]:
        """Return what it got since the last time."""
        got, self.got = self.got, []
        return Counter(got)


@final
class _Sender:
    """Sends what was taken, batch after batch."""

    def __init__(self, graph: Graph, taken: Taken, sink: str | None, patience: float) -> None:
        self._graph = graph
        self._taken = taken
        self._sink = sink
        self._patience = patience
        self._open = True
        self._backs: dict[str, _Back] = {}
        self._letters: Counter[str] = Counter()
        self._delivered: Counter[str] = Counter()
        self._refused: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._torn = 0
        for name, delivery in graph.sinks.items():
            back = self._backs[name] = _Back()
            delivery.drops.fallback = InlineDelivery(GuardedSink(name, back), SinkAccount(name))

    def send(self) -> Replay:
        """Send all of it, or until nothing moves any more; settle what became of each."""
        for batch in self._taken.batches():
            lines = self._by_sink(batch)
            delivered = self._deliver({name: own for name, own in lines.items() if name in self._backs})
            self._taken.settle(batch, back=[line for line in batch if line not in delivered])
        results = [self._result(name) for name in sorted(self._letters)]
        return Replay(results, self._torn, finished=self._open)

    def close(self) -> None:
        """Close the sinks; what they did not take comes back."""
        if self._open:
            self._open = False
            self._graph.close(monotonic())

    def _by_sink(self, batch: Sequence[Line]) -> Mapping[str, Sequence[Line]]:
        lines: defaultdict[str, list[Line]] = defaultdict(list)
        for line in batch:
            if line.letter is None:
                self._torn += 1
            else:
                lines[self._sink or line.letter.sink].append(line)
        self._letters.update({name: len(own) for name, own in lines.items()})
        return lines

    def _deliver(self, lines: Mapping[str, Sequence[Line]]) -> set[Line]:
        """Send *lines*, by sink, and return those that were delivered."""
        if not self._open:
            return set()
        before = {name: self._dropped(name) for name in lines}
        for name, own in lines.items():
            for line in own:
                self._graph.sinks[name].deliver(line.record)
        self._settle()
        delivered: set[Line] = set()
        for name, own in lines.items():
            delivered |= self._judge(name, own, self._dropped(name) - before[name])
        return delivered

    def _judge(self, name: str, lines: Sequence[Line], dropped: Counter[str]) -> set[Line]:
        """Return which of the *lines* for one sink it has, and count the others by why it has not."""
        came_back = self._backs[name].take()
        has = []
        for line in lines:
            record = line.record
            if came_back[record]:
                came_back[record] -= 1  # of two that are alike, one is as good as the other
            else:
                has.append(line)
        unnamed = dropped.total() - (len(lines) - len(has))
        if unnamed > 0:  # it refused some of these, and does not know which
            dropped["rejected"] -= unnamed
            has = [line for line in has if self._takes(name, line, dropped)]
        self._delivered[name] += len(has)
        del dropped["shutdown_deadline"]
        self._refused[name].update(+dropped)
        return set(has)

    def _takes(self, name: str, line: Line, dropped: Counter[str]) -> bool:
        """Send one alone; return whether the sink has it."""
        if not self._open:
            return False
        before = self._dropped(name)
        self._graph.sinks[name].deliver(line.record)
        self._settle()
        why = self._dropped(name) - before
        self._backs[name].take()
        dropped.update(why)
        return not why

    def _settle(self) -> None:
        if not settled(self._graph, self._patience):
            self.close()

    def _dropped(self, name: str) -> Counter[str]:
        return Counter(self._graph.accounts[name].read().dropped)

    def _result(self, name: str) -> Replayed:
        letters, delivered, refused = self._letters[name], self._delivered[name], self._refused[name]
        kept = letters - delivered - refused.total()
        return Replayed(name, letters, delivered, dict(refused), kept, known=name in self._backs)
