"""What each stage of the way costs, taken apart: ``python -m bench.stages`` with `tests` on the path.

The stages are the real ones, put together by hand as `compose` does it: keys redactor, flat JSON, inline file. Each is
timed alone on the same event, all of them in turn, and the medians are printed; their sum is a little less than the
whole, since caches are warmer.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

import penstock
from bench.event import SECRETS
from penstock.event import EMPTY, Event
from penstock.ledger import PipelineAccount, SinkAccount
from penstock.river.emit import slot
from penstock.river.format import build_format
from penstock.river.match import build_match
from penstock.river.modes.inline import InlineDelivery
from penstock.river.pipeline import Levels, Pipeline, River, build_pipeline
from penstock.river.redact import build_redact
from penstock.river.sink import GuardedSink
from penstock_file_rotate.sink import FileRotateSink
from penstock_json.format import JsonFormat
from penstock_redact.keys import KeyRedactor

ROUNDS, CALLS = (3, 200) if "--quick" in sys.argv else (31, 5_000)


class Inlet:
    """Where events go instead of a river: keeps the last one, or gives all to a real river."""

    static: Mapping[str, object] = EMPTY

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.submit: Callable[[Event], None] = self.seen.append

    def wants(self, name: str, level: int, /) -> bool:
        """Return True."""
        return True

    def threshold(self, name: str, /) -> int:
        """Return 0."""
        return 0

    def lowest(self) -> int:
        """Return 0."""
        return 0

    def set_level(self, level: str | int, name: str | None, sink: str | None, seconds: float | None, /) -> None:
        """Do nothing."""

    def flush(self, timeout: float, /) -> bool:
        """Return True."""
        return True

    def shutdown(self, timeout: float, /) -> bool:
        """Return True."""
        return True


def with_fields(message: str, /, **fields: object) -> None:
    """Do nothing: what the call itself costs."""


def stages(folder: Path) -> tuple[Mapping[str, Callable[[], object]], Callable[[], None]]:
    """Return what is timed, by what it is called, and what puts everything away."""
    file = FileRotateSink(path=folder / "out.jsonl", max_size=False)
    file.open()
    sink = SinkAccount("file")
    delivery = InlineDelivery(GuardedSink("file", file), sink)
    redact = build_redact([("secrets", KeyRedactor(keys=list(SECRETS)))])
    render = build_format("json", JsonFormat(), "json")
    account = PipelineAccount("all")
    carry = build_pipeline([], redact, render, delivery.deliver, delivery.lose, account, lambda stage, resume: True)
    everything = build_match([])
    river = River([Pipeline(name="all", match=everything, sink="file", carry=carry, account=account)], Levels(20))
    before, inlet = slot.inlet, Inlet()
    log = penstock.get_logger("bench")
    slot.inlet = inlet

    log.info("order filled", symbol="BTCUSDT", side="buy", qty=2, price=64000.5, live=True)
    (event,) = inlet.seen
    line = render(event)
    assert isinstance(line, tuple)
    fd = os.open(folder / "bare.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing, into_river = Inlet(), Inlet()
    nothing.submit = lambda event: None
    into_river.submit = river.carry

    def through(where: Inlet) -> Callable[[], None]:
        def call() -> None:
            slot.inlet = where
            log.info("order filled", symbol="BTCUSDT", side="buy", qty=2, price=64000.5, live=True)

        return call

    def close() -> None:
        slot.inlet = before
        file.close()
        os.close(fd)

    return {
        "an empty call with five fields": lambda: with_fields(
            "order filled", symbol="BTCUSDT", side="buy", qty=2, price=64000.5, live=True
        ),
        "emit: the call, its site, the event": through(nothing),
        "redact: nothing to hide": lambda: redact(event),
        "format: flat JSON": lambda: render(event),
        "deliver: counted, guarded, written": lambda: delivery.deliver(line),
        "  of which the sink": lambda: file.write_line(line[0], line[3]),
        "  of which the system": lambda: os.write(fd, line[0]),
        "pipeline: redact, format, deliver, counted": lambda: carry(event),
        "river: route and pipeline": lambda: river.carry(event),
        "all of it": through(into_river),
    }, close


def main() -> None:
    """Print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        timed, close = stages(Path(folder))
        found: dict[str, list[float]] = {name: [] for name in timed}
        for _ in range(ROUNDS):
            for name, call in timed.items():
                start = perf_counter()
                for _ in range(CALLS):
                    call()
                found[name].append((perf_counter() - start) / CALLS * 1e9)
        close()
    whole = statistics.median(found["all of it"])
    for name, times in found.items():
        median = statistics.median(times)
        print(f"{name:46}{median:7.0f} ns {median / whole:7.0%}")


if __name__ == "__main__":
    main()
