"""What dead processes left is listed as it is, and delivered through the sinks of the same names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

import penstock
from penstock.assembly import recover as module
from penstock.assembly.config import Document
from penstock.assembly.recover import list_waiting, recover
from penstock.errors import Rejected, Unavailable
from penstock.river.letters import read_letters
from penstock.types import Record

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody can be killed here")


class Away:
    """A sink with a spool that is away, or there, or refuses all."""

    delivery: ClassVar[dict[str, object]] = {"spool": "8 MB", "batch_wait": "0 s"}
    answer: ClassVar[Exception | None] = None
    got: ClassVar[list[str]] = []

    def write(self, batch: Sequence[Record], /) -> None:
        """Take *batch*, or answer."""
        if Away.answer is not None:
            raise Away.answer
        Away.got += [record.data.decode().partition(": ")[2] for record in batch]


class Keeps:
    """A fallback."""

    got: ClassVar[list[str]] = []

    def write(self, batch: Sequence[Record], /) -> None:
        """Keep *batch*."""
        Keeps.got += [record.data.decode().partition(": ")[2] for record in batch]


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK__STATE")  # it would be laid over what these documents say
    monkeypatch.setattr(Away, "answer", None)
    monkeypatch.setattr(Away, "got", [])
    monkeypatch.setattr(Keeps, "got", [])


def document(state: Path, *sinks: str, **more: Any) -> Document:
    table = {
        "state": str(state),
        "sink": {name: {"type": f"python:{__name__}:Away", **more} for name in sinks},
        "pipeline": {name: {"sink": name, "match": ["shop.**"], "format": "plain"} for name in sinks},
    }
    return Document(table, None, Path())


def leave(count: int, *sinks: str, state: Path | None, first: int = 0, home: Path | None = None) -> None:
    """Have a process say *count* things to *sinks*, which are away, and be killed."""
    code = f"""
import os, signal, sys
import penstock

class Away:
    delivery = {{"spool": "8 MB"}}
    def write(self, batch, /):
        raise penstock.Unavailable("away")

sys.modules["program"] = sys.modules["__main__"]
sinks = {sinks!r}
penstock.configure({{
    "sink": {{name: {{"type": "python:program:Away"}} for name in sinks}},
    "pipeline": {{name: {{"sink": name, "match": ["shop.**"], "format": "plain"}} for name in sinks}},
}})
for number in range({first}, {first + count}):
    penstock.get_logger("shop").info(str(number))
os.kill(os.getpid(), signal.SIGKILL)
"""
    environ = {key: value for key, value in os.environ.items() if key != "PENSTOCK__STATE"}
    if state is not None:
        environ["PENSTOCK__STATE"] = str(state)
    if home is not None:
        environ["XDG_STATE_HOME"] = str(home)
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr


def test_what_waits_is_listed_with_its_number_size_and_times(tmp_path: Path) -> None:
    leave(5, "oncall", "odd name/x", state=tmp_path)
    leave(2, "oncall", state=tmp_path, first=5)
    found = {one.sink: one for one in list_waiting(document(tmp_path, "oncall"))}

    assert set(found) == {"oncall", "odd name/x"}
    oncall = found["oncall"]
    assert (oncall.records, oncall.alive, oncall.program) == (7, False, "")
    assert oncall.folder == tmp_path / "oncall"
    assert 0 < oncall.oldest_ns < oncall.newest_ns
    assert found["odd name/x"].bytes == found["odd name/x"].records * oncall.bytes / oncall.records


def test_listing_changes_nothing(tmp_path: Path) -> None:
    leave(5, "oncall", state=tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    first = list_waiting(document(tmp_path))

    assert list_waiting(document(tmp_path)) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_a_running_process_has_is_its_own(tmp_path: Path) -> None:
    Away.answer = Unavailable("away")
    whole = document(tmp_path, "oncall")
    with penstock.configure(whole.table) as runtime:
        penstock.get_logger("shop").info("mine")
        waiting = list_waiting(whole)
        assert [(one.alive, one.records) for one in waiting] == [(True, 1)]
        assert recover(whole, waiting, patience=0.0) == []
        Away.answer = None
        assert runtime.flush(30)

    assert Away.got == ["mine"]


def test_it_goes_to_the_sinks_of_the_same_names_once_and_in_order(tmp_path: Path) -> None:
    leave(5, "oncall", "unknown", state=tmp_path)
    leave(5, "oncall", state=tmp_path, first=5)
    whole = document(tmp_path, "oncall", "other")
    done = recover(whole, list_waiting(whole))

    assert [(one.sink, one.delivered, one.dropped, one.pending) for one in done] == [("oncall", 10, {}, 0)]
    assert Away.got == [str(number) for number in range(10)]
    assert [one.sink for one in list_waiting(whole)] == ["unknown"]


def test_what_is_not_taken_in_time_goes_on_to_wait(tmp_path: Path) -> None:
    leave(5, "oncall", state=tmp_path)
    whole = document(tmp_path, "oncall")
    Away.answer = Unavailable("away")
    done = recover(whole, list_waiting(whole), patience=0.0)
    assert [(one.delivered, one.pending) for one in done] == [(0, 5)]
    assert [one.records for one in list_waiting(whole)] == [5]
    Away.answer = None
    done = recover(whole, list_waiting(whole))

    assert [(one.delivered, one.pending) for one in done] == [(5, 0)]
    assert list_waiting(whole) == []


def test_what_is_refused_goes_to_the_fallback_and_the_dead_letters(tmp_path: Path) -> None:
    leave(5, "oncall", state=tmp_path)
    whole = document(tmp_path, "oncall", delivery={"fallback": "keeps"})
    whole.table["sink"]["keeps"] = {"type": f"python:{__name__}:Keeps"}
    Away.answer = Rejected("no")
    (done,) = recover(whole, list_waiting(whole))

    assert (done.delivered, done.dropped, done.diverted, done.pending) == (0, {"rejected": 5}, 5, 0)
    assert Keeps.got == [str(number) for number in range(5)]
    assert len(list(read_letters(tmp_path / "oncall" / "dead-letters.jsonl"))) == 5


def test_a_sink_without_a_spool_of_its_own_gets_what_was_left_when_it_had_one(tmp_path: Path) -> None:
    leave(5, "oncall", state=tmp_path)
    whole = document(tmp_path, "oncall", delivery={"mode": "inline", "spool": False, "sync": "always"})
    (done,) = recover(whole, list_waiting(whole))

    assert done.delivered == 5


def test_however_many_died_all_of_it_is_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.river.spool.journal._ADOPTED", 2)
    for first in range(5):
        leave(1, "oncall", state=tmp_path, first=first)
    whole = document(tmp_path, "oncall")
    (done,) = recover(whole, list_waiting(whole))

    assert done.delivered == 5
    assert sorted(Away.got) == ["0", "1", "2", "3", "4"]


def test_without_a_folder_of_their_own_programs_are_told_apart_wherever_their_spools_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.river.spool.spool._SHARED_MEMORY", tmp_path / "shm")
    monkeypatch.setattr("penstock.files.memory_backed", lambda path: True)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    whole = document(tmp_path, "oncall")
    del whole.table["state"]
    for name in ("a", "b"):
        leave(3, "oncall", state=tmp_path / "shm" / f"penstock-{os.geteuid()}" / name)
    leave(2, "oncall", state=tmp_path / "home" / "penstock" / "b")
    waiting = list_waiting(whole)
    assert [(one.program, one.sink, one.records) for one in waiting] == [
        ("a", "oncall", 3),
        ("b", "oncall", 3),
        ("b", "oncall", 2),
    ]
    Away.answer = Rejected("no")
    (done,) = recover(whole, [one for one in waiting if one.program == "b"])

    assert done.dropped == {"rejected": 5}
    letters = tmp_path / "home" / "penstock" / "b" / "oncall" / "dead-letters.jsonl"
    assert [letter.sink for letter in read_letters(letters)] == ["oncall"] * 5
    assert [one.program for one in list_waiting(whole)] == ["a"]


def test_an_option_that_somebody_chose_for_dead_letters_stays(tmp_path: Path) -> None:
    whole = document(tmp_path, "oncall", delivery={"dead_letters": "mine.jsonl"})
    tables = module._tables(whole, {"oncall": "program"}, None)

    assert tables["oncall"]["delivery"]["dead_letters"] == "mine.jsonl"
