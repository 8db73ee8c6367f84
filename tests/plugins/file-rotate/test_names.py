"""Archives have names that only grow, and nothing else matches them; periods begin where the wall clock says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_file_rotate.archive import ADDED, Archives, Key, create_new, move_new
from penstock_file_rotate.schedule import ALWAYS, Period, period_around, stamp

NOW = round(datetime(2026, 11, 21, 18, 45, 0, tzinfo=UTC).timestamp()) * 10**9
HOUR = 3_600 * 10**9
DAY = 24 * HOUR


def archives(tmp_path: Path, name: str = "trade.jsonl") -> Archives:
    return Archives(tmp_path / name, utc=True)


def moved(book: Archives, at: int = NOW) -> str:
    book.path.write_bytes(b"x\n")
    return book.move(at).name


def test_an_archive_is_called_by_date_time_and_a_number(tmp_path: Path) -> None:
    assert moved(archives(tmp_path)) == "trade-20261121T184500-001.jsonl"


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("app", "app-20261121T184500-001"),
        ("app.tar.log", "app.tar-20261121T184500-001.log"),
        (".hidden", ".hidden-20261121T184500-001"),
        ("a[1]+.log", "a[1]+-20261121T184500-001.log"),
        ("ünï.log", "ünï-20261121T184500-001.log"),
        ("x.gz", "x-20261121T184500-001.gz"),
    ],
)
def test_any_name_of_a_file_will_do_and_its_archives_are_found_again(tmp_path: Path, name: str, archive: str) -> None:
    book = archives(tmp_path, name)

    assert moved(book) == archive
    (found,) = book.found()
    assert (found.key, found.plain, found.packed) == (Key("20261121T184500", 1), tmp_path / archive, ())


def test_two_archives_of_one_second_have_different_numbers(tmp_path: Path) -> None:
    book = archives(tmp_path)

    assert [moved(book) for _ in range(2)] == ["trade-20261121T184500-001.jsonl", "trade-20261121T184500-002.jsonl"]


def test_names_grow_though_the_clock_goes_back(tmp_path: Path) -> None:
    book = archives(tmp_path)

    names = [moved(book, at) for at in (NOW, NOW - DAY, NOW - 40 * 365 * DAY, NOW + HOUR, 2**63 * 10**9)]

    assert names == sorted(names)
    assert len(set(names)) == 5
    again = archives(tmp_path)  # a new process finds out from the folder
    again.recall()
    assert moved(again, NOW) > names[-1]


@pytest.mark.parametrize("form", ["", ".gz", ".zst"])
def test_an_archive_is_never_overwritten_in_whatever_form_it_is_there(tmp_path: Path, form: str) -> None:
    taken = tmp_path / f"trade-20261121T184500-001.jsonl{form}"
    taken.write_bytes(b"old\n")

    assert moved(archives(tmp_path)) == "trade-20261121T184500-002.jsonl"
    assert taken.read_bytes() == b"old\n"


@pytest.mark.parametrize(
    "name",
    [
        "trade.jsonl",
        "trade.jsonl.gz",
        "trade-20261121T184500-01.jsonl",
        "trade-20261121T184500.jsonl",
        "trade-20261121-001.jsonl",
        "trade-20261121T184500-001.jsonl.bak",
        "trade-20261121T184500-001.jsonl.gz.bak",
        "trade-20261121T184500-001.json",
        "trade-x-20261121T184500-001.jsonl",
        "my-trade-20261121T184500-001.jsonl",
        "trade-20261121T184500-001xjsonl",
        "trade-20261121T184500-001.jsonl\n",
        "trade-2026112\u0661T184500-001.jsonl",
        "TRADE-20261121T184500-001.jsonl",
    ],
)
def test_what_does_not_match_exactly_is_somebody_elses(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x\n")

    assert archives(tmp_path).found() == []


def test_a_link_or_a_folder_is_nobodys_archive(tmp_path: Path) -> None:
    (tmp_path / "trade-20261121T184500-001.jsonl").mkdir()
    (tmp_path / "trade-20261121T184500-002.jsonl").symlink_to("/etc/passwd")

    assert archives(tmp_path).found() == []


def test_the_forms_of_an_archive_are_one_archive(tmp_path: Path) -> None:
    for form in ("", ".gz", ".zst.tmp"):
        (tmp_path / f"trade-20261121T184500-001.jsonl{form}").write_bytes(b"1234")

    (found,) = archives(tmp_path).found()

    assert found.size == 12
    assert len(found.paths) == 3
    assert [path.suffix for path in found.unfinished] == [".tmp"]


def test_a_folder_that_is_not_there_has_no_archives(tmp_path: Path) -> None:
    assert archives(tmp_path / "nowhere").found() == []


def test_the_longest_name_leaves_room_for_what_archives_add(tmp_path: Path) -> None:
    book = archives(tmp_path, "n" * (255 - ADDED))
    book._last = Key("20261121T184500", 9_999_998)

    os.close(create_new(tmp_path / (moved(book) + ".zst.tmp")))  # fails if it is too long


def test_a_move_that_fails_leaves_no_claim_behind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        archives(tmp_path).move(NOW)

    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_compressed_in_the_very_moment_it_is_asked_for_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = archives(tmp_path)
    plain = tmp_path / "trade-20261121T184500-001.jsonl"

    def compressed_first(path: Path) -> int:
        if path == plain:
            plain.with_name(plain.name + ".gz").write_bytes(b"another process was here")
        return create_new(path)

    monkeypatch.setattr("penstock_file_rotate.archive.create_new", compressed_first)

    assert moved(book) == "trade-20261121T184500-002.jsonl"
    assert not plain.exists()


def test_a_move_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"new")
    (tmp_path / "b").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        move_new(tmp_path / "a", tmp_path / "b")

    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"new", b"old")


# -- periods ----------------------------------------------------------------------------------------------------------


def utc(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp()) * 10**9  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("every", "start", "end"),
    [
        ("hour", utc(2026, 11, 21, 18), utc(2026, 11, 21, 19)),
        ("day", utc(2026, 11, 21), utc(2026, 11, 22)),
        ("week", utc(2026, 11, 16), utc(2026, 11, 23)),  # Monday to Monday
    ],
)
def test_a_period_begins_at_a_boundary_of_the_wall_clock(every: str, start: int, end: int) -> None:
    assert period_around(NOW, every, utc=True) == Period(start, end)  # type: ignore[arg-type]


def test_without_rotation_by_time_there_is_one_period_for_ever() -> None:
    assert period_around(NOW, None, utc=True) == ALWAYS


@pytest.fixture
def zone(request: pytest.FixtureRequest) -> Iterator[ZoneInfo]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield ZoneInfo(request.param)
    os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
    time.tzset()


ZONES = ["Europe/Berlin", "America/Havana", "Asia/Kolkata", "Asia/Beirut", "Pacific/Apia", "Australia/Lord_Howe"]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="local time cannot be chosen here")
@pytest.mark.parametrize("zone", ZONES, indirect=True)
@pytest.mark.parametrize("every", ["hour", "day", "week"])
def test_local_periods_follow_each_other_without_a_gap_whatever_summer_time_does(zone: ZoneInfo, every: str) -> None:
    at = utc(2026, 1, 1, 12)
    for _ in range(400):
        period = period_around(at, every, utc=False)  # type: ignore[arg-type]
        assert period.start <= at < period.end
        assert period_around(period.end, every, utc=False).start == period.end  # type: ignore[arg-type]
        assert period_around(period.end - 1, every, utc=False) == period  # type: ignore[arg-type]
        if every == "day":
            assert (
                datetime.fromtimestamp(period.start / 1e9, zone).date() == datetime.fromtimestamp(at / 1e9, zone).date()
            )
        at = period.end + 11 * HOUR if every == "hour" else period.end


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="local time cannot be chosen here")
@pytest.mark.parametrize("zone", ["Europe/Berlin"], indirect=True)
def test_the_day_of_the_autumn_has_twenty_five_hours(zone: ZoneInfo) -> None:
    period = period_around(utc(2026, 10, 25, 12), "day", utc=False)

    assert (period.end - period.start) // HOUR == 25


@given(st.integers(-(2**70), 2**70), st.sampled_from(["hour", "day", "week", None]), st.booleans())
def test_no_clock_is_too_wrong_for_a_period_or_a_name(at: int, every: str | None, in_utc: bool) -> None:
    period = period_around(at, every, in_utc)  # type: ignore[arg-type]

    assert period.start < period.end
    if every is not None:
        assert period.start <= at < period.end
    assert len(stamp(at, in_utc)) == 15
