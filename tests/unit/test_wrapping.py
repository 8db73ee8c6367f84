"""A wrapped function is the function, inside a context."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from penstock.wrapping import wrap_in


def noting(notes: list[str]) -> Any:
    @contextlib.contextmanager
    def make() -> Iterator[None]:
        notes.append("in")
        yield
        notes.append("out")

    return make


def test_it_keeps_name_arguments_and_result() -> None:
    notes: list[str] = []

    def add(a: int, b: int = 2) -> int:
        """Add."""
        return a + b

    wrapped = wrap_in(noting(notes), add)

    assert wrapped(1, b=3) == 4
    assert (wrapped.__name__, wrapped.__doc__) == ("add", "Add.")
    assert notes == ["in", "out"]


def test_a_coroutine_function_stays_one() -> None:
    notes: list[str] = []

    async def later() -> int:
        await asyncio.sleep(0)
        notes.append("body")
        return 1

    wrapped = wrap_in(noting(notes), later)

    assert asyncio.iscoroutinefunction(wrapped) if hasattr(asyncio, "iscoroutinefunction") else True
    assert asyncio.run(wrapped()) == 1
    assert notes == ["in", "body", "out"]


def test_the_context_of_a_generator_lasts_until_it_ends() -> None:
    notes: list[str] = []

    def numbers() -> Iterator[int]:
        yield 1
        notes.append("body")
        yield 2

    assert list(wrap_in(noting(notes), numbers)()) == [1, 2]
    assert notes == ["in", "body", "out"]


def test_where_an_exception_is_swallowed_the_call_returns_what_was_said() -> None:
    def fail() -> int:
        raise ValueError

    assert wrap_in(lambda: contextlib.suppress(ValueError), fail, otherwise=7)() == 7
