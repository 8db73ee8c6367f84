"""Quiet: holds events back in quiet hours and tells them when these end; an Event in, the event or nothing out; the
emitter's thread, the digest on the timers'; it cannot fail: what the clock cannot tell is no quiet hour.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import time as time_of_day
from datetime import tzinfo
from time import time
from typing import Any, ClassVar, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from attrs import Factory, define, field

from penstock.plugin import Event, Later, Level, Now, Resume
from penstock_digest.hours import NO_SPELL, Hours, Spell
from penstock_digest.kind import Kind, choose_kind
from penstock_digest.options import BY_MESSAGE, at_least_one
from penstock_digest.tally import Tally
from penstock_digest.teller import Teller
from penstock_digest.told import digest_of

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MIDNIGHT: Final = "24:00"
_LOOK: Final = 60.0
"""Seconds: a timer stands still while the machine sleeps, and the wall clock may be set, so it is asked so often."""


def _judge_clock(instance: object, attribute: Any, value: str) -> None:
    if not (_CLOCK.fullmatch(value) or (attribute.name == "end" and value == _MIDNIGHT)):
        raise ValueError('expected a time of day such as "22:00"')


def _judge_days(instance: object, attribute: Any, days: Sequence[str]) -> None:
    if not days:
        raise ValueError("expected at least one day; take the option out for all of them")


def _judge_zone(instance: object, attribute: Any, name: str | None) -> None:
    if name is not None:
        zone_called(name)


def zone_called(name: str) -> ZoneInfo:
    """Return the time zone.

    Raises:
        ValueError: If this machine knows none of that name.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        text = f'this machine knows no time zone {name!r}; expected a name such as "Europe/Oslo"'
    raise ValueError(f"{text}, and perhaps: pip install tzdata")


def _clock_of(text: str) -> time_of_day:
    return time_of_day.fromisoformat(text)


def _hours_of(stage: QuietStage) -> Hours:
    zone: tzinfo | None = None if stage.zone is None else zone_called(stage.zone)
    end = None if stage.end == _MIDNIGHT else _clock_of(stage.end)
    return Hours(start=_clock_of(stage.start), end=end, days=[_DAYS.index(day) for day in stage.days], zone=zone)


@define(kw_only=True, eq=False)
class QuietStage:
    """Holds back all but what is critical in quiet hours, and tells of it in one event when they end."""

    gate: ClassVar[str] = "held"

    start: str = field(validator=_judge_clock, metadata={"doc": 'When quiet hours begin, such as "22:00".'})
    end: str = field(
        validator=_judge_clock,
        metadata={"doc": 'When they end, such as "07:00"; on the next day if that is earlier; "24:00" is midnight.'},
    )
    days: list[Day] = field(
        factory=lambda: list(_DAYS),
        validator=_judge_days,
        metadata={"doc": 'Days on which they begin: "mon", "tue", … "sun"; by default all.'},
    )
    zone: str | None = field(
        default=None,
        validator=_judge_zone,
        metadata={"doc": 'Whose clock it is, such as "Europe/Oslo"; by default that of this machine.'},
    )
    unless: Level = field(
        default=Level("critical"), metadata={"doc": "Events of this level and above pass at any hour."}
    )
    by_message: bool = field(
        default=False,
        metadata=BY_MESSAGE,
    )
    kinds: int = field(
        default=1_000,
        validator=at_least_one,
        metadata={"doc": "So many are counted apart; those beyond are one kind for each level."},
    )
    _wall: Callable[[], float] = field(default=time, init=False, repr=False)
    _spell: Spell = field(default=NO_SPELL, init=False, repr=False)
    _hours: Hours = field(init=False, repr=False)
    _tally: Tally = field(default=Factory(lambda self: Tally(self.kinds), takes_self=True), init=False, repr=False)
    _kind: Callable[[Event], Kind] = field(
        default=Factory(lambda self: choose_kind(self.by_message), takes_self=True), init=False, repr=False
    )
    _teller: Teller = field(
        default=Factory(lambda self: Teller(self._due, self._rest, self._forget), takes_self=True),
        init=False,
        repr=False,
    )

    def __attrs_post_init__(self) -> None:
        if self.end == self.start and _CLOCK.fullmatch(self.start):  # here: a validator sees one option at a time
            raise ValueError('quiet hours end where they begin; for whole days: start = "00:00", end = "24:00"')

    def keep_time(self, monotonic: Now, wall: Now, /) -> None:
        """Take both clocks."""
        self._teller.now = monotonic
        self._wall = wall

    def open(self, resume: Resume, timer: Later, /) -> None:
        """Take the way on and the timer, and learn the hours."""
        self._hours = _hours_of(self)
        self._teller.open(resume, timer)

    def emit(self, event: Event, /) -> Event | None:
        """Let *event* pass if it is not quiet now, or too grave to wait; else count it."""
        if event.level >= self.unless:
            return event
        wall = self._wall()
        spell = self._spell
        if not spell.start <= wall < spell.end:  # over, or the clock was set
            spell = self._spell = self._hours.around(wall)
        teller = self._teller
        if not spell.quiet or teller.closed:
            return event
        kind = self._kind(event)
        with teller.lock:
            if teller.closed:
                return event
            self._tally.add(event, kind)
            teller.wake(teller.now() + min(_LOOK, spell.end - wall))
        return None

    def close(self) -> None:
        """Tell all that is held in one digest, whatever the hour: afterwards nobody could."""
        self._teller.close()

    def _due(self, now: float) -> tuple[Sequence[Event], float | None]:
        wall = self._wall()
        self._spell = spell = self._hours.around(wall)
        if spell.quiet:
            return [], now + min(_LOOK, spell.end - wall)
        return self._rest(), None

    def _rest(self) -> Sequence[Event]:
        parts = self._tally.take()
        return [digest_of(parts, "in quiet hours")] if parts else []

    def _forget(self) -> None:
        self._tally.take()
