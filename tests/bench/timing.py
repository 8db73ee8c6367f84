"""The clocks around the events: wall and CPU time of the callers, and of the process until all is written."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import perf_counter, process_time, sleep, thread_time
from typing import TypeAlias

from bench.event import Contender, emitter
from bench.runs import Run

Emit: TypeAlias = Callable[[Iterable[int]], None]

WARM = {"quick": 20, "full": 300, "long": 300}
"""Events before the clock starts: caches fill, call sites become known."""
LEAST, MOST = 100, 50_000
"""Events of a run. More would overflow bounded queues, fewer say nothing."""


def time_events(contender: Contender, run: Run, path: Path) -> tuple[dict[str, float], int]:
    """Return what an event costs, and how many there were."""
    emit = emitter(contender, run.case)
    first, events = warm(emit, run, path)
    ranges = shares(first, events, run.threads)
    gc.collect()
    cpu, start = process_time(), perf_counter()
    caller_cpu = in_threads(emit, ranges) if run.threads > 1 else in_this_thread(emit, ranges[0])
    called = perf_counter()
    contender.close()
    written = perf_counter()
    done = sum(map(len, ranges))
    figures = {
        "wall": (called - start) / done * 1e6,
        "caller CPU": caller_cpu / done * 1e6,
        "process CPU": (process_time() - cpu) / done * 1e6,
        "events/s": done / (written - start),
    }
    return figures, first + done


def warm(emit: Emit, run: Run, path: Path, most: int = MOST) -> tuple[int, int]:
    """Emit some events, wait until they are written, and return how many that were, and how many fit into the run."""
    count = WARM[run.length]
    emit(range(count))
    settle(path, count if run.case.wanted else 0)
    start = perf_counter()
    emit(range(count, 2 * count))
    took = perf_counter() - start
    settle(path, 2 * count if run.case.wanted else 0)
    return 2 * count, max(LEAST, min(most, int(run.seconds / took * count)))


def settle(path: Path, lines: int) -> None:
    """Wait until *lines* lines are in the file: a worker still busy with them would be in the way."""
    give_up = perf_counter() + 1.0
    while path.exists() and path.read_bytes().count(b"\n") < lines and perf_counter() < give_up:
        sleep(0.005)


def shares(first: int, events: int, threads: int) -> list[range]:
    """Return the numbers of each thread, the same count for each."""
    share = events // threads
    return [range(first + share * index, first + share * (index + 1)) for index in range(threads)]


def in_this_thread(emit: Emit, numbers: Iterable[int]) -> float:
    """Emit, and return the CPU time it took."""
    start = thread_time()
    emit(numbers)
    return thread_time() - start


def in_threads(emit: Emit, ranges: Sequence[Iterable[int]]) -> float:
    """Emit in as many threads as there are ranges, all at once, and return the CPU time of all of them."""
    times: list[float] = []
    barrier = threading.Barrier(len(ranges))

    def work(numbers: Iterable[int]) -> None:
        barrier.wait()
        times.append(in_this_thread(emit, numbers))

    workers = [threading.Thread(target=work, args=(numbers,)) for numbers in ranges]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(times)
