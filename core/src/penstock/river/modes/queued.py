"""Queued: the way to a sink that can be slow; a record in, batches out; the sink's worker; what cannot be delivered is
a counted drop, and goes to the fallback if there is one.

* capacity: `queue` bytes of finished records, their own cost in memory included, and `max_events` records;
* when full: as `when_full` says; each record that goes is counted, as ``shed`` or ``queue_full``;
* hand-off: one append without a lock, so that a signal handler may emit anywhere (`river.queue`); with a spool, one
  frame stored in a file that outlives the process (`river.journal`);
* the worker: one daemon thread, started by the first record, again after a fork or should it die, and never by a
  record-less sink; what it does next is decided in `river.worker`;
* at the end: `close` drains until its deadline; what is left then stays in the spool, or is counted as
  ``shutdown_deadline``.
"""

from __future__ import annotations

import threading
from _thread import get_ident
from collections.abc import Sequence
from typing import Any, Final, final

from penstock.clock import Cancel
from penstock.faults import report
from penstock.ledger import SinkAccount
from penstock.river.deliver import Deliver, DeliveryOptions, Drops
from penstock.river.env import Bell, Env
from penstock.river.modes.worker import Worker
from penstock.river.queue.queue import Queue
from penstock.river.sink import GuardedSink
from penstock.river.store import Adopts, Entry, Store

_NAP: Final = 0.002
_GRACE: Final = 0.1
"""Seconds beyond its deadline that `close` waits for an attempt that ends just then: it is delivered, not dropped."""
_LONGEST_WAIT: Final = 86_400.0
_WATCH: Final = 0.2
"""Seconds between two looks at a worker that has something to do, at least; a fifth of a timeout otherwise."""


@final
class QueuedDelivery:
    """Keeps records in a bounded queue; a worker writes them in batches, and again while the sink is unavailable.

    Attributes:
        deliver: Puts a record into the queue; see `Delivery.deliver`.
        worker: Decides what is done with them.
    """

    def __init__(
        self,
        sink: GuardedSink,
        account: SinkAccount,
        options: DeliveryOptions,
        env: Env | None = None,
        journal: Store | None = None,
    ) -> None:
        self.sink = sink
        self.account = account
        self.options = options
        self.drops = Drops(account)
        self._env = env or Env()
        self._bell = Bell()
        memory = Queue(account, self._bell, options.queue, options.max_events, options.when_full)
        self._store: Store = memory if journal is None else journal  # an empty one is false
        self._memory = memory if journal is None else None
        self.worker = Worker(sink, self._store, account, options, self.drops, self._env, self._bell)
        account.waiting = self._store.__len__
        self.deliver: Deliver = memory.entrance(self._ask, self._wake) if journal is None else self._entrance()
        self._begin()

    @property
    def trouble(self) -> str:
        """What is wrong with the spool: ``failed`` or ``stalled``; or an empty text."""
        return self._store.trouble if isinstance(self._store, Adopts) else ""

    def _begin(self) -> None:
        self._bell.reset()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._role = threading.Lock()
        """Held by whoever does the worker's work."""
        self._unwatch: Cancel | None = None
        self._closed = False
        self._ended = False

    # -- the caller's side --------------------------------------------------------------------------------------------

    def _entrance(self) -> Deliver:
        """Return the function that puts a record into a journal."""
        put, bell, worker, ask, wake = self._store.put, self._bell, self.worker, self._ask, self._wake

        def deliver(record: Entry, /) -> None:
            if get_ident() == worker.ident or not put(record):
                ask(record)
            elif bell.tick is None:
                wake()

        return deliver

    def _ask(self, record: Entry, /) -> None:
        """Put *record*, for which its thread has no credit."""
        if get_ident() == self.worker.ident:
            self._refuse(record, "recursion")
        elif self._store.put(record):
            self._look_after()
        elif self._closed:
            self._refuse(record, "closed")
        elif self.options.when_full == "block":
            self._wait_for_room(record)
        else:
            self._crowd_in(record)

    def _look_after(self) -> None:
        if self._bell.tick is None:
            self._wake()

    def _crowd_in(self, record: Entry) -> None:
        """Put *record* in the place of what gives way to it, if something does."""
        self.worker.is_crowded()
        reason = self._store.reason(record)
        gone: Sequence[Entry] = (record,)
        while gone:
            gone = self._store.make_room(record)
            self.drops.give_way(gone, reason)
            if self._store.put(record):  # also where nothing gave way: room may have come by itself
                self._look_after()
                return
        self._refuse(record, "closed" if self._closed else reason)

    def _wait_for_room(self, record: Entry) -> None:
        """Put *record* as soon as there is room, or refuse it when `timeout` is over."""
        until = self._env.now() + self.options.timeout
        while not self._closed and self._env.now() < until:
            self._env.sleep(_NAP)
            if self._store.put(record):
                self._look_after()
                return
        self._refuse(record, "closed" if self._closed else self._store.reason(record))

    def _refuse(self, record: Entry, reason: str) -> None:
        cell = self.account.cell()
        cell.accepted += 1
        cell.dropped[reason] += 1
        if reason == "closed":
            self.drops.divert((record,), reason)
        elif reason != "recursion":  # what a sink says while it delivers would go round and round
            self.drops.give_way((record,), reason)

    def lose(self, event: Any, /) -> None:
        """Count an event of which no record could be made."""
        self.account.lose()

    # -- the worker's thread ------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Ring, or start the worker if there is none."""
        if self._runs() or self._start():
            self._bell.ring()
            self._watch_later()

    def _runs(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def _start(self) -> bool:
        """Start the worker; return whether there is one."""
        if not self._starting.acquire(blocking=False):
            return True  # another thread is at it
        try:
            if self._closed or self._runs():
                return self._runs()
            self._thread = self._env.start(self._work, f"penstock-{self.sink.name}")
            return True
        except RuntimeError as error:  # too many threads, or too late: the next record tries again
            report("worker.failed", "A worker could not be started.", subject=self.sink.name, error=error)
            return False
        finally:
            self._starting.release()

    def _work(self) -> None:
        with self._role:
            self._be_strict(get_ident())
            self.worker.run()
        if self._closed:  # `close` could not wait for the attempt that has ended only now
            self.sink.close(self._env.now() + self.options.timeout)

    def _stand_in(self, deadline: float) -> None:
        """Be the worker until *deadline*, for a process that can start no thread any more."""
        if not self._role.acquire(blocking=False):
            return  # another thread is
        before, self.worker.stop_at = self.worker.stop_at, deadline
        try:
            self._be_strict(get_ident())
            self.worker.run(standing_in=True)
        finally:
            self.worker.stop_at = before
            self._be_strict(0)
            self._role.release()

    def _be_strict(self, ident: int) -> None:
        """Let the thread *ident*, the worker's, ask for each record it puts: what its sink says is refused."""
        if self._memory is not None:
            self._memory.room.be_strict(ident)

    def _watch(self) -> None:
        """Look whether the worker is stalled, or dead though there is something to do; and again while there is."""
        self._unwatch = None
        if self._closed:
            return
        self.worker.watch()
        if self.worker.stop_at is None and len(self._store) and not self._runs():
            report("worker.died", "A worker died; it is started again.", subject=self.sink.name)
            self._start()
        if len(self._store) or self._bell.tick is not None:
            self._watch_later()

    def _watch_later(self) -> None:
        if self._unwatch is not None:
            return
        try:
            self._unwatch = self._env.later(max(_WATCH, self.options.timeout / 5), self._watch)
        except RuntimeError:  # the interpreter is too far gone to start a thread
            self._unwatch = None

    # -- whoever flushes, closes or forks -----------------------------------------------------------------------------

    def flush(self, deadline: float) -> bool:
        """Wait until nothing is pending; batches do not gather meanwhile."""
        if self._closed:
            return not len(self._store)
        if get_ident() == self.worker.ident:
            return False  # the worker cannot wait for itself
        self.worker.hurry += 1
        try:
            self._bell.ring()
            while (len(self._store) or self.worker.busy) and self._env.now() < deadline:
                if not self._runs() and not (self._start() and self._runs()):
                    self._stand_in(deadline)
                self._env.sleep(_NAP)
        finally:
            self.worker.hurry -= 1
        self.drops.tell()
        return not len(self._store) and self.sink.flush(deadline)

    def begin_close(self, deadline: float) -> None:
        """Have the worker drain until *deadline* and end."""
        self.worker.stop_at = deadline
        self._bell.ring()

    def close(self, deadline: float) -> bool:
        """Drain until *deadline*, count what is left as ``shutdown_deadline``, close the sink."""
        if self._ended:
            return not len(self._store)
        self.begin_close(deadline)
        thread = self._thread
        if thread is not None and thread.ident != get_ident():
            thread.join(max(0.0, min(deadline - self._env.now(), _LONGEST_WAIT)) + _GRACE)
        if not self._runs():
            # What came in after the worker ended, or where no thread could be started. Who is in a hurry may have
            # brought the end forward meanwhile.
            self._stand_in(min(deadline, self.worker.stop_at or deadline))
        self._closed = True
        left = self._store.close("shutdown_deadline")
        if self._unwatch is not None:
            self._unwatch()
        self.drops.divert(left, "shutdown_deadline")
        self.drops.tell()
        if len(self._store):
            text = "Events wait in the spool for the next start."
            report("spool.kept", text, subject=self.sink.name, count=len(self._store))
        if not self.worker.ident:
            self.sink.flush(deadline)
            self.sink.close(deadline + _GRACE)
        self._ended = True
        return not left and not len(self._store)

    def start(self, *, after_another: bool = False) -> None:
        """Begin to deliver what was left; a queue that begins empty waits for the first record.

        Args:
            after_another: Whether a river of this process closed meanwhile, and may have left something too.
        """
        if after_another and isinstance(self._store, Adopts):
            self.worker.look_around()
            self._wake()
        elif len(self._store):
            self._wake()

    def after_fork_in_child(self) -> None:
        """Leave what waits to the parent, counted here as ``fork_inherited``; the next record starts a worker."""
        self.sink.after_fork_in_child()
        self.account.reset()
        self._store.after_fork_in_child()
        self.worker.begin()
        self._begin()
