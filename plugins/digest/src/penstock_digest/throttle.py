"""Throttle: lets so many of a kind, and so many of all, pass in a time; an Event in, the event or nothing out; the
emitter's thread, digests on the timers'; it cannot fail: counting is all it does.

For each limit one number is kept: when the next event would come if all came evenly (the generic cell rate algorithm of
ITU-T I.371). An event that is early by no more than a burst passes, and moves that time on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, final

from attrs import Factory, define, field

from penstock.plugin import Duration, Event, Later, Level, Now, Resume
from penstock_digest.kind import Kind, choose_kind, other_kinds
from penstock_digest.options import BY_MESSAGE, KINDS, at_least_one, longer_than_nothing
from penstock_digest.tally import Tally
from penstock_digest.teller import Teller
from penstock_digest.told import digest_of

_ROUNDING: Final = 1e-6
"""Seconds: sums of floats are not exact, and the fifth of a burst of five shall pass."""
_SWEEP: Final = 1.0
"""Seconds between two searches of a full table for kinds that need not be remembered any more."""


@final
class _Pace:
    """When the next event of one kind would come, if all came evenly."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.next = 0.0


@define(kw_only=True, eq=False)
class ThrottleStage:
    """Lets a burst pass and then an even trickle, of each kind and of all together; counts and tells the rest.

    A kind is a name, a level, a type of error and a place in the source.
    """

    gate: ClassVar[str] = "rate_limited"

    burst: int = field(
        default=5, validator=at_least_one, metadata={"doc": "So many of a kind pass, however fast they come."}
    )
    every: Duration = field(
        default=Duration("1 min"), metadata={"doc": 'Afterwards one of a kind passes in this time; "0 s": all.'}
    )
    total_burst: int = field(
        default=20, validator=at_least_one, metadata={"doc": "So many of all kinds pass, however fast they come."}
    )
    total_every: Duration = field(
        default=Duration("3 s"), metadata={"doc": 'Afterwards one of any kind passes in this time; "0 s": all.'}
    )
    total_unless: Level = field(
        default=Level("critical"),
        metadata={
            "doc": "Events of this level and above have the limit of their kind alone; no others crowd them out."
        },
    )
    tell_every: Duration = field(
        default=Duration("5 min"),
        validator=longer_than_nothing,
        metadata={"doc": "What was held back is told in one event, this long after the first of it."},
    )
    by_message: bool = field(
        default=False,
        metadata=BY_MESSAGE,
    )
    kinds: int = field(
        default=1_000,
        validator=at_least_one,
        metadata=KINDS,
    )
    _paces: dict[Kind, _Pace] = field(factory=dict, init=False, repr=False)
    _of_all: _Pace = field(factory=_Pace, init=False, repr=False)
    _swept: float = field(default=0.0, init=False, repr=False)
    _tally: Tally = field(default=Factory(lambda self: Tally(self.kinds), takes_self=True), init=False, repr=False)
    _kind: Callable[[Event], Kind] = field(
        default=Factory(lambda self: choose_kind(self.by_message), takes_self=True), init=False, repr=False
    )
    _early: float = field(
        default=Factory(lambda self: (self.burst - 1) * self.every + _ROUNDING, takes_self=True), init=False, repr=False
    )
    _early_of_all: float = field(
        default=Factory(lambda self: (self.total_burst - 1) * self.total_every + _ROUNDING, takes_self=True),
        init=False,
        repr=False,
    )
    _teller: Teller = field(
        default=Factory(lambda self: Teller(self._due, self._rest, self._forget), takes_self=True),
        init=False,
        repr=False,
    )

    def keep_time(self, monotonic: Now, wall: Now, /) -> None:
        """Take the clock."""
        self._teller.now = monotonic

    def open(self, resume: Resume, timer: Later, /) -> None:
        """Take the way on and the timer."""
        self._teller.open(resume, timer)

    def emit(self, event: Event, /) -> Event | None:
        """Let *event* pass if there were not too many, or count it."""
        teller = self._teller
        if teller.closed:
            return event
        kind = self._kind(event)
        with teller.lock:
            now = teller.now()
            pace = self._paces.get(kind)
            if pace is None:
                kind, pace = self._pace_of_new(kind, now)
            of_all = self._of_all
            turn = pace.next if pace.next > now else now  # noqa: FURB136, `max` would be a call, for each event
            turn_of_all = of_all.next if of_all.next > now else now  # noqa: FURB136
            if turn - now <= self._early and (
                turn_of_all - now <= self._early_of_all or event.level >= self.total_unless
            ):
                pace.next = turn + self.every
                of_all.next = turn_of_all + self.total_every
                return event
            if teller.closed:
                return event
            self._tally.add(event, kind)
            teller.wake(now + self.tell_every)
        return None

    def close(self) -> None:
        """Tell all that is held in one digest."""
        self._teller.close()

    def _pace_of_new(self, kind: Kind, now: float) -> tuple[Kind, _Pace]:
        """Return the pace of a kind that is not known; if the table is full, that of all such kinds of its level."""
        paces = self._paces
        if len(paces) >= self.kinds and now >= self._swept + _SWEEP:
            self._swept = now  # not for each event: whoever makes a storm of new kinds would pay for it
            for known, pace in list(paces.items()):
                if pace.next <= now:  # as if it had never come
                    del paces[known]
        if len(paces) >= self.kinds:
            kind = other_kinds(kind[0])
        return kind, paces.setdefault(kind, _Pace())

    def _due(self, now: float) -> tuple[Sequence[Event], float | None]:
        return self._rest(), None

    def _rest(self) -> Sequence[Event]:
        parts = self._tally.take()
        return [digest_of(parts, "over the limit")] if parts else []

    def _forget(self) -> None:
        self._tally.take()
        self._paces.clear()
        self._of_all.next = 0.0
