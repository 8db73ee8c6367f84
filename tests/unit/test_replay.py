"""Dead letters are sent again: what a sink takes leaves the file, everything else is in it as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from deliveries import line as record
from penstock.assembly import taken
from penstock.assembly.config import Document
from penstock.assembly.replay import replay
from penstock.errors import Closed, ConfigError, Rejected, Unavailable
from penstock.faults import fault_counts
from penstock.river.letters import DeadLetters, read_letters
from penstock.types import Record


class Answers:
    """A sink that takes what its answer lets it."""

    answer: ClassVar[Callable[[Sequence[Record]], object]]
    got: ClassVar[list[str]] = []

    def write(self, batch: Sequence[Record], /) -> None:
        """Ask for the answer, and take what remains."""
        left = Answers.answer(batch)
        Answers.got += [one.data.decode() for one in (batch if left is None else left)]  # type: ignore[attr-defined]


def takes(batch: Sequence[Record]) -> None:
    """Take all of it."""


def refuses(what: str, error: Callable[[list[int]], Exception]) -> Callable[[Sequence[Record]], object]:
    """Return an answer that takes all but the records with *what* in them, for which it raises."""

    def answer(batch: Sequence[Record]) -> None:
        indexes = [index for index, one in enumerate(batch) if what in one.data.decode()]
        if indexes:
            Answers.got += [one.data.decode() for index, one in enumerate(batch) if index not in indexes]
            raise error(indexes)

    return answer


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "answer", takes, raising=False)
    monkeypatch.setattr(Answers, "got", [])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Letters of two sinks, ten each."""
    path = tmp_path / "dead.jsonl"
    for name in ("a", "b"):
        DeadLetters(path, name).keep([record(f"{name}{number}") for number in range(10)], "rejected")
    return path


def document(*names: str, **more: Any) -> Document:
    sink = {"type": f"python:{__name__}:Answers", **more}
    return Document({"sink": {name: dict(sink) for name in names}}, None, Path())


def kept(path: Path) -> list[str]:
    return [letter.record[0].decode() for letter in read_letters(path)] if path.exists() else []


def names(name: str, count: int = 10) -> list[str]:
    return [f"{name}{number}" for number in range(count)]


def test_what_the_sinks_take_leaves_the_file(path: Path) -> None:
    done = replay(path, document("a", "b"))

    assert sorted(Answers.got) == names("a") + names("b")
    assert [(one.sink, one.letters, one.delivered, one.kept) for one in done.sinks] == [
        ("a", 10, 10, 0),
        ("b", 10, 10, 0),
    ]
    assert done.finished
    assert not path.exists()


def test_records_arrive_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [(b"\xff\x00", 40, "shop.sold", 17, "json"), ("Kühlung aus".encode(), 5, "x", 2**60, "plain")]
    got: list[Record] = []
    monkeypatch.setattr(Answers, "answer", lambda batch: got.extend(batch) or ())
    DeadLetters(tmp_path / "dead.jsonl", "a").keep(given, "too_old")
    replay(tmp_path / "dead.jsonl", document("a"))

    assert got == given


def test_what_has_no_sink_stays_as_it_was(path: Path) -> None:
    before = path.read_bytes().splitlines()
    done = replay(path, document("a"))

    assert path.read_bytes().splitlines() == before[10:]
    assert [(one.sink, one.known, one.kept) for one in done.sinks] == [("a", True, 0), ("b", False, 10)]


def test_all_of_it_can_go_to_another_sink(path: Path) -> None:
    done = replay(path, document("other"), sink="other")

    assert sorted(Answers.got) == names("a") + names("b")
    assert [(one.sink, one.delivered) for one in done.sinks] == [("other", 20)]
    assert not path.exists()


@pytest.mark.parametrize("batch", [1, 3, 500])
@pytest.mark.parametrize(
    "error", [lambda indexes: Rejected("no", indexes=indexes), lambda indexes: Rejected("no", count=len(indexes))]
)
def test_what_is_refused_again_stays_also_where_the_sink_only_says_how_many(
    error: Callable[[list[int]], Exception], batch: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taken, "_RECORDS", batch)
    monkeypatch.setattr(Answers, "answer", refuses("3", error))
    done = replay(path, document("a", "b"))

    assert kept(path) == ["a3", "b3"]
    assert set(Answers.got) == {*names("a"), *names("b")} - {"a3", "b3"}
    assert [(one.delivered, dict(one.refused), one.kept) for one in done.sinks] == [(9, {"rejected": 1}, 0)] * 2
    assert [kind for kind, _ in fault_counts()].count("event.dropped") == 2


@pytest.mark.parametrize("error", [Closed("401"), ValueError("not what it should raise")])
def test_whatever_else_it_answers_all_stay(
    error: Exception, path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def answer(batch: Sequence[Record]) -> None:
        raise error

    monkeypatch.setattr(Answers, "answer", answer)
    done = replay(path, document("a", "b"))

    assert kept(path) == names("a") + names("b")
    assert [(one.delivered, sum(one.refused.values()), one.kept) for one in done.sinks] == [(0, 10, 0)] * 2
    told = capfd.readouterr().err  # nothing was dropped, and no fallback has it: it is in the file
    assert "dropped" not in told
    assert "fallback" not in told


def test_a_sink_that_is_away_and_comes_back_gets_all_of_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[int] = []

    def answer(batch: Sequence[Record]) -> None:
        attempts.append(len(batch))
        if len(attempts) < 3:
            raise Unavailable("away", retry_after=0.01)

    monkeypatch.setattr(Answers, "answer", answer)
    done = replay(path, document("a", "b", delivery={"mode": "inline"}))

    assert done.finished
    assert sorted(Answers.got) == names("a") + names("b")
    assert not path.exists()


def test_of_a_batch_that_is_not_taken_whole_in_time_only_the_rest_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(batch: Sequence[Record]) -> Sequence[Record]:
        if len(Answers.got) >= 4:
            raise Unavailable("away", retry_after=60)
        Answers.got += [batch[0].data.decode()]
        raise Unavailable("slowly", delivered=1, retry_after=0.001)

    monkeypatch.setattr(Answers, "answer", answer)
    done = replay(path, document("a"), patience=0.5)

    assert not done.finished
    assert sorted([*Answers.got, *kept(path)]) == names("a") + names("b")
    assert [(one.sink, one.delivered, one.kept) for one in done.sinks] == [("a", 4, 6), ("b", 0, 10)]


def test_a_sink_that_is_away_when_it_is_asked_which_it_refused_keeps_all_in_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def answer(batch: Sequence[Record]) -> None:
        tried.append(len(batch))
        if sum(tried) > 10:
            raise Unavailable("away", retry_after=60)
        raise Rejected("one of them, I think", count=1)

    monkeypatch.setattr(Answers, "answer", answer)
    done = replay(path, document("a"), patience=0.0)

    assert kept(path) == names("a") + names("b")
    assert [(one.sink, one.delivered, dict(one.refused), one.kept) for one in done.sinks] == [
        ("a", 0, {}, 10),
        ("b", 0, {}, 10),
    ]


def test_after_the_patience_is_over_nothing_more_is_tried_and_all_is_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def answer(batch: Sequence[Record]) -> None:
        tried.append(len(batch))
        raise Unavailable("away", retry_after=60)

    monkeypatch.setattr(taken, "_RECORDS", 2)
    monkeypatch.setattr(Answers, "answer", answer)
    done = replay(path, document("a", "b"), patience=0.0)

    assert len(tried) == 1
    assert kept(path) == names("a") + names("b")
    assert [(one.letters, one.delivered, one.kept) for one in done.sinks] == [(10, 0, 10)] * 2


def test_lines_that_are_no_letters_stay_and_are_told(path: Path) -> None:
    torn = [b'{"time": "2026-01-01", "sink": "a', b'{"sink": "a"}', b"[1, 2]", b"\xff", b"  "]
    with path.open("ab") as file:
        file.write(b"\n".join(torn))
    done = replay(path, document("a", "b"))

    assert done.torn == 5
    assert path.read_bytes().splitlines() == torn


def test_two_that_are_alike_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dead.jsonl"
    DeadLetters(path, "a").keep([record("x")] * 3, "rejected")
    asked: list[int] = []

    def answer(batch: Sequence[Record]) -> None:
        asked.append(len(batch))
        if len(asked) == 1:
            raise Rejected("no", indexes=[0])

    monkeypatch.setattr(Answers, "answer", answer)
    (done,) = replay(path, document("a")).sinks

    assert kept(path) == ["x"]
    assert (done.delivered, dict(done.refused)) == (2, {"rejected": 1})


def test_the_options_of_a_sink_that_would_lose_letters_are_not_used(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "answer", refuses("3", lambda indexes: Rejected("no", indexes=indexes)))
    delivery = {"queue": "1 kB", "max_events": 1, "dead_letters": str(tmp_path / "other.jsonl"), "mode": "inline"}
    replay(path, document("a", "b", delivery={**delivery, "fallback": "a"}))

    assert len(Answers.got) == 18
    assert kept(path) == ["a3", "b3"]
    assert not (tmp_path / "other.jsonl").exists()


def test_a_sink_that_cannot_be_made_costs_no_letter(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ConfigError):
        replay(path, Document({"sink": {"a": {"type": 3}}}, None, Path()))
    assert path.read_bytes() == before
    done = replay(path, Document({"sink": {"a": {"type": "none-of-these"}}}, None, Path()))
    assert path.read_bytes() == before

    assert [(one.sink, dict(one.refused), one.kept) for one in done.sinks] == [("a", {"closed": 10}, 0), ("b", {}, 10)]


def test_an_interrupt_costs_no_letter(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    before = path.read_bytes()
    monkeypatch.setattr("penstock.assembly.replay.settled", interrupt)
    with pytest.raises(KeyboardInterrupt):
        replay(path, document("a", "b"))

    assert path.read_bytes() == before


def test_nothing_is_installed_and_no_thread_stays(path: Path) -> None:
    replay(path, document("a", "b"))

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("penstock-a")]
