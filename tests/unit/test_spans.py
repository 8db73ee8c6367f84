"""A span tells how long something took and how it ended, and never changes what happens."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

import penstock


@pytest.fixture
def seen() -> Iterator[list[tuple[str, dict[str, Any], dict[str, Any]]]]:
    rows: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
    names = [f"{name}{ending}" for name in ("db.query", "job") for ending in (".start", ".stop", ".exception")]
    penstock.attach(
        "seen", names, lambda event, numbers, facts, config: rows.append((event, dict(numbers), dict(facts)))
    )
    yield rows
    penstock.detach("seen")


Rows = list[tuple[str, dict[str, Any], dict[str, Any]]]


def test_a_block_that_ends_emits_start_and_stop(seen: Rows) -> None:
    with penstock.span("db.query", table="orders") as span:
        span.measure(rows=3)
        span.add(status="ok")

    (start, numbers, facts), (stop, end_numbers, end_facts) = seen
    assert (start, stop) == ("db.query.start", "db.query.stop")
    assert set(numbers) == {"monotonic_time", "system_time"}
    assert set(end_numbers) == {"duration", "monotonic_time", "rows"}
    assert end_numbers["rows"] == 3
    assert facts == {"table": "orders", "telemetry_span_context": facts["telemetry_span_context"]}
    assert end_facts == {**facts, "status": "ok"}  # stop metadata include start metadata


def test_duration_is_whole_nanoseconds_and_leaves_out_the_handlers(seen: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000]
    monkeypatch.setattr("penstock.spans.monotonic_ns", lambda: now[0])

    def slow_handler(*_: object) -> None:
        now[0] += 1_000_000

    penstock.attach("slow", ["job.start", "job.stop"], slow_handler)
    with penstock.span("job"):
        now[0] += 50
    penstock.detach("slow")

    assert seen[1][1]["duration"] == 50


def test_extra_measurements_cannot_replace_the_standard_ones(seen: Rows) -> None:
    with penstock.span("job") as span:
        span.measure(duration=-1, monotonic_time=-1)

    assert seen[1][1]["duration"] >= 0
    assert seen[1][1]["monotonic_time"] > 0


def test_an_exception_is_told_and_goes_on_unchanged(seen: Rows) -> None:
    error = KeyError("x")

    with pytest.raises(KeyError) as caught, penstock.span("job", run=1) as span:
        span.measure(done=2)
        raise error

    assert caught.value is error
    name, numbers, facts = seen[1]
    assert name == "job.exception"
    assert set(numbers) == {"duration", "monotonic_time", "done"}
    assert facts["reason"] is error
    assert facts["kind"] == "error"
    assert facts["run"] == 1
    assert facts["stacktrace"] is not None


def test_each_span_has_a_context_of_its_own(seen: Rows) -> None:
    with penstock.span("job"), penstock.span("job"):
        pass

    contexts = [facts["telemetry_span_context"] for _, _, facts in seen]
    assert contexts[0] == contexts[3]
    assert contexts[1] == contexts[2]
    assert contexts[0] != contexts[1]


def test_a_cancelled_task_ends_in_exception_and_is_cancelled(seen: Rows) -> None:
    async def forever() -> None:
        with penstock.span("job"):
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert [row[0] for row in seen] == ["job.start", "job.exception"]
    assert isinstance(seen[1][2]["reason"], asyncio.CancelledError)


def test_a_generator_that_is_closed_ends_in_exception(seen: Rows) -> None:
    def numbers() -> Iterator[int]:
        with penstock.span("job"):
            yield 1
            yield 2

    generator = numbers()
    next(generator)
    generator.close()  # type: ignore[attr-defined]

    assert [row[0] for row in seen] == ["job.start", "job.exception"]
    assert isinstance(seen[1][2]["reason"], GeneratorExit)


def test_it_decorates_functions_coroutine_functions_and_generators(seen: Rows) -> None:
    @penstock.span("job", kind="plain")
    def plain(value: int) -> int:
        """Say it."""
        return value + 1

    @penstock.span("job", kind="async")
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value + 2

    @penstock.span("job", kind="generator")
    def several() -> Iterator[int]:
        yield 1
        yield 2

    assert plain(1) == 2
    assert plain.__doc__ == "Say it."
    assert asyncio.run(later(1)) == 3
    assert list(several()) == [1, 2]
    assert [(name, facts["kind"]) for name, _, facts in seen] == [
        (f"job.{ending}", kind) for kind in ("plain", "async", "generator") for ending in ("start", "stop")
    ]


def test_start_and_stop_go_down_the_river_at_debug_and_exception_at_error() -> None:
    with penstock.testing.capture() as events, pytest.raises(ZeroDivisionError):
        with penstock.span("job"):
            pass
        with penstock.span("job"):
            raise ZeroDivisionError

    assert [(event.name, event.level) for event in events] == [
        ("job.start", 10),
        ("job.stop", 10),
        ("job.start", 10),
        ("job.exception", 40),
    ]


def test_the_traceback_is_for_handlers_and_the_reason_tells_it_in_the_river(seen: Rows) -> None:
    with penstock.testing.capture() as events, pytest.raises(ZeroDivisionError), penstock.span("job"):
        raise ZeroDivisionError

    assert seen[1][2]["stacktrace"] is not None
    assert "stacktrace" not in events[1].merged()
    assert isinstance(events[1].merged()["reason"], ZeroDivisionError)


def test_a_failing_handler_does_not_touch_the_block(seen: Rows) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    penstock.attach("broken", "job.start", broken)

    with penstock.span("job"):
        value = 1

    assert value == 1
    assert [row[0] for row in seen] == ["job.start", "job.stop"]


def test_the_place_of_a_decorated_function_is_its_own() -> None:
    @penstock.span("job")
    @functools.lru_cache
    def work() -> None:
        return None

    @penstock.span("job")
    async def later() -> None:
        return None

    with penstock.testing.capture() as events:
        work()
        asyncio.run(later())
        penstock.span("job")(len)([])

    assert [event.site.function.rpartition(".")[2] for event in events] == [
        *["work"] * 2,
        *["later"] * 2,
        *["len"] * 2,
    ]
    assert {event.site.file for event in events} == {__file__, ""}


def test_a_decorated_async_generator_is_in_its_span_until_it_ends(seen: Rows) -> None:
    got: list[object] = []

    @penstock.span("job")
    async def numbers() -> AsyncGenerator[int, str]:
        got.append((yield 1))
        try:
            yield 2
        except KeyError:
            got.append("thrown")
            yield 3

    async def main() -> None:
        generator = numbers()
        assert await anext(generator) == 1
        assert [row[0] for row in seen] == ["job.start"]
        assert await generator.asend("sent") == 2
        assert await generator.athrow(KeyError()) == 3
        assert [row[0] for row in seen] == ["job.start"]
        assert [number async for number in generator] == []

    asyncio.run(main())

    assert got == ["sent", "thrown"]
    assert [row[0] for row in seen] == ["job.start", "job.stop"]


def test_a_decorated_async_generator_that_is_closed_ends_at_once(seen: Rows) -> None:
    ended: list[str] = []

    @penstock.span("job")
    async def numbers() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            ended.append("inner")

    async def main() -> None:
        generator = numbers()
        await anext(generator)
        await generator.aclose()
        assert ended == ["inner"]
        assert [row[0] for row in seen] == ["job.start", "job.exception"]

    asyncio.run(main())


def test_the_callers_own_span_context_is_kept(seen: Rows) -> None:
    with penstock.span("job", telemetry_span_context="mine"):
        pass

    assert [facts["telemetry_span_context"] for _, _, facts in seen] == ["mine", "mine"]


def test_every_word_can_be_measured_and_added(seen: Rows) -> None:
    with penstock.span("job") as span:
        span.measure(self=1).add(self=2)

    assert (seen[1][1]["self"], seen[1][2]["self"]) == (1, 2)


def test_a_name_that_is_no_text_never_raises() -> None:
    name: Any = ["a"]
    with penstock.testing.capture() as events, penstock.span(name):
        pass

    assert [event.name for event in events] == ["['a'].start", "['a'].stop"]
