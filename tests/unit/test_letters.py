"""Letters: what was dropped for good can be read again, byte for byte."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries import line
from penstock.faults import fault_counts
from penstock.river.letters import DeadLetters, read_letters

RECORDS = st.tuples(st.binary(max_size=200), st.integers(0, 99), st.text(), st.integers(0, 2**63), st.text())


@given(records=st.lists(RECORDS, min_size=1, max_size=5), reason=st.sampled_from(["rejected", "too_old"]))
def test_each_record_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[bytes, int, str, int, str]], reason: str
) -> None:
    path = tmp_path_factory.mktemp("letters") / "new" / "dead.jsonl"
    DeadLetters(path, "out").keep(records, reason)

    letters = list(read_letters(path))

    assert [letter.record for letter in letters] == records
    assert {(letter.sink, letter.reason) for letter in letters} == {("out", reason)}


def test_a_person_can_read_them_too(tmp_path: Path) -> None:
    DeadLetters(tmp_path / "dead.jsonl", "oncall").keep([line("Kühlung aus", 40)], "rejected")

    shown = json.loads((tmp_path / "dead.jsonl").read_text())

    assert (shown["sink"], shown["reason"], shown["data"]) == ("oncall", "rejected", "Kühlung aus")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_they_are_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    before = os.umask(0)
    try:
        DeadLetters(path, "out").keep([line("x")], "rejected")
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_torn_line_costs_itself_and_not_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    letters = DeadLetters(path, "out")
    letters.keep([line(1)], "rejected")
    with path.open("ab") as file:
        file.write(b'{"time": "2026-01-01", "sink": "ou')
    letters.keep([line(2)], "rejected")

    assert [letter.record[0] for letter in read_letters(path)] == [b"1", b"2"]


def test_a_full_file_makes_room_for_a_new_one_and_two_is_all_there_ever_are(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.jsonl", "out", most=1_000)
    for number in range(100):
        letters.keep([line(number)], "rejected")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["dead.jsonl", "dead.jsonl.1"]
    assert all(path.stat().st_size < 1_300 for path in tmp_path.iterdir())
    kept = [
        int(letter.record[0]) for name in ("dead.jsonl.1", "dead.jsonl") for letter in read_letters(tmp_path / name)
    ]
    assert kept == list(range(kept[0], 100))


def test_what_cannot_be_kept_is_a_counted_fault_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    DeadLetters(tmp_path / "file" / "dead.jsonl", "out").keep([line(1), line(2)], "rejected")

    assert fault_counts() == {("letter.lost", "out"): 2}
