"""Context goes along with a task, and nowhere else."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator

import penstock
from penstock.context import current_context


def test_fields_are_there_inside_the_block_and_inner_ones_win() -> None:
    with penstock.context(a=1, b=1):
        with penstock.context(b=2):
            assert current_context() == {"a": 1, "b": 2}
        assert current_context() == {"a": 1, "b": 1}
    assert current_context() == {}


def test_bind_unbind_and_clear() -> None:
    penstock.bind_context(a=1, b=2)
    penstock.unbind_context("a", "absent")
    assert current_context() == {"b": 2}
    penstock.clear_context()
    assert current_context() == {}


def test_every_name_is_legal() -> None:
    with penstock.context(self=1, fields=2):
        assert current_context() == {"self": 1, "fields": 2}


def test_it_decorates_functions_and_coroutine_functions_again_and_again() -> None:
    @penstock.context(a=1)
    def plain() -> object:
        return dict(current_context())

    @penstock.context(a=2)
    async def later() -> object:
        await asyncio.sleep(0)
        return dict(current_context())

    assert plain() == plain() == {"a": 1}
    assert asyncio.run(later()) == {"a": 2}
    assert current_context() == {}


def test_tasks_do_not_see_each_others_context() -> None:
    async def one(number: int) -> object:
        with penstock.context(number=number):
            await asyncio.sleep(0)
            return current_context()["number"]

    async def main() -> list[object]:
        return await asyncio.gather(*(one(number) for number in range(20)))

    assert asyncio.run(main()) == list(range(20))


def test_a_thread_starts_without_it() -> None:
    seen: list[object] = []
    with penstock.context(a=1):
        thread = threading.Thread(target=lambda: seen.append(dict(current_context())))
        thread.start()
        thread.join()

    assert seen == [{}]


def test_a_block_left_from_another_context_is_tolerated() -> None:
    async def generator() -> AsyncIterator[int]:
        with penstock.context(a=1):
            yield 1
            yield 2

    async def main() -> None:
        numbers = generator()
        await anext(numbers)
        await asyncio.get_running_loop().create_task(numbers.aclose(), context=contextvars.Context())  # type: ignore[attr-defined]

    asyncio.run(main())


def test_one_context_can_be_used_in_two_threads_at_once() -> None:
    shared = penstock.context(request=1)
    first_is_in, second_is_in = threading.Event(), threading.Event()
    left: dict[str, object] = {}

    def first() -> None:
        with shared:
            first_is_in.set()
            second_is_in.wait(5)
        left["first"] = dict(current_context())

    def second() -> None:
        first_is_in.wait(5)
        with shared:
            second_is_in.set()
            one.join()
        left["second"] = dict(current_context())

    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    two.start()
    one.join()
    two.join()

    assert left == {"first": {}, "second": {}}


def test_one_context_can_be_used_in_two_tasks_at_once() -> None:
    shared = penstock.context(request=1)

    async def one(turns: int) -> object:
        with shared:
            for _ in range(turns):
                await asyncio.sleep(0)
        return dict(current_context())

    async def main() -> list[object]:
        return list(await asyncio.gather(one(1), one(3), one(2)))

    assert asyncio.run(main()) == [{}, {}, {}]


def test_one_context_can_be_entered_twice() -> None:
    shared = penstock.context(a=1)
    with shared:
        penstock.bind_context(b=2)
        with shared:
            assert current_context() == {"a": 1, "b": 2}
        assert current_context() == {"a": 1, "b": 2}
    assert current_context() == {}
