"""Saying: workers that say numbered texts; an order in, acknowledgements on the board and a report out; threads of the
program under test; what a library raises is counted.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from array import array
from collections.abc import Mapping
from time import perf_counter_ns, sleep
from typing import Any, Final, final

from board import Board
from libraries import LIBRARIES
from numbered import text

_SLOTS: Final = 100_000
"""Calls are timed in microseconds; what takes longer than a tenth of a second shares the last slot."""

_WARM: Final = 1_000
"""After so many texts everything is loaded, and what memory is taken from then on is for events."""


def order() -> Mapping[str, Any]:
    """Return what the judge asked for."""
    asked: Mapping[str, Any] = json.loads(sys.argv[1])
    return asked


def tell(**facts: object) -> None:
    """Tell the judge something: one line of JSON, in one write."""
    os.write(1, json.dumps(facts).encode() + b"\n")


def wait_for_go() -> None:
    """Wait until the judge says go; if it died, so does this program."""
    if not os.read(0, 1):
        os._exit(3)


class Memory:
    """How much of it this process takes; asked also when no file can be opened."""

    def __init__(self) -> None:
        self._fd = os.open("/proc/self/statm", os.O_RDONLY) if sys.platform == "linux" else -1

    def resident(self) -> int:
        """Return how many bytes of this process are in memory; 0 where nobody knows."""
        if self._fd < 0:
            return 0
        return int(os.pread(self._fd, 200, 0).split()[1]) * resource.getpagesize()


@final
class Speaker:
    """Says what it was asked to, worker by worker."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self.asked = asked
        self.board = Board(asked["board"], asked["workers"])
        self.mouth = LIBRARIES[asked["library"]](asked)
        self.raised = 0
        self.slowest = 0
        self.warm = 0
        self._memory = Memory()
        self._times: list[array[int]] = []

    def work(self, worker: int) -> None:
        """Be *worker*: say `count` texts, or as many as there is time for, and acknowledge each one."""
        self.work_for(worker, self.asked["count"] or sys.maxsize)

    def work_for(self, worker: int, count: int) -> None:
        """Be *worker*: say texts up to the *count*-th."""
        asked, board = self.asked, self.board
        say = self.mouth.shout if worker in asked["shouting"] else self.mouth.say
        pause = asked["shouting_pause"] if worker in asked["shouting"] else asked["pause"]
        at_once = asked["acknowledge"] == "return"
        times = array("Q", bytes(8 * (_SLOTS + 1)))
        self._times.append(times)
        number = board.issued(worker)
        while number < count and not board.stopped:
            line = text(worker, number, asked["long"])
            number += 1
            board.issue(worker, number)
            begun = perf_counter_ns()
            try:
                say(line)
            except Exception:  # a peer's: Penstock's callers see none
                self.raised += 1
            took = (perf_counter_ns() - begun) // 1_000
            times[min(took, _SLOTS)] += 1
            self.slowest = max(self.slowest, took)
            if at_once:
                board.acknowledge(worker, number)
            if number == _WARM:
                self.warm = self._memory.resident()
            if pause:
                sleep(pause)

    def start(self, daemon: bool = False) -> list[threading.Thread]:
        """Start a thread for each worker."""
        first, count = self.asked["first"], self.asked["threads"]
        threads = [
            threading.Thread(target=self.work, args=(worker,), daemon=daemon) for worker in range(first, first + count)
        ]
        for thread in threads:
            thread.start()
        return threads

    def flush(self) -> bool:
        """Flush, and acknowledge what the library then says is done."""
        done = self.mouth.flush()
        if done and self.asked["acknowledge"] == "flush":
            for worker in range(self.asked["first"], self.asked["first"] + self.asked["threads"]):
                self.board.acknowledge(worker, self.board.issued(worker))
        return done

    def report(self, **facts: object) -> None:
        """Tell the judge the accounts, and how long calls took."""
        memory = {"warm": self.warm, "resident": self._memory.resident()}
        tell(**self.mouth.accounts(), **self.latency(), **memory, raised=self.raised, **facts)

    def latency(self) -> Mapping[str, float]:
        """Return how many microseconds calls took: the median, one in a thousand, the longest."""
        counts = [sum(column) for column in zip(*self._times, strict=True)] if self._times else []
        return {"p50": _quantile(counts, 0.5), "p999": _quantile(counts, 0.999), "slowest": self.slowest}


def _quantile(counts: list[int], share: float) -> int:
    """Return the slot below which *share* of all counts are."""
    below, wanted = 0, share * sum(counts)
    for slot, count in enumerate(counts):
        below += count
        if below >= wanted:
            return slot
    return 0
