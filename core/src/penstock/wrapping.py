"""Wrapping: makes a decorator of a context manager; functions in, functions out; any thread; raises nothing itself."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Generator

from penstock.hints import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any, Final, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

# Flags of a code object (https://docs.python.org/3/library/inspect.html#code-objects-bit-flags); the module `inspect`
# itself would cost `import penstock` several milliseconds.
_GENERATOR: Final = 0x20
_COROUTINE: Final = 0x80
_ASYNC_GENERATOR: Final = 0x200


def wrap_in(
    make: Callable[[], AbstractContextManager[object]], function: Callable[P, R], otherwise: Any = None
) -> Callable[P, R]:
    """Return *function* with each of its calls inside a new context from *make*.

    Works for functions, coroutine functions and generator functions, async ones too; of those the context lasts until
    they end.
    Where the context swallows an exception, the call returns *otherwise*.
    """
    call: Any = function
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & _COROUTINE:

        @functools.wraps(function)
        async def in_task(*args: Any, **kwargs: Any) -> object:
            with make():
                return await call(*args, **kwargs)
            return otherwise

        return cast("Callable[P, R]", in_task)
    if flags & _ASYNC_GENERATOR:

        @functools.wraps(function)
        async def in_async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            with make():
                inner = call(*args, **kwargs)
                step = inner.asend(None)
                try:  # what `yield from` does, which async generators do not have
                    while True:
                        try:
                            item = await step
                        except StopAsyncIteration:
                            return
                        try:
                            step = inner.asend((yield item))
                        except GeneratorExit:
                            raise
                        except BaseException as error:
                            step = inner.athrow(error)
                finally:
                    await inner.aclose()

        return cast("Callable[P, R]", in_async_generator)
    if flags & _GENERATOR:

        @functools.wraps(function)
        def in_generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with make():
                return (yield from call(*args, **kwargs))
            return otherwise

        return cast("Callable[P, R]", in_generator)

    @functools.wraps(function)
    def in_call(*args: P.args, **kwargs: P.kwargs) -> R:
        with make():
            return function(*args, **kwargs)
        return cast("R", otherwise)

    return in_call
