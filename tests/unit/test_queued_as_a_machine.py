"""Queued, whatever happens to it in whatever order: the law of the ledger holds after every step, each record is in one
place, the order of a level is kept, and nobody is asked before they said. Once in memory, and once with a spool.

`PENSTOCK_EXAMPLES` says how many histories are tried; `nox -s states` tries many.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from deliveries import Scripted, VirtualEnv, balanced, line, virtual
from penstock.errors import Closed, Rejected, Unavailable
from penstock.ledger import SinkAccount
from penstock.levels import ERROR, NOTHING
from penstock.river.modes.queued import QueuedDelivery
from penstock.river.queue.queue import Queue
from penstock.river.sink import GuardedSink
from penstock.river.spool.journal import Journal
from penstock.river.store import Entry
from penstock.units import Duration, Size

LEVELS = st.sampled_from([5, 10, 20, 30, 35, 40, 50, 70])
SIZES = st.integers(7, 400)
PLACES = st.lists(st.integers(0, 9), max_size=4)
WHEN_FULL = st.sampled_from(["shed", "shed", "shed", "drop_oldest", "drop_newest", "block"])
EMITTERS = 3
OTHER = EMITTERS
"""The thread that emits while the sink hangs."""
EXAMPLES = int(os.environ.get("PENSTOCK_EXAMPLES", "40"))


class Heap:
    """A fallback that keeps what it gets: so the machine knows what was dropped."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.sink = GuardedSink("heap", self)
        self.drops: Any = None

    def deliver(self, record: Any, /) -> None:
        self.got.append(record[0])


class Deliveries(RuleBasedStateMachine):
    """One queued delivery, four threads that emit, a sink of many moods, and a clock that the rules move."""

    delivery: QueuedDelivery | None = None

    def __init__(self) -> None:
        super().__init__()
        self.emitters = [ThreadPoolExecutor(1) for _ in range(EMITTERS + 1)]
        self.count = 0
        """So many were emitted since the last fork, with what was inherited then."""
        self.emitted: set[bytes] = set()
        self.notices = 0
        """So many as well."""
        self.all_notices = 0
        self.forbidden = 0, 0.0
        self.closed = False

    def teardown(self) -> None:
        for emitter in self.emitters:
            emitter.shutdown()

    @initialize(
        when_full=WHEN_FULL,
        queue=st.integers(500, 8_000),
        most=st.sampled_from([3, 10, 100_000]),
        batch=st.sampled_from([1, 2, 5, 500]),
        batch_wait=st.sampled_from([0.0, 0.05, 2.0]),
        max_age=st.sampled_from([3.0, 60.0, 86_400.0]),
        luck=st.floats(0, 1),
    )
    def begin(
        self, when_full: Any, queue: int, most: int, batch: int, batch_wait: float, max_age: float, luck: float
    ) -> None:
        self.env = VirtualEnv(luck)
        self.sink = Scripted(self.env)
        self.heap = Heap()
        self.options: dict[str, Any] = {
            "when_full": when_full,
            "queue": Size(queue),
            "max_events": most,
            "batch": batch,
            "batch_wait": Duration(batch_wait),
            "max_age": Duration(max_age),
            "timeout": Duration(1.0),
        }
        self.compose()

    def compose(self) -> None:
        self.delivery = virtual(self.sink, self.env, self.journal(), **self.options)
        self.delivery.drops.fallback = self.heap  # type: ignore[assignment]
        self.delivery.drops.notify = self.notify

    def journal(self) -> Journal | None:
        return None

    def notify(self, text: str, counts: Any) -> Entry:
        self.notices += 1
        self.all_notices += 1
        return line(f"notice {self.all_notices}", 30)

    @property
    def it(self) -> QueuedDelivery:
        assert self.delivery is not None
        return self.delivery

    # -- what can happen ----------------------------------------------------------------------------------------------

    @rule(emitter=st.integers(0, EMITTERS - 1), level=LEVELS, size=SIZES, count=st.integers(1, 12))
    def emit(self, emitter: int, level: int, size: int, count: int) -> None:
        self.emitters[emitter].submit(self._emit, emitter, level, size, count).result()

    def _emit(self, emitter: int, level: int, size: int, count: int) -> None:
        for _ in range(count):
            self.count += 1
            data = f"{emitter} {level} {len(self.emitted) + 1} ".ljust(size, ".").encode()
            self.emitted.add(data)
            self.it.deliver(line(data, level, len(self.emitted)))

    @rule(delivered=st.integers(0, 9), rejected=PLACES, after=st.sampled_from([None, 0.0, 0.3, 7.0, 100.0]))
    def will_be_unavailable(self, delivered: int, rejected: list[int], after: float | None) -> None:
        def refuse(batch: Sequence[Any]) -> None:
            if after:
                self.forbidden = len(self.sink.attempts), self.env.time + after
            raise Unavailable("later", retry_after=after, delivered=delivered, rejected=rejected)

        self.sink.script.append(refuse)

    @rule(indexes=st.none() | PLACES, count=st.none() | st.integers(0, 9))
    def will_reject(self, indexes: list[int] | None, count: int | None) -> None:
        self.sink.script.append(Rejected("no", indexes=indexes, count=count))

    @rule(error=st.sampled_from([ValueError(), SystemExit(), MemoryError()]))
    def will_raise_what_it_should_not(self, error: BaseException) -> None:
        self.sink.script.append(error)

    @rule(seconds=st.sampled_from([0.1, 1.4, 30.0]), level=LEVELS, size=SIZES, count=st.integers(0, 30))
    def will_hang_while_others_emit(self, seconds: float, level: int, size: int, count: int) -> None:
        def hang(batch: Sequence[Any]) -> None:
            self.env.pass_time(seconds)
            self.emitters[OTHER].submit(self._emit, OTHER, level, size, count).result()
            self.env.pass_time(seconds)

        self.sink.script.append(hang)

    @rule()
    @precondition(lambda self: self.count > 40)
    def will_close(self) -> None:
        self.sink.script.append(Closed("never again"))

    @rule(seconds=st.sampled_from([0.01, 0.3, 2.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.env.run(until=self.env.time + seconds)

    @rule(turns=st.integers(1, 4))
    def the_worker_goes_on(self, turns: int) -> None:
        for _ in range(turns):
            if not self.env.ended:
                self.env._turn()

    @rule()
    def somebody_flushes(self) -> None:
        self.it.flush(self.env.time + 5)

    @rule()
    @precondition(lambda self: self.count > 20)
    def it_closes(self) -> None:
        self.it.close(self.env.time + 3)
        self.closed = True

    # -- what holds ---------------------------------------------------------------------------------------------------

    @invariant()
    @precondition(lambda self: self.delivery)
    def the_law_holds(self) -> None:
        account = balanced(self.it.account)

        assert self.count <= account.accepted <= self.count + self.notices
        assert account.pending == len(self.it._store)

    @invariant()
    @precondition(lambda self: self.delivery)
    def nothing_is_in_two_places(self) -> None:
        known = [one for one in (*self.sink.got, *self.heap.got, *self.waiting()) if one not in self.sink.unnamed]

        assert len(known) == len(set(known))

    def waiting(self) -> Sequence[bytes]:
        """Return what waits, as far as it is known."""
        return ()

    @invariant()
    @precondition(lambda self: self.delivery)
    def the_order_of_a_thread_and_level_is_kept(self) -> None:
        last: dict[tuple[bytes, bytes], int] = {}
        for one in dict.fromkeys(one for _, batch in self.sink.attempts for one in batch):
            if not one.startswith(b"notice"):
                emitter, level, number = one.split()[:3]
                assert last.get((emitter, level), 0) < int(number)
                last[emitter, level] = int(number)

    @invariant()
    @precondition(lambda self: self.delivery)
    def nobody_is_asked_before_they_said(self) -> None:
        attempts, until = self.forbidden
        assert all(time >= until for time, _ in self.sink.attempts[attempts:])


class InMemory(Deliveries):
    """Records that wait in memory: the machine sees where each of them is."""

    def __init__(self) -> None:
        super().__init__()
        self.left_to_parent: set[bytes] = set()

    @property
    def store(self) -> Queue:
        assert isinstance(self.it._store, Queue)
        return self.it._store

    def records(self) -> list[Entry]:
        return [put[0] for lane in self.store._lanes for put in lane.entries] + [put[0] for put in self.store._taken]

    def waiting(self) -> Sequence[bytes]:
        return [record[0] for record in self.records()]

    @rule()
    def it_forks(self) -> None:
        self.left_to_parent.update(self.waiting())
        inherited = len(self.store)
        self.it.after_fork_in_child()
        self.count, self.notices, self.closed = inherited, 0, False

        assert balanced(self.it.account)[:4] == (inherited, 0, {"fork_inherited": inherited} if inherited else {}, 0)

    @invariant()
    @precondition(lambda self: self.delivery)
    def everything_is_somewhere(self) -> None:
        known = {*self.sink.got, *self.heap.got, *self.waiting(), *self.sink.unnamed, *self.left_to_parent}

        assert self.emitted <= known

    @invariant()
    @precondition(lambda self: self.delivery)
    def the_bounds_hold(self) -> None:
        options, waiting = self.it.options, self.records()
        assert len(waiting) <= options.max_events
        assert sum(len(record[0]) + 200 for record in waiting) <= options.queue
        if options.when_full == "shed":
            low = sum(len(record[0]) + 200 for record in waiting if record[1] < ERROR)
            assert low <= options.queue - options.queue // 10

    @invariant()
    @precondition(lambda self: self.delivery and not self.closed)
    def all_room_is_somewhere(self) -> None:
        options, room, least = self.it.options, self.store.room, self.store._least
        urgent = [] if room.urgent is room.purses else list(room.urgent.values())
        sizes = [(max(len(record[0]) + 200, least), bool(record[1] >= ERROR)) for record in self.records()]
        lent_low = sum(purse.credit for purse in room.purses.values())
        lent = lent_low + sum(purse.credit for purse in urgent)
        assert room.left + lent + sum(size for size, _ in sizes) == options.queue

        sheds = options.when_full == "shed"
        low = sum(size for size, is_urgent in sizes if not (sheds and is_urgent))
        assert room.left_low + lent_low + low == options.queue - (options.queue // 10 if sheds else 0)


class InASpool(Deliveries):
    """Records that wait in a journal on a disk, which is opened again whenever it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="penstock-test-"))

    def journal(self) -> Journal:
        journal = Journal(
            SinkAccount("out"),
            self.folder / "spool",
            size=1_000_000,
            memory=int(self.options["queue"]),
            when_full=self.options["when_full"],
            sync=NOTHING,  # a level that no record has, and so files that are not mapped
        )
        journal.open()
        return journal

    @rule()
    def it_starts_again(self) -> None:
        self.it.close(self.env.time + 0.5)
        left = balanced(self.it.account).pending
        self.env.ended = self.closed = False
        self.forbidden = 0, 0.0  # what a service told one process, the next does not know
        self.compose()
        self.it.start()
        self.count, self.notices = left, 0

        assert balanced(self.it.account)[:4] == (left, 0, {}, left)

    def teardown(self) -> None:
        try:
            if self.delivery is not None:
                self.all_of_it_arrives()
        finally:
            super().teardown()
            shutil.rmtree(self.folder)

    def all_of_it_arrives(self) -> None:
        """Let the sink take everything, and look whether it is everything."""
        self.sink.script.clear()
        self.it_starts_again()
        self.env.run(until=self.env.time + 200)
        self.it.close(self.env.time + 200)

        assert balanced(self.it.account).pending == 0
        assert self.emitted <= {*self.sink.got, *self.heap.got, *self.sink.unnamed}


TestInMemory = InMemory.TestCase
TestInMemory.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
TestInASpool = InASpool.TestCase
TestInASpool.settings = settings(max_examples=EXAMPLES // 2, stateful_step_count=40, deadline=None)
