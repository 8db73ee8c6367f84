"""When a line says that it was written: numbers by their size, texts by their layout, a year where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_cli.pipe.times import build_read_time, read_time

BILLION = 10**9
MOMENT = 1_700_000_000 * BILLION  # 2023-11-14T22:13:20Z


def at(text: str) -> int:
    """Return an RFC 3339 text in nanoseconds, by other means than the code under test."""
    return round(datetime.fromisoformat(text).timestamp()) * BILLION


@pytest.fixture(autouse=True)
def _somewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "XYZ-03:30")  # three and a half hours ahead of UTC
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        (1_700_000_000, MOMENT),
        (1_700_000_000_123, MOMENT + 123_000_000),
        (1_700_000_000_123_456, MOMENT + 123_456_000),
        (1_700_000_000_123_456_789, MOMENT + 123_456_789),
        (1_700_000_000.123456, MOMENT + 123_456_000),
        ("1700000000.123456789", MOMENT + 123_456_789),
        ("1700000000123456", MOMENT + 123_456_000),
    ],
)
def test_a_number_tells_its_unit_by_its_size(value: object, nanoseconds: int) -> None:
    assert read_time(value) == nanoseconds


@pytest.mark.parametrize(
    "value",
    [0.2477829, 12, -1, True, None, [], {}, float("nan"), float("inf"), 10**30, "", "soon", "12", "1e9",
     9_223_372_036_855, "9999-01-01T00:00:00Z", "2023-02-30T00:00:00Z", "2023-01-01T25:00:00Z", "Foo 14 15:16:01",
     "2023-01-01T00:00:00+99:99", "9" * 5000],
)  # fmt: skip
def test_what_is_no_time_is_none(value: object) -> None:
    assert read_time(value) is None


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20+00:00"),
        ("2023-11-14t22:13:20z", "2023-11-14T22:13:20+00:00"),
        ("2023-11-15T00:13:20+02:00", "2023-11-14T22:13:20+00:00"),
        ("2023-11-14 22:13:20 +0000", "2023-11-14T22:13:20+00:00"),
        ("2023-11-14 20:13:20-02", "2023-11-14T22:13:20+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2017/05/16 00:00:00", "2017-05-16T00:00:00+03:30"),
        ("2017-05-16 00:00:00", "2017-05-16T00:00:00+03:30"),
        ("Sun Dec 04 04:47:44 2005", "2005-12-04T04:47:44+03:30"),
        ("Sun Dec  4 04:47:44 2005", "2005-12-04T04:47:44+03:30"),
        ("10/Oct/2000:13:55:36 -0700", "2000-10-10T13:55:36-07:00"),
        ("Tue, 14 Nov 2023 22:13:20 +0000", "2023-11-14T22:13:20+00:00"),
        ("Tue, 14 Nov 2023 22:13:20 GMT", "2023-11-14T22:13:20+00:00"),
    ],
)
def test_common_layouts_are_read(text: str, same: str) -> None:
    assert read_time(text) == at(same)


def test_a_fraction_is_kept_to_the_nanosecond() -> None:
    assert read_time("2023-11-14T22:13:20.123456789Z") == MOMENT + 123_456_789
    assert read_time("2023-11-14T22:13:20,5Z") == MOMENT + 500_000_000
    assert read_time("Fri Sep 09 10:42:29.902022 2011") == at("2011-09-09T10:42:29+03:30") + 902_022_000


@pytest.mark.parametrize(
    ("now", "text", "year"),
    [
        ("2024-06-20T00:00:00+00:00", "Jun 14 15:16:01", 2024),
        ("2024-01-02T00:00:00+00:00", "Dec 31 23:59:59", 2023),  # a log read in January
        ("2023-12-31T23:00:00+00:00", "Jan  1 00:30:00", 2024),  # a clock, or a zone, that is a little ahead
        ("2023-06-20T00:00:00+00:00", "Feb 29 12:00:00", 2020),
        ("2104-02-01T00:00:00+00:00", "Feb 29 12:00:00", 2096),  # 2100 is no leap year
    ],
)
def test_a_time_without_a_year_gets_the_last_one_that_is_not_in_the_future(now: str, text: str, year: int) -> None:
    found = read_time(text, lambda: at(now))

    assert found is not None
    assert datetime.fromtimestamp(found / BILLION).year == year


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1973, 4, 1), datetime(2200, 1, 1), timezones=ZONES))
def test_every_time_comes_back_from_its_text(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000

    assert read_time(moment.isoformat()) == expected
    assert read_time(moment.isoformat(" ").replace(".", ",")) == expected


@given(
    st.text()
    | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([+-][0-9]{4})?", fullmatch=True)
)
def test_no_text_makes_it_fail(text: str) -> None:
    found = read_time(text)

    assert found is None or isinstance(found, int)


class TestAFormatOfOnesOwn:
    def test_it_comes_before_the_common_ones(self) -> None:
        read = build_read_time("%d.%m.%Y %H:%M:%S %z")

        assert read("14.11.2023 22:13:20 +0000") == MOMENT
        assert read("2023-11-14T22:13:20Z") == MOMENT
        assert read("nothing") is None

    def test_a_missing_year_is_filled_in_and_29_february_too(self) -> None:
        read = build_read_time("%b %d %H:%M:%S %z", lambda: at("2023-06-20T00:00:00+00:00"))

        assert read("Jun 14 15:16:01 +0000") == at("2023-06-14T15:16:01+00:00")
        assert read("Dec 10 06:55:46 +0000") == at("2022-12-10T06:55:46+00:00")
        assert read("Feb 29 12:00:00 +0000") == at("2020-02-29T12:00:00+00:00")

    def test_a_missing_day_is_today(self) -> None:
        read = build_read_time("%H:%M:%S", lambda: at("2023-06-20T12:00:00+03:30"))

        assert read("11:59:58") == at("2023-06-20T11:59:58+03:30")

    @pytest.mark.parametrize("wrong", ["%Q", "%", "%H %H"])
    def test_a_wrong_one_is_told(self, wrong: str) -> None:
        with pytest.raises(ValueError, match="no format of a time"):
            build_read_time(wrong)
