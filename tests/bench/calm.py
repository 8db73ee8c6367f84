"""What a stage of penstock-digest costs its caller: ``python -m bench.calm`` with `tests` on the path.

Each way of an event through a stage is timed alone in CPU time, all of them in turn; the best and the median round are
printed. The stages are the real ones with their real lock and clock; only the timers' thread has nothing to do.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from time import thread_time

from penstock.event import Event, Site
from penstock.units import Duration
from penstock_digest.group import GroupStage
from penstock_digest.quiet import QuietStage
from penstock_digest.sample import SampleStage
from penstock_digest.throttle import ThrottleStage

ROUNDS, CALLS = (3, 200) if "--quick" in sys.argv else (31, 5_000)


def never(seconds: float, function: Callable[[], None], /) -> Callable[[], None]:
    """Stand for a timer."""
    return lambda: None


def raised() -> ValueError:
    """Return an error with a traceback of some frames."""

    def fail(depth: int) -> None:
        if not depth:
            raise ValueError("no")
        fail(depth - 1)

    try:
        fail(10)
    except ValueError as error:
        return error
    raise AssertionError


EVENT = Event("shop.till", "stuck", 40, fields={"drawer": 3}, site=Site("shop.till", "open", "/app/till.py", 33))
FAILED = EVENT.replace(error=raised())


def ways() -> dict[str, tuple[Callable[[Event], Event | None], Event, bool]]:
    """Return by name what is called with which event, and whether it passes."""
    group, throttle, flood = GroupStage(), ThrottleStage(every=Duration(0), total_every=Duration(0)), ThrottleStage()
    day, night = (QuietStage(start="22:00", end="07:00", zone="UTC") for _ in range(2))
    day._wall, night._wall = (lambda: 43_200.0), (lambda: 0.0)
    for stage in (group, throttle, flood, day, night):
        stage.open(lambda event: None, never)
    for _ in range(20):
        flood.emit(EVENT)
    group.emit(EVENT)
    group.emit(FAILED)
    return {
        "group, a repeat": (group.emit, EVENT, False),
        "group, a repeat with an error": (group.emit, FAILED, False),
        "throttle, passing": (throttle.emit, EVENT, True),
        "throttle, held back": (flood.emit, EVENT, False),
        "quiet, by day": (day.emit, EVENT, True),
        "quiet, by night": (night.emit, EVENT, False),
        "sample, a level that is not named": (SampleStage(rates={"info": 0.1}).emit, EVENT, True),
        "sample, half": (SampleStage(rates={"error": 0.5}).emit, EVENT, True),
    }


def cost(call: Callable[[Event], Event | None], event: Event) -> float:
    """Return nanoseconds a call."""
    before = thread_time()
    for _ in range(CALLS):
        call(event)
    return (thread_time() - before) / CALLS * 1e9


def first_ones() -> float:
    """Return nanoseconds for the first event of a kind in `group`."""
    group = GroupStage(kinds=CALLS + 1)
    group.open(lambda event: None, never)
    events = [EVENT.replace(name=f"shop.till.{number}") for number in range(CALLS)]
    before = thread_time()
    for event in events:
        group.emit(event)
    return (thread_time() - before) / CALLS * 1e9


def main() -> None:
    """Time everything and print it."""
    all_ways = ways()
    found: dict[str, list[float]] = {name: [] for name in (*all_ways, "group, the first of a kind")}
    for _ in range(ROUNDS):
        for name, (call, event, passes) in all_ways.items():
            found[name].append(cost(call, event))
            assert "half" in name or (call(event) is not None) is passes, name
        found["group, the first of a kind"].append(first_ones())
    for name, nanoseconds in found.items():
        print(f"{name:<36}{min(nanoseconds):7.0f} ns, median {statistics.median(nanoseconds):.0f}")


if __name__ == "__main__":
    main()
