"""Worker: decides what a queued delivery does next: take, try, wait, give up, end; what waits in, what became of it
out; the sink's worker thread, or one that stands in for it; whatever goes wrong costs one batch at most.

    take ──> attempt ──> settle ──┬──> gather ──> take
                 ^                └──> wait (retry) ──┐
                 └────────────────────────────────────┘
    nothing there: sleep until the bell rings; the time is over, or it is to end and nothing is there: end

`turn` does one thing and says how long to wait before the next, so that time is only what `Env` says it is.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Sequence
from math import inf
from typing import Final, final

from penstock.faults import ERROR, report
from penstock.ledger import SinkAccount
from penstock.river.deliver import DeliveryOptions, Drops, delivering
from penstock.river.env import Bell, Env
from penstock.river.modes.retry import Retry
from penstock.river.sink import GuardedSink, Outcome
from penstock.river.store import Adopts, Entry, Store, Waiting

NOW: Final = 0.0
IDLE: Final = inf
"""Until the bell rings."""
END: Final = -1.0

_NAP: Final = 0.002
"""Seconds between two writes at least, if no whole batch is there: to wake for each record would cost the callers."""
_GLANCE: Final = 0.01
"""Seconds; how often it looks whether a whole batch has gathered."""
_SLICE: Final = 1.0
"""Seconds slept at most while records wait: so exact are their ages."""
_LONGEST_SLEEP: Final = 5.0
"""Seconds; then it looks by itself: an interrupt can keep a caller from ringing the bell."""
_BETWEEN_NOTICES: Final = 10.0
"""Seconds between two notices of what was dropped."""
_BETWEEN_COUNTS: Final = 1.0
"""Seconds between two looks whether something was dropped of which nobody told, such as what a dead process had."""
_BETWEEN_ADOPTIONS: Final = 30.0
"""Seconds between two looks for what a child left that died, or a river that this one took over from."""
_FAR_BEYOND: Final = 1.2
"""An attempt that takes so many times its timeout is stalled."""


@final
class Worker:
    """Brings what is in a store to its sink.

    Attributes:
        ident: The thread that does it now, or 0.
        busy: Whether an attempt goes on, up to the telling of what became of it.
        hurry: How many wait for it: batches do not gather meanwhile.
        stop_at: When it has to end; None while it is to go on.
    """

    def __init__(
        self,
        sink: GuardedSink,
        store: Store,
        account: SinkAccount,
        options: DeliveryOptions,
        drops: Drops,
        env: Env,
        bell: Bell,
    ) -> None:
        self._sink = sink
        self._store = store
        self._account = account
        self._options = options
        self._drops = drops
        self._env = env
        self._bell = bell
        self._retry = Retry(env.jitter)  # a forked child goes on with it: the service forbade more than one process
        self.begin()

    def begin(self) -> None:
        """Start anew, in a forked child too."""
        self.ident = 0
        self.busy = False
        self.hurry = 0
        self.stop_at: float | None = None
        self._gather_until = 0.0
        self._trying: Sequence[Entry] = ()
        self._since: float | None = None
        self._stalled = False
        self._takes = False
        self._say_at = 0.0
        self._count_at = 0.0
        self._crowd = 0
        self._adopt_at = self._env.now() + _BETWEEN_ADOPTIONS

    # -- the thread ---------------------------------------------------------------------------------------------------

    def run(self, standing_in: bool = False) -> None:
        """Do one thing after the other until the end; *standing_in* for a thread, let a KeyboardInterrupt pass."""
        self.ident = get_ident()
        delivering.add(self.ident)
        try:
            while self._goes_on(standing_in):
                pass
        finally:
            delivering.discard(self.ident)
            self.ident = 0
            self._bell.tick = None  # whoever puts now sees that nobody looks

    def _goes_on(self, standing_in: bool) -> bool:
        """Do one thing and wait as long as it takes; return whether there is another."""
        try:
            wait = self.turn()
            if wait > 0:
                self._bell.wait(min(wait, _LONGEST_SLEEP))
            return wait >= 0
        except BaseException as error:  # promise: a worker outlives whatever it meets, at the cost of one batch
            if standing_in and isinstance(error, KeyboardInterrupt):
                raise  # it is the program's; what was tried is still pending
            report("worker.failed", "A worker met an error.", subject=self._sink.name, level=ERROR, error=error)
            self._give_up()
            return True

    def _give_up(self) -> None:
        """Drop what was tried when an error came from where none is expected; if nothing was, wait before going on."""
        tried, self._trying = self._trying, ()
        if not tried:
            self._retry.failed(self._env.now(), None)
        elif self._store.settle(0, len(tried), "plugin_error"):
            self._drops.divert(tried, "plugin_error")

    def turn(self) -> float:
        """Do the next thing; return the seconds to wait after it, `NOW`, `IDLE` or `END`."""
        now = self._env.now()
        self._drops.tell()
        if self._bell.tick is None:
            self._bell.woke = now
        self._bell.tick = now
        wait = self._next(now)
        if wait == IDLE:
            self._bell.tick = None  # from now on who puts rings; what was put until now is seen here
            if len(self._store):
                return NOW
        return wait

    def _next(self, now: float) -> float:
        if self.stop_at is not None and now >= self.stop_at:
            return END
        if not len(self._store) and not self._adopts(now) and not self._say_losses(now):
            return IDLE if self.stop_at is None else END
        retry = self._retry.wait(now, self.stop_at)
        if retry is None:
            return END
        if not retry and (gather := self._gather(now)):
            return gather
        taken = self._store.take(self._options.batch)
        if not taken:
            return _NAP  # all of it gave way meanwhile, or the store was closed
        batch = self._drop_too_old(taken, now)
        if batch and retry:
            return min(retry, _SLICE)
        if batch:
            self._attempt([record for record, _ in batch[: self._retry.most(len(batch))]])
        return NOW

    def _adopts(self, now: float) -> bool:
        """Look, now and again, whether another process left something; return whether one did."""
        if now < self._adopt_at or self.stop_at is not None or not isinstance(self._store, Adopts):
            return False
        self._adopt_at = now + _BETWEEN_ADOPTIONS
        return self._store.adopt() > 0

    def _gather(self, now: float) -> float:
        """Return how long to wait for a batch to gather; nothing if one is there, or somebody waits for it."""
        if self.hurry or self.stop_at is not None or len(self._store) >= self._options.batch:
            return NOW
        return max(NOW, min(self._gather_until - now, _GLANCE))

    def _drop_too_old(self, batch: Sequence[Waiting], now: float) -> Sequence[Waiting]:
        """Drop those at the front that waited longer than they may; return the rest."""
        oldest = now - self._options.max_age
        if not batch or batch[0][1] >= oldest:
            return batch
        count = next((number for number, (_, since) in enumerate(batch) if since >= oldest), len(batch))
        if self._store.settle(0, count, "too_old"):
            self._drops.divert([record for record, _ in batch[:count]], "too_old")
        return batch[count:]

    # -- an attempt ---------------------------------------------------------------------------------------------------

    def _attempt(self, batch: Sequence[Entry]) -> None:
        """Write *batch*, settle what became of it, and plan what comes then."""
        self.busy = True
        self._trying = batch
        self._since = self._env.now()
        try:
            outcome = self._sink.write(batch)
            self._since = None
            self._trying = ()
            self._settle(outcome)
            self._sink.tell(outcome)
        finally:
            self._since = None
            self._stalled = False
            self.busy = False
        self._plan(outcome)

    def _settle(self, outcome: Outcome) -> None:
        refused = len(outcome.refused) + outcome.unnamed
        counted = self._store.settle(outcome.delivered, refused, outcome.reason)
        self._account.cell().redelivered += len(outcome.waiting)
        if counted and refused:
            self._drops.divert(outcome.refused, outcome.reason, outcome.unnamed)

    def _plan(self, outcome: Outcome) -> None:
        """Wait before the next attempt if some are to be tried again, else let a batch gather."""
        now = self._env.now()
        self._takes = outcome.delivered > 0
        if (self._takes or not outcome.waiting) and self._retry.succeeded():
            report("breaker.closed", "A sink takes whole batches again.", subject=self._sink.name)
        if outcome.waiting or outcome.retry_after:  # it may have taken all, and want a pause nevertheless
            if self._retry.failed(now, outcome.retry_after):
                text = "A sink failed so often that it is tried with one record at a time."
                report("breaker.opened", text, subject=self._sink.name, pending=len(self._store))
            return
        self._gather_until = now + max(self._options.batch_wait, _NAP)
        if self._crowd and len(self._store) <= self._crowd // 2:
            self._crowd = 0
            report("shedding.ended", "A queue has room again.", subject=self._sink.name, pending=len(self._store))
        self._say_losses(now)

    def _say_losses(self, now: float) -> bool:
        """Put a notice of what was dropped into the sink's own stream, if it takes records and it is time."""
        due = self._say_at if self._drops.untold else max(self._say_at, self._count_at)
        if not self._takes or (now < due and self.stop_at is None):
            return False
        self._count_at = now + _BETWEEN_COUNTS
        if not self._drops.say(self._store.put):
            return False
        self._say_at = now + _BETWEEN_NOTICES
        return True

    # -- whoever else -----------------------------------------------------------------------------------------------

    def is_crowded(self) -> None:
        """Tell, once, that records give way from now on; the worker tells when half of what waits now is gone."""
        if not self._crowd:
            self._crowd = max(1, len(self._store))
            report(
                "shedding.started",
                "A queue is full; records give way.",
                subject=self._sink.name,
                pending=self._crowd,
                when_full=self._options.when_full,
            )

    # -- whoever watches ----------------------------------------------------------------------------------------------

    def look_around(self) -> None:
        """Look soon whether another process, or another river of this one, left something."""
        self._adopt_at = 0.0

    def watch(self) -> None:
        """Look whether an attempt is stalled, and keep the time for those who put while it goes on.

        Called:
            When: every few seconds.
            Thread: any.
            May block: no.
            If it raises: it does not.
        """
        self._drops.tell()
        since, now = self._since, self._env.now()
        if since is None:
            return
        if self._bell.tick is not None:
            self._bell.tick = now
        if now - since > _FAR_BEYOND * self._options.timeout and not self._stalled:
            self._stalled = True
            text = "An attempt takes far longer than it may; what comes in waits."
            report(
                "sink.stalled", text, subject=self._sink.name, seconds=round(now - since, 1), pending=len(self._store)
            )
            if self._since is since and self._sink.status == "ok":
                self._sink.status = "degraded"
