"""What the tests of deliveries share: a world in which time passes when they say so, and records with a number."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from penstock.clock import Cancel, monotonic
from penstock.errors import Rejected, Unavailable
from penstock.ledger import DROP_REASONS, SinkAccount, SinkLedger
from penstock.river.deliver import DeliveryOptions
from penstock.river.env import Env
from penstock.river.modes.queued import QueuedDelivery
from penstock.river.modes.worker import END, IDLE
from penstock.river.sink import GuardedSink
from penstock.river.spool.journal import Journal
from penstock.river.store import Entry

RECORD = 201
"""Bytes that a record of one byte takes while it waits."""


def soon() -> float:
    return monotonic() + 5


def balanced(account: SinkAccount) -> SinkLedger:
    ledger = account.read()
    assert ledger.balanced, ledger
    assert set(ledger.dropped) <= DROP_REASONS
    return ledger


def line(data: bytes | str | int, level: int = 20, time_ns: int = 0) -> Entry:
    text = data if isinstance(data, bytes) else str(data).encode()
    return (text, level, "some.event", time_ns, "plain")


class VirtualThread(threading.Thread):
    """A worker that does nothing by itself: the world lets it do one thing after the other."""

    def __init__(self, env: VirtualEnv) -> None:
        super().__init__(daemon=True)
        self._env = env

    def is_alive(self) -> bool:
        return not self._env.ended

    def join(self, timeout: float | None = None) -> None:
        self._env.run(until=self._env.time + (timeout or 0.0))


class VirtualEnv(Env):
    """Time that passes only while somebody waits, and chance that always says *luck* of what is possible."""

    def __init__(self, luck: float = 1.0) -> None:
        self.time = 1_000.0
        self.luck = luck
        self.turn: Callable[[], float] = lambda: IDLE
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.ended = False
        self._turning = False

    def now(self) -> float:
        return self.time

    def jitter(self, most: float) -> float:
        return most * self.luck

    def start(self, run: Callable[[], None], name: str) -> threading.Thread:
        self.ended = False
        return VirtualThread(self)

    def later(self, seconds: float, function: Callable[[], None]) -> Cancel:
        timer = (self.time + seconds, function)
        self.timers.append(timer)
        return lambda: self.timers.remove(timer) if timer in self.timers else None

    def sleep(self, seconds: float) -> None:
        if self._turning:  # the worker hangs in a write, and somebody else waits
            self.pass_time(seconds)
        else:
            self.run(until=self.time + seconds)

    def pass_time(self, seconds: float) -> None:
        """Let time pass without the worker, as while it hangs in a write."""
        until = self.time + seconds
        while due := [timer for timer in self.timers if timer[0] <= until]:
            timer = min(due, key=lambda one: one[0])
            self.timers.remove(timer)
            self.time = max(self.time, timer[0])
            timer[1]()
        self.time = until

    def _turn(self) -> float:
        self._turning = True
        try:
            return self.turn()
        finally:
            self._turning = False

    def run(self, until: float) -> None:
        """Let the worker do its turns until it has nothing to do, or it is *until*."""
        for _ in range(10_000):
            wait = END if self.ended else self._turn()
            if wait == END:
                self.ended = True
            if wait == END or self.time + wait > until:
                self.pass_time(max(0.0, until - self.time))
                return
            self.pass_time(wait)
        raise AssertionError("the worker turns and turns, and no time passes")


def virtual(sink: Any, env: VirtualEnv, journal: Journal | None = None, **options: Any) -> QueuedDelivery:
    """Return a queued delivery to *sink* in the world of *env*, with the account of *journal* if there is one."""
    account = SinkAccount("out") if journal is None else journal._account
    delivery = QueuedDelivery(GuardedSink("out", sink), account, DeliveryOptions(**options), env, journal)
    env.turn = delivery.worker.turn
    return delivery


class Scripted:
    """A sink that does what it is told to, one thing for each attempt, and takes everything afterwards.

    Attributes:
        attempts: When, and with what it was called.
        got: What it took, if it tells the truth.
        unnamed: What it was given when it refused some and did not say which.
    """

    def __init__(self, env: VirtualEnv, *script: BaseException | float | Callable[[Sequence[Any]], object]) -> None:
        self.env = env
        self.script = list(script)
        self.attempts: list[tuple[float, list[bytes]]] = []
        self.got: list[bytes] = []
        self.unnamed: set[bytes] = set()

    def write(self, batch: Sequence[Any], /) -> None:
        data = [record.data for record in batch]
        self.attempts.append((self.env.time, data))
        try:
            self._do(self.script.pop(0) if self.script else None, batch)
        except Unavailable as error:
            taken = data[: max(error.delivered, 0)]
            self.got += [one for place, one in enumerate(taken) if place not in error.rejected]
            raise
        except Rejected as error:
            if error.indexes is not None:
                self.got += [one for place, one in enumerate(data) if place not in error.indexes]
            elif error.count is not None:
                self.unnamed.update(data)
            raise
        self.got += data

    def _do(self, step: BaseException | float | Callable[[Sequence[Any]], object] | None, batch: Sequence[Any]) -> None:
        if isinstance(step, float):
            self.env.pass_time(step)
        elif callable(step):
            step(batch)
        elif step is not None:
            raise step
