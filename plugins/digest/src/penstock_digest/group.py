"""Group: lets the first of a kind pass and collects the repeats; an Event in, the event or nothing out; the emitter's
thread, digests on the timers'; it cannot fail: counting is all it does.

A storm of one error is three messages: the first at once, how many more, and that it is over. While it goes on, the
pause between two digests doubles, so that an outage of days is some dozens of messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, final

from attrs import Factory, define, field

from penstock.plugin import Duration, Event, Later, Now, Resume, Site, iso_time, level_number
from penstock_digest.kind import Kind, choose_kind, error_of, other_kinds, place_of
from penstock_digest.options import BY_MESSAGE, KINDS, at_least_one, longer_than_nothing
from penstock_digest.teller import Teller
from penstock_digest.told import NAME, Part, Told, clock, digest_of, event_of, lasting

_OVER: Final = level_number("notice")


@final
class _Group:
    """One kind of trouble while it lasts.

    Attributes:
        site: Of the first event: the digests come from the same place.
        held: Repeats that no digest has told yet.
        total: Events of the kind that were told, the first included.
        began_ns: When the first came.
        first_ns: When the first came that is not told yet.
        last_ns: When the last came.
        last: The same as the teller's clock goes.
        spoke: When the last message about it went out.
        pause: Seconds from that message to the next digest.
    """

    __slots__ = ("began_ns", "first_ns", "held", "last", "last_ns", "pause", "site", "spoke", "total")

    def __init__(self, event: Event, now: float, pause: float) -> None:
        self.site: Site = event.site
        self.held = 0
        self.total = 1
        self.began_ns = self.first_ns = self.last_ns = event.time_ns
        self.last = self.spoke = now
        self.pause = pause


@define(kw_only=True, eq=False)
class GroupStage:
    """Lets the first event of a kind pass at once, collects its repeats, and tells how many there were.

    A kind is a name, a level, a type of error and a place in the source. Digests of other stages pass.
    """

    gate: ClassVar[str] = "held"

    every: Duration = field(
        default=Duration("5 min"),
        validator=longer_than_nothing,
        metadata={"doc": "From the first event to the first digest of its repeats."},
    )
    longest: Duration = field(
        default=Duration("1 h"),
        validator=longer_than_nothing,
        metadata={"doc": "Each further digest waits twice as long as the one before, up to this."},
    )
    over_after: Duration = field(
        default=Duration("10 min"),
        validator=longer_than_nothing,
        metadata={"doc": "When there was none for so long, it is over; the next one is a first one again."},
    )
    recovery: bool = field(
        default=True,
        metadata={"doc": "Whether to say when it is over, at level notice; of what came only once nothing is said."},
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
    _groups: dict[Kind, _Group] = field(factory=dict, init=False, repr=False)
    _kind: Callable[[Event], Kind] = field(
        default=Factory(lambda self: choose_kind(self.by_message), takes_self=True), init=False, repr=False
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
        """Let *event* pass if it is the first of its kind, or count it."""
        teller = self._teller
        if teller.closed or type(event.fields) is Told:
            return event
        kind = self._kind(event)
        with teller.lock:
            group = self._groups.get(kind)
            if group is None:
                group = self._begin(kind, event)
                if group is None:
                    return event
            now = teller.now()
            # Plain stores: a signal handler that emits, or shuts down, comes before all of them or after.
            group.last = now
            group.last_ns = event.time_ns
            if not group.held:
                group.first_ns = event.time_ns
            group.held += 1
            if not teller.closed:
                return None
        return event

    def close(self) -> None:
        """Tell all that is held in one digest."""
        self._teller.close()

    def _begin(self, kind: Kind, event: Event) -> _Group | None:
        """Remember the first of a kind; return the group that it falls into if the table is full."""
        groups = self._groups
        if len(groups) >= self.kinds:
            kind = other_kinds(event.level)
            group = groups.get(kind)
            if group is not None:
                return group
        now = self._teller.now()
        groups[kind] = _Group(event, now, self.every)
        self._teller.wake(now + min(self.every, self.over_after))
        return None

    def _due(self, now: float) -> tuple[list[Event], float | None]:
        events = []
        ends: list[float] = []
        for kind, group in list(self._groups.items()):
            over = group.last + self.over_after
            if now >= over:
                del self._groups[kind]
                events += self._farewell(kind, group, now)
                continue
            if now >= group.spoke + group.pause:
                events += self._digest(kind, group, now)
                group.spoke = now
            ends.append(min(group.spoke + group.pause, over))
        return events, min(ends, default=None)

    def _digest(self, kind: Kind, group: _Group, now: float) -> list[Event]:
        """Return the event that tells of the repeats, if there were any."""
        if not group.held:
            return []
        text = f"{group.held:,} more in {lasting(now - group.spoke)}, last at {clock(group.last_ns)}"
        group.pause = min(2 * group.pause, self.longest)
        return [self._told(kind, group, text, kind[0])]

    def _farewell(self, kind: Kind, group: _Group, now: float) -> list[Event]:
        """Return the event that says that it is over, if it was more than one."""
        if not self.recovery:
            return self._digest(kind, group, now)
        total = group.total + group.held
        if total == 1:
            return []
        more = f"{group.held:,} more, last at {clock(group.last_ns)}; " if group.held else ""
        text = f"{more}over: none for {lasting(now - group.last)}, {total:,} in all since {clock(group.began_ns)}"
        return [self._told(kind, group, text, _OVER)]

    def _told(self, kind: Kind, group: _Group, text: str, level: int) -> Event:
        """Return an event with *text* that tells of what is held, which is told then."""
        held, group.held = group.held, 0
        group.total += held
        fields: dict[str, object] = {
            "count": held,
            "total": group.total,
            "since": iso_time(group.began_ns),
            "last": iso_time(group.last_ns),
        }
        fields |= {key: value for key, value in (("error_type", error_of(kind)), ("place", place_of(kind))) if value}
        parts = [Part(kind, held, group.first_ns, group.last_ns)] if held else []
        return event_of(kind[1] or NAME, text, level, fields, parts, group.site)

    def _rest(self) -> Sequence[Event]:
        groups, self._groups = self._groups, {}
        parts = [Part(kind, one.held, one.first_ns, one.last_ns) for kind, one in groups.items() if one.held]
        return [digest_of(parts, "repeated")] if parts else []

    def _forget(self) -> None:
        self._groups.clear()
