"""Context: fields that go with every event of a task; set in any thread or task, read by emit; never fails the caller.

One `ContextVar` holds one immutable mapping, so a context costs an event one read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import TracebackType

from penstock.event import EMPTY
from penstock.hints import TYPE_CHECKING, final
from penstock.wrapping import wrap_in

if TYPE_CHECKING:
    from typing import Final, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")


@final
class Bound(dict[str, object]):
    """The fields of one context; never changed, so what they make with others is made once, not once an event."""

    __slots__ = ("_made",)

    def __init__(self, fields: Mapping[str, object]) -> None:
        super().__init__(fields)
        self._made: tuple[Mapping[str, object], Mapping[str, object]] = (EMPTY, self)

    def over(self, static: Mapping[str, object]) -> Mapping[str, object]:
        """Return the fields laid over *static*: the same mapping each time, by which others know it again."""
        if not self:
            return static
        below, made = self._made  # one tuple: a thread that shares the context never sees half of it
        if below is not static:
            made = {**static, **self}
            self._made = (static, made)
        return made


NOTHING_BOUND: Final = Bound(EMPTY)
_fields: Final[ContextVar[Bound]] = ContextVar("penstock_context", default=NOTHING_BOUND)

_entered: Final[ContextVar[tuple[tuple[context, Bound], ...]]] = ContextVar("penstock_entered", default=())
"""The blocks that this task is in, and what the fields were before: one `context` serves many tasks at once."""

current_context: Final[Callable[[], Bound]] = _fields.get
"""Return the fields of the running task; never to be written to."""


class context:  # noqa: N801, it is called like the function it looks like
    """Fields for every event of the block, the function or the coroutine.

    Inner fields win over outer ones, and the call's over both. It is a context manager, and a decorator of functions
    and coroutine functions.

    Example:
        >>> with context(request_id="r-1"):
        ...     current_context()["request_id"]
        'r-1'
    """

    def __init__(self, /, **fields: object) -> None:
        self._new = fields

    def __enter__(self) -> None:
        before = _fields.get()
        _entered.set((*_entered.get(), (self, before)))
        _fields.set(Bound({**before, **self._new}))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        entered = _entered.get()
        for place in range(len(entered) - 1, -1, -1):
            block, before = entered[place]
            if block is self:
                _entered.set(entered[:place] + entered[place + 1 :])
                _fields.set(before)
                return
        # The block was left from another task (a generator closed elsewhere): that task has its own context.

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Return *function* with every call of it inside this context."""
        fields = self._new
        return wrap_in(lambda: context(**fields), function)


def bind_context(**fields: object) -> None:
    """Add *fields* to the context of the running task, until it ends or they are unbound.

    Example:
        >>> bind_context(user="u-7")
        >>> unbind_context("user")
    """
    _fields.set(Bound({**_fields.get(), **fields}))


def unbind_context(*keys: str) -> None:
    """Take *keys* out of the context of the running task; absent ones are no error."""
    _fields.set(Bound({key: value for key, value in _fields.get().items() if key not in keys}))


def clear_context() -> None:
    """Take everything out of the context of the running task."""
    _fields.set(NOTHING_BOUND)
