"""Parts: what a reload leaves as it is; a component with what it was made of in, whether it may stay out; the thread
that configures; what cannot be compared does not stay, which costs a drain and no event.

A part stays if its class, its options with every secret resolved, and its place in the document are what they were.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias, final

import attrs
from attrs import define, field

from penstock.clock import monotonic, sleep
from penstock.event import Event
from penstock.river.env import Env
from penstock.types import Resume

Place: TypeAlias = tuple[str | int, ...]
"""Where a part stands: ``("sink", its name)``, ``("source", its name)``, or the use of a stage in a pipeline."""

_NAP: Final = 0.001
_PATIENCE: Final = 30.0
"""Seconds that a worker waits at most for the one before it, which has been given far fewer to end."""


def made_of(component: object) -> object:
    """Return what *component* was made of: its class and its options; to be asked before it is opened.

    Example:
        >>> made_of([1]) == made_of([1]), made_of(1) == made_of(True)
        (True, False)
    """
    kind = type(component)
    if attrs.has(kind):
        names = [field.name for field in attrs.fields(kind) if field.init]
        return kind, [made_of(getattr(component, name, None)) for name in names]
    if isinstance(component, Mapping):
        return kind, {key: made_of(value) for key, value in component.items()}
    if isinstance(component, (list, tuple)):
        return kind, [made_of(value) for value in component]
    return kind, component


def made_alike(component: object) -> object:
    """Return the same of a whole component: one without options is what its class is."""
    return made_of(component) if attrs.has(type(component)) else type(component)


@final
@define(eq=False)
class Part:
    """A component of a graph that the next graph may go on with.

    Attributes:
        made: What it was made of.
        component: A delivery, a stage or a source.
        onward: The way on behind a stage that emits later.
        after: The world of a queued sink that took the place of another one.
        gone: Set when the component is closed because it did not stay.
    """

    made: object
    component: Any
    onward: Onward | None = None
    after: AfterAnother | None = None
    gone: threading.Event = field(factory=threading.Event)

    def is_made(self, made: object) -> bool:
        """Return whether it is what would be made of *made*."""
        try:
            return bool(self.made == made)
        except Exception:  # promise: options of any class can be reloaded; some do not compare, such as arrays
            return False


@final
class Onward:
    """The way on behind a stage that emits later; a reload leads it into the new pipeline.

    Args:
        carry: Carries an event down the rest of the pipeline.
    """

    def __init__(self, carry: Resume) -> None:
        self._carry = carry
        self._on_it: list[Resume] = []

    def __call__(self, event: Event, /) -> None:
        """Carry *event* on."""
        self._on_it.append(carry := self._carry)
        while carry is not self._carry:  # led elsewhere in between: whoever waits may have looked already
            self._on_it.append(newer := self._carry)
            self._on_it.remove(carry)
            carry = newer
        try:
            carry(event)
        finally:
            self._on_it.remove(carry)

    def lead(self, carry: Resume) -> None:
        """Go on with *carry* from now on."""
        self._carry = carry

    def wait_until_left(self, deadline: float) -> bool:
        """Wait until nobody is on a way where this led earlier; return whether nobody is."""
        while any(carry is not self._carry for carry in list(self._on_it)):
            if monotonic() >= deadline:
                return False
            sleep(_NAP)
        return True


@final
class AfterAnother(Env):
    """The world of a queued sink that takes the place of another one: its worker begins when that is closed.

    So the two never write at the same time, and the records of a sink keep their order; what the first one could not
    deliver and left in the spool that both use comes first.

    Args:
        gone: Set when the other one is closed.
        adopt: Takes over what it left.
    """

    def __init__(self, gone: threading.Event, adopt: Callable[[], object]) -> None:
        self._gone: threading.Event | None = gone
        self._adopt = adopt

    def start(self, run: Callable[[], None], name: str) -> threading.Thread:
        """Start a daemon thread that does *run* when it is its turn."""
        return super().start(partial(self._run, run), name)

    def _run(self, run: Callable[[], None]) -> None:
        gone, self._gone = self._gone, None
        if gone is not None:
            gone.wait(_PATIENCE)
            self._adopt()
        run()

    def after_fork_in_child(self) -> None:
        """Wait for nobody: the other one is the parent's."""
        self._gone = None


Change: TypeAlias = Callable[[], object]
"""Something to do to a part that stays, once the graph takes over that goes on with it."""
