"""Quiet hours hold all but what is critical, end on time whatever the clock does, and tell of everything."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from digests import NOON, Pipe
from penstock.plugin import Level
from penstock_digest.group import GroupStage
from penstock_digest.hours import Hours
from penstock_digest.quiet import QuietStage

BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""On a busy machine nothing is too slow."""
OSLO = ZoneInfo("Europe/Oslo")
HOUR = 3_600.0


def night(**options: Any) -> QuietStage:
    return QuietStage(**{"start": "22:00", "end": "07:00", "zone": "UTC", **options})


def test_a_night_is_one_digest_in_the_morning() -> None:
    pipe = Pipe(night())
    pipe.say("by.day")
    pipe.wait(10 * HOUR - 1)
    pipe.say("at.2159")
    pipe.wait(1)
    pipe.say("shop.till", times=3)
    pipe.wait(4 * HOUR)
    pipe.say("shop.db", level=30, times=2)
    pipe.say("fire", level=50)
    pipe.wait(5 * HOUR - 1)
    assert [event.name for event in pipe.out] == ["by.day", "at.2159", "fire"]

    pipe.wait(1)

    (digest,) = pipe.told
    assert digest.message == (
        "5 events in quiet hours in 4 h: 3 error shop.till (till.py:1), 2 warning shop.db (till.py:1); "
        "last at 02:00:00 UTC"
    )
    assert digest.level == 40
    assert pipe.account.read().gated == {"held": 5}
    pipe.say("morning")
    assert pipe.out[-1].name == "morning"
    pipe.close()
    pipe.assert_nothing_is_missing()


def test_a_quiet_night_is_no_message_and_no_timer() -> None:
    pipe = Pipe(night())
    pipe.say()
    pipe.wait(24 * HOUR)

    assert len(pipe.out) == 1
    assert pipe.env.timers == []


def test_the_end_is_not_missed_when_the_wall_clock_is_set() -> None:
    pipe = Pipe(night(), wall=NOON + 11 * HOUR)
    pipe.say()
    pipe.set_wall(NOON + 20 * HOUR)  # as after a sleep of the machine: its timers stood still
    pipe.wait(60)

    assert len(pipe.told) == 1
    pipe.set_wall(NOON + 11 * HOUR)
    pipe.say()
    assert pipe.passed == []


def test_days_can_be_quiet_as_a_whole() -> None:
    friday = datetime(2026, 1, 2, 20, tzinfo=ZoneInfo("UTC")).timestamp()
    pipe = Pipe(night(start="00:00", end="24:00", days=["sat", "sun"]), wall=friday)
    out = []
    for hour in range(72):
        before = len(pipe.passed)
        pipe.say(line=hour)
        out += [hour] * (len(pipe.passed) - before)
        pipe.wait(HOUR)

    assert out == [*range(4), *range(52, 72)]
    (digest,) = pipe.told
    assert digest.fields["count"] == 48


def test_the_level_that_passes_is_an_option() -> None:
    pipe = Pipe(night(unless=Level("error")), wall=NOON + 11 * HOUR)
    pipe.say(level=30)
    pipe.say(level=40)

    assert [event.level for event in pipe.out] == [40]


def test_kinds_without_end_cost_bounded_memory_in_the_night_and_are_all_counted() -> None:
    stage = night(kinds=50)
    pipe = Pipe(stage, wall=NOON + 11 * HOUR)
    for number in range(2_000):
        pipe.say(f"user.{number}")
        assert len(stage._tally) <= 50 + 9  # the kinds, and one of all others for each level
    pipe.wait(9 * HOUR)

    (digest,) = pipe.told
    assert digest.message.startswith("2,000 events in quiet hours in 1 s: 1,950 error of other kinds, 1 error user.0")
    pipe.close()
    pipe.assert_nothing_is_missing()


def test_a_digest_of_the_evening_is_held_and_told_in_full() -> None:
    pipe = Pipe(GroupStage(), night(), wall=NOON + 9 * HOUR + 58 * 60)
    pipe.say(times=100)
    pipe.wait(10 * HOUR)

    assert len(pipe.passed) == 1
    (digest,) = pipe.told
    assert digest.fields["count"] == 99
    pipe.close()
    pipe.assert_nothing_is_missing()


def test_at_shutdown_everything_is_one_message_though_it_is_night() -> None:
    pipe = Pipe(GroupStage(), night(), wall=NOON + 9 * HOUR + 58 * 60)
    pipe.say("a", times=3)
    pipe.wait(600)
    pipe.say("b", times=4)
    pipe.close()

    assert [event.name for event in pipe.out] == ["a", "penstock.event.held"]
    pipe.assert_nothing_is_missing()


# -- the clock that jumps ---------------------------------------------------------------------------------------------


def hours(start: str, end: str, zone: Any = OSLO) -> Hours:
    return Hours(start=time.fromisoformat(start), end=time.fromisoformat(end), days=range(7), zone=zone)


def quiet_of(day: tuple[int, int, int], start: str, end: str) -> tuple[str, str, float]:
    """Return when the quiet hours of a day begin and end, in UTC, and how many hours they take."""
    quiet = hours(start, end)
    noon = datetime(*day, 12, tzinfo=OSLO).timestamp()
    spell = next(one for one in (quiet.around(noon - 1_800 * half) for half in range(48)) if one.quiet)
    begins, ends = (datetime.fromtimestamp(at, ZoneInfo("UTC")).strftime("%H:%M") for at in (spell.start, spell.end))
    return begins, ends, (spell.end - spell.start) / HOUR


SPRING, AUTUMN, PLAIN = (2026, 3, 29), (2026, 10, 25), (2026, 6, 10)


@pytest.mark.parametrize(
    ("day", "start", "end", "expected"),
    [
        (PLAIN, "22:00", "07:00", ("20:00", "05:00", 9.0)),
        (SPRING, "22:00", "07:00", ("21:00", "05:00", 8.0)),
        (AUTUMN, "22:00", "07:00", ("20:00", "06:00", 10.0)),
        (SPRING, "00:30", "02:30", ("23:30", "01:00", 1.5)),  # 02:30 does not exist: it ends at the jump
        (SPRING, "02:15", "06:00", ("01:00", "04:00", 3.0)),  # nor does 02:15: it begins at the jump
        (AUTUMN, "00:30", "02:30", ("22:30", "01:30", 3.0)),  # 02:30 comes twice: it ends with the second
        (AUTUMN, "02:30", "06:00", ("00:30", "05:00", 4.5)),  # and begins with the first
    ],
)
def test_the_night_in_which_the_clock_jumps(day: Any, start: str, end: str, expected: Any) -> None:
    assert quiet_of(day, start, end) == expected


clocks = st.times().map(lambda one: one.replace(second=0, microsecond=0, fold=0))
zones = st.sampled_from(["Europe/Oslo", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])


@BUSY
@given(st.integers(1_700_000_000, 1_900_000_000), clocks, clocks, zones, st.sets(st.integers(0, 6), min_size=1))
@example(int(datetime(2026, 3, 29, 2, tzinfo=OSLO).timestamp()), time(2, 30), time(2, 15), "Europe/Oslo", {6})
def test_spells_contain_their_moment_join_without_a_gap_and_say_what_the_wall_says(
    moment: int, start: time, end: time, zone: str, days: set[int]
) -> None:
    if start == end:
        return
    clock = ZoneInfo(zone)
    quiet = Hours(start=start, end=end, days=days, zone=clock)
    spell = quiet.around(moment)

    assert spell.start <= moment < spell.end
    assert quiet.around(spell.end).start <= spell.end  # time goes on
    if not spell.quiet:
        assert not quiet.around(spell.end - 1).quiet
    wall = datetime.fromtimestamp(moment, clock)
    if wall.utcoffset() == (wall - timedelta(hours=30)).utcoffset() == (wall + timedelta(hours=30)).utcoffset():
        now, today, before = wall.time().replace(fold=0), wall.weekday() in days, (wall.weekday() - 1) % 7 in days
        over_midnight = end < start
        naive = (today and now >= start) or (before and now < end) if over_midnight else today and start <= now < end
        assert spell.quiet == naive


def test_a_clock_beyond_the_calendar_is_not_quiet() -> None:
    assert not hours("00:00", "23:59").around(1e15).quiet


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"start": "25:00"}, "time of day"),
        ({"start": "7:00"}, "time of day"),
        ({"start": "24:00"}, "time of day"),
        ({"end": "22:00"}, "end where they begin"),
        ({"zone": "Europe/Olso"}, "knows no time zone"),
        ({"zone": "../../etc/passwd"}, "knows no time zone"),
        ({"days": []}, "at least one day"),
    ],
)
def test_a_wrong_option_says_what_is_expected(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        night(**options)
