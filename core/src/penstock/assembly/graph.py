"""Graph: a composed configuration: the river, and all that is opened, flushed and closed with it; parts in, accounts
and health out; any thread; one part that fails never stops another.

After a reload a graph shares its unchanged parts with the one before it. Only what that one has alone, its `rest`, is
closed then; its accounts go on in the ledger (`Past`).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final, TypeAlias, final

from attrs import define, field

from penstock.assembly.parts import Change, Part, Place
from penstock.faults import ERROR, report
from penstock.ledger import Ledger, PipelineAccount, SinkAccount, SinkLedger
from penstock.river.deliver import Delivery
from penstock.river.modes.queued import QueuedDelivery
from penstock.river.pipeline import River
from penstock.types import Closeable, Resume, Source, Stage

Spool: TypeAlias = tuple[str, tuple[Path, ...]]
"""Name of a sink, and the folders where its spool may be."""

_NOTHING: Final = SinkLedger(0, 0, {}, 0)


@final
class Past:
    """The accounts of sinks that a reload took out or replaced; those that are at their end are sums."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._open: list[SinkAccount] = []
        self._sums: dict[str, SinkLedger] = {}
        self._left: Counter[Spool] = Counter()
        """How many records wait in spools that nobody has taken over."""

    def add(self, account: SinkAccount) -> None:
        """Go on to show *account*, whose sink is being closed."""
        with self._lock:
            self._open.append(account)

    def end(self, account: SinkAccount, spool: Spool | None) -> None:
        """Remember what the numbers of *account* are in the end: its sink is closed, and left the rest in *spool*."""
        with self._lock:
            self._open.remove(account)
            last = account.read()
            self._sums[account.name] = _sum(self._sums.get(account.name, _NOTHING), last)
            if spool is not None:
                self._left[spool] += last.pending

    def hand_on(self, spool: Spool) -> None:
        """Forget what waits in *spool*: whoever takes it over accepts it once more, in an account of its own."""
        with self._lock:
            left, name = self._left.pop(spool, 0), spool[0]
            if left:
                sums = self._sums[name]
                self._sums[name] = sums._replace(accepted=sums.accepted - left, pending=sums.pending - left)

    def read(self, present: Mapping[str, SinkAccount]) -> dict[str, SinkLedger]:
        """Return *present* and past accounts by name, summed up."""
        with self._lock:
            found = dict(self._sums)
            for account in (*self._open, *present.values()):
                found[account.name] = _sum(found.get(account.name, _NOTHING), account.read())
        return {name: found[name] for name in (*present, *(name for name in found if name not in present))}

    def after_fork_in_child(self) -> None:
        """Forget all of it: it is the parent's."""
        self._lock = threading.RLock()
        self._open.clear()
        self._sums.clear()
        self._left.clear()


def _sum(one: SinkLedger, other: SinkLedger) -> SinkLedger:
    return SinkLedger(
        one.accepted + other.accepted,
        one.delivered + other.delivered,
        dict(sorted((Counter(one.dropped) + Counter(other.dropped)).items())),
        one.pending + other.pending,
        one.diverted + other.diverted,
        one.redelivered + other.redelivered,
    )


@final
@define(eq=False)
class Rest:
    """What is to be closed of a graph.

    Attributes:
        components: Sources and stages.
        deliveries: Those with a fallback before the one that they fall back to.
        accounts: Those of the deliveries.
        parts: What is closed once all of it is.
    """

    components: Sequence[object]
    deliveries: Sequence[Delivery]
    accounts: Sequence[SinkAccount]
    parts: Sequence[Part]
    _until: float = field(default=inf, init=False)

    def begin_close(self, deadline: float) -> None:
        """Have all drain at once until *deadline*: one that hangs must not use up the time of the others."""
        deadline = self._until = min(deadline, self._until)  # who is in a hurry may come before who is not
        fallbacks = [delivery.drops.fallback for delivery in self.deliveries]
        for delivery in self.deliveries:
            if delivery not in fallbacks:
                delivery.begin_close(deadline)

    def flush(self, deadline: float) -> bool:
        """Deliver what waits until *deadline*; return whether all of it was."""
        return all([delivery.flush(deadline) for delivery in self.deliveries])  # noqa: C419, each has to

    def close(self, deadline: float) -> bool:
        """Stop the sources, let the stages emit what they hold, drain and close the sinks; return whether all went."""
        for component in self.components:
            if isinstance(component, Closeable):
                _guarded(component.close)
        self.begin_close(deadline)
        return all([delivery.close(self._until) for delivery in self.deliveries])  # noqa: C419, each has to


@define(kw_only=True, eq=False)
class Graph:
    """A composed configuration.

    Attributes:
        river: Carries events.
        sinks: The way to each sink.
        accounts: Those of the sinks.
        pipelines: Those of the pipelines, also of those that are not there any more.
        parts: What another graph may go on with.
        kept: The places of those parts that this graph goes on with itself.
        replaced: The names of queued sinks that go on where another one is being closed.
        changes: What is done to the kept parts when this graph takes over.
        spools: Those of the queued sinks that have one, by name.
        past: Accounts of sinks that are not there any more.
    """

    river: River
    sinks: Mapping[str, Delivery]
    accounts: Mapping[str, SinkAccount]
    pipelines: Mapping[str, PipelineAccount]
    parts: Mapping[Place, Part]
    kept: Collection[Place] = ()
    replaced: Collection[str] = ()
    changes: Sequence[Change] = ()
    spools: Mapping[str, Spool] = field(factory=dict)
    past: Past = field(factory=Past)

    @property
    def stages(self) -> Sequence[Stage]:
        """The stages, of each pipeline the last one first."""
        return _of("stage", [(place[0], part) for place, part in self.parts.items()])

    def read(self) -> Ledger:
        """Return every account."""
        pipelines = {name: account.read() for name, account in self.pipelines.items()}
        return Ledger(self.past.read(self.accounts), pipelines)

    def status(self) -> Mapping[str, str]:
        """Return the status of each sink."""
        return {name: _status(delivery) for name, delivery in self.sinks.items()}

    # -- the beginning ------------------------------------------------------------------------------------------------

    def start(self, emit: Resume) -> None:
        """Deliver what an earlier process left, and start the sources, which call *emit*."""
        for name, delivery in self.sinks.items():
            if isinstance(delivery, QueuedDelivery) and ("sink", name) not in self.kept:
                delivery.start(after_another=name in self.replaced)
        for place, part in self.parts.items():
            if isinstance(part.component, Source) and place[0] == "source" and place not in self.kept:
                _guarded(partial(part.component.start, emit))

    def succeed(self) -> None:
        """Deliver what the river left from which this one took over, now that it is closed."""
        for delivery in self.sinks.values():
            if isinstance(delivery, QueuedDelivery):
                delivery.start(after_another=True)

    def take_over(self, before: Graph) -> Rest:
        """Change what is kept of the graph *before*, go on with its books, and return what is to be closed of it."""
        rest = before.rest(self)
        for account in rest.accounts:
            self.past.add(account)
        for change in self.changes:
            change()
        for spool in self.spools.values():
            self.past.hand_on(spool)
        return rest

    def end(self, rest: Rest, present: Graph) -> None:
        """Close the books of what was closed of this graph; *present* is the one that runs."""
        for account in rest.accounts:
            spool = self.spools.get(account.name)
            self.past.end(account, spool)
            if spool is not None and present.spools.get(account.name) == spool:
                self.past.hand_on(spool)
        for part in rest.parts:
            part.gone.set()

    def wait_until_left(self, deadline: float) -> bool:
        """Wait until no stage that stayed carries an event where it led before; return whether none does."""
        ways = [part.onward for part in self.parts.values() if part.onward is not None]
        return all([way.wait_until_left(deadline) for way in ways])  # noqa: C419, each has to

    def missing_after(self, before: Graph) -> list[Place]:
        """Return the places of sinks that work in the graph *before* and could not be made or opened here."""
        works = [name for name, status in before.status().items() if status != "failed"]
        return [
            ("sink", name)
            for name, delivery in self.sinks.items()
            if name in works and delivery.sink.status == "failed"
        ]

    def after_fork_in_child(self) -> None:
        """Start anew in a forked child: empty queues, no worker, counts from zero."""
        self.past.after_fork_in_child()
        for account in self.pipelines.values():
            account.reset()
        for part in self.parts.values():
            if part.after is not None:
                part.after.after_fork_in_child()
        for delivery in self.sinks.values():
            delivery.after_fork_in_child()

    # -- the end ------------------------------------------------------------------------------------------------------

    def flush(self, deadline: float) -> bool:
        """Deliver what waits until *deadline*; return whether all of it was."""
        return self.rest().flush(deadline)

    def close(self, deadline: float) -> bool:
        """Close everything; return whether all that waited was delivered."""
        return self.rest().close(deadline)

    def discard(self, deadline: float) -> None:
        """Close what was opened for this graph alone: it does not take over."""
        for place, part in self.parts.items():
            if place not in self.kept and isinstance(part.component, Closeable) and place[0] == "stage":
                _guarded(part.component.close)
        for name, delivery in self.sinks.items():
            if ("sink", name) not in self.kept:
                delivery.close(deadline)

    def rest(self, heir: Graph | None = None) -> Rest:
        """Return what is to be closed of this graph where *heir* goes on with some of it."""
        kept = {id(part) for part in heir.parts.values()} if heir is not None else set()
        books = {id(account) for account in heir.accounts.values()} if heir is not None else set()
        mine = [(place[0], part) for place, part in self.parts.items() if id(part) not in kept]
        deliveries = [part.component for kind, part in mine if kind == "sink"]
        others = list(self.sinks.values())
        return Rest(
            # Stages from front to back: what one emits at its end, those behind it still judge.
            [*_of("source", mine), *reversed(_of("stage", mine))],
            [delivery for delivery in self._in_order() if delivery in deliveries or delivery not in others],
            [account for account in self.accounts.values() if id(account) not in books],
            [part for _, part in mine],
        )

    def _in_order(self) -> list[Delivery]:
        """Return the deliveries, those with a fallback before the one they fall back to."""
        order: list[Delivery] = []
        for delivery in self.sinks.values():
            chain = [delivery]
            while (fallback := chain[-1].drops.fallback) is not None:
                chain.append(fallback)
            for one in chain:
                if one in order:
                    order.remove(one)
                order.append(one)
        return order


def _of(kind: str, parts: Sequence[tuple[object, Part]]) -> list[Any]:
    return [part.component for one, part in parts if one == kind]


def _status(delivery: Delivery) -> str:
    if isinstance(delivery, QueuedDelivery) and delivery.trouble and delivery.sink.status == "ok":
        return "degraded"  # it takes records, but they would not outlive the process now
    return delivery.sink.status


def _guarded(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception as error:  # promise: one broken plugin never stops another
        report("plugin.failed", "A component could not be started or closed.", level=ERROR, error=error)
