"""What telemetry costs: `execute` and `span` with 0, 1 and 5 handlers where no pipeline wants them, and into a file."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import penstock
from bench.contenders.penstock import configuration
from bench.event import Case
from bench.runs import Outcome, Run
from bench.table import Found, Table

ROUNDS = 9
_EVENTS = 200_000
_WRITTEN = 20_000
Loop = Callable[[int], None]


def execute(count: int) -> None:
    """Measure something, again and again."""
    for number in range(count):
        penstock.execute("shop.order.paid", {"amount": number}, {"currency": "EUR"})


def execute_at_info(count: int) -> None:
    """The same at a level that is wanted."""
    for number in range(count):
        penstock.execute("shop.order.paid", {"amount": number}, {"currency": "EUR"}, level="info")


def spans(count: int) -> None:
    """Enter and leave a span."""
    for _ in range(count):
        with penstock.span("shop.order", currency="EUR"):
            pass


@penstock.span("shop.order", currency="EUR")
def decorated() -> None:
    """Do nothing, in a span."""


def calls(count: int) -> None:
    """Call a function that has a span around it."""
    for _ in range(count):
        decorated()


_LOOPS: dict[str, tuple[Loop, int]] = {
    "execute, no handler": (execute, 0),
    "execute, 1 handler": (execute, 1),
    "execute, 5 handlers": (execute, 5),
    "execute, into a file": (execute_at_info, 0),
    "span, no handler": (spans, 0),
    "span, 1 handler": (spans, 1),
    "span, 5 handlers": (spans, 5),
    "span around a function": (calls, 0),
}


def runs() -> Sequence[Run]:
    """Return a run for each."""
    return [Run(measure="telemetry", row=name, column=name, contender="penstock") for name in _LOOPS]


def run(run: Run, path: Path) -> Outcome:
    """Time it; what the handlers saw and what the file got is counted."""
    loop, handlers = _LOOPS[run.row]
    penstock.configure(configuration(path, Case(redact=True), mode="inline"), strict=True)
    seen = [0] * handlers
    for index in range(handlers):
        penstock.attach(f"bench-{index}", ["shop.order.paid", "shop.order.stop"], count_in(seen, index))
    events = _WRITTEN if loop is execute_at_info else _EVENTS
    events = events // 100 if run.length == "quick" else events
    loop(events // 10)
    gc.collect()
    start = perf_counter()
    loop(events)
    took = perf_counter() - start
    assert penstock.shutdown(60.0)
    assert seen == [events + events // 10] * handlers, seen
    check(path, events + events // 10 if loop is execute_at_info else 0)
    return Outcome(figures={"ns": took / events * 1e9})


def count_in(seen: list[int], index: int) -> Callable[..., None]:
    """Return a handler that counts."""

    def handle(event: str, measurements: object, metadata: object, config: object) -> None:
        seen[index] += 1

    return handle


def check(path: Path, wanted: int) -> None:
    """Look whether the file has the events that were to be written, with their values."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    assert len(lines) == wanted, (len(lines), wanted)
    for line in lines:
        members = json.loads(line)
        assert (members["event"], members["currency"]) == ("shop.order.paid", "EUR"), line


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    return [Table(title="Telemetry: ns per call", columns=("ns",), found=found, base="execute, no handler")]
