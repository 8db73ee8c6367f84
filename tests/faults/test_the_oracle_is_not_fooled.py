"""What a library could do wrong with lines, the oracle sees; and what is right it does not call wrong."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sometimes as registry
from numbered import Number, text, whole
from oracle import Verdict, agrees, files_of, judge
from program import board_of
from sometimes import Sometimes


def line(number: int, worker: int = 0) -> bytes:
    return json.dumps({"time": "2026", "message": text(worker, number)}).encode() + b"\n"


SAID = [line(number) for number in range(5)]


def verdict_of(folder: Path, sources: Sequence[bytes], issued: int = 5, acknowledged: int = 5) -> Verdict:
    with board_of(folder / "board", 1) as board:
        board.issue(0, issued)
        board.acknowledge(0, acknowledged)
        return judge(board, sources)


def test_what_is_right_is_clean(tmp_path: Path) -> None:
    foreign = b'{"message":"what a library says about itself"}\n'
    verdict = verdict_of(tmp_path, [b"".join(SAID[:2]), b"", foreign + b"".join(SAID[2:])])

    assert verdict == Verdict(5, 5, 5, 0, 0, 0, 0, 0, foreign=1)
    assert verdict.clean


def test_a_notice_is_known_with_what_it_tells(tmp_path: Path) -> None:
    row = {"message": "3 events dropped here", "logger": "penstock.event.dropped", "dropped": {"shed": 2, "too_old": 1}}
    notice = json.dumps(row).encode() + b"\n"
    verdict = verdict_of(tmp_path, [SAID[0] + notice + SAID[1] + notice])

    assert verdict == Verdict(5, 5, 2, 3, 0, 0, 0, 0, notices=2, told=6)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("lost", lambda said: said[:4]),
        ("doubled", lambda said: [*said, said[4]]),
        ("torn", lambda said: [*said, b'{"time":"2026","mess\n']),
        ("torn", lambda said: [*said[:4], said[4], said[3][:30]]),
        ("torn", lambda said: [*said, b"\0" * 20 + b"\n"]),
        ("torn", lambda said: [*said, b"\n"]),
        ("torn", lambda said: [*said, b"2026-01-01 INFO half of it\n"]),
        ("invented", lambda said: [*said, line(5)]),
        ("invented", lambda said: [*said, line(0, worker=1)]),
        ("disordered", lambda said: [said[1], said[0], *said[2:]]),
    ],
)
def test_each_wrong_is_seen(tmp_path: Path, what: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    verdict = verdict_of(tmp_path, [b"".join(change(SAID))])

    assert getattr(verdict, what) == 1, verdict
    assert not verdict.clean


def test_two_lines_in_one_and_one_with_a_changed_byte_are_torn_and_what_they_said_is_lost(tmp_path: Path) -> None:
    mixed = SAID[3][:-1] + SAID[4]
    changed = SAID[2].replace(b"0.2.", b"0.1.")
    verdict = verdict_of(tmp_path, [b"".join([*SAID[:2], changed, mixed])])

    assert (verdict.torn, verdict.lost, verdict.arrived) == (2, 3, 2)


def test_what_was_not_acknowledged_may_be_there_or_not(tmp_path: Path) -> None:
    for arrived in (4, 5):
        assert verdict_of(tmp_path, [b"".join(SAID[:arrived])], acknowledged=4).clean


def test_the_events_of_some_workers_can_be_judged_alone(tmp_path: Path) -> None:
    with board_of(tmp_path / "board", 2) as board:
        for worker in range(2):
            board.issue(worker, 2)
            board.acknowledge(worker, 2)
        said = [line(0), line(0, worker=1), line(1, worker=1)]

        assert judge(board, said).lost == judge(board, said, only=[0]).lost == 1
        assert judge(board, said, only=[1]).clean


RIGHT = {"accepted": 6, "delivered": 4, "dropped": {"shed": 2}, "pending": 0}
"""What a ledger has to say of five events of which three arrived, behind which a notice tells of the other two."""


@pytest.mark.parametrize(
    ("account", "seen", "agreed"),
    [
        ({}, {}, True),
        ({"accepted": 7, "dropped": {"shed": 3}}, {}, False),  # one that nobody said
        ({"accepted": 5, "delivered": 3}, {}, False),  # the notice is not counted
        ({"accepted": 5, "dropped": {"shed": 1}}, {}, False),
        ({"delivered": 5, "dropped": {"shed": 1}}, {}, False),
        ({"accepted": 7, "pending": 1}, {}, False),
        ({"dropped": {}}, {}, False),
        ({}, {"told": 1}, False),  # readers would believe that one less is missing
        ({}, {"foreign": 1}, False),
        ({"accepted": 5, "delivered": 3}, {"notices": 0, "told": 0}, True),  # it had nobody to tell
    ],
)
def test_a_ledger_agrees_with_what_became_of_the_events_or_does_not(
    account: dict[str, Any], seen: dict[str, int], agreed: bool
) -> None:
    said = {**RIGHT, **account}
    total = said["delivered"] + sum(said["dropped"].values()) + said["pending"]
    verdict = Verdict(5, 5, 3, 2, 0, 0, 0, 0, notices=1, told=2)._replace(**seen)

    assert agrees({**said, "balanced": said["accepted"] == total}, verdict) is agreed


def test_archives_are_read_in_the_order_of_their_age_whoever_named_them(tmp_path: Path) -> None:
    names = {
        "penstock": ["say-20261121T184500-001.jsonl.gz", "say-20261121T184500-002.jsonl", "say.jsonl"],
        "logging": ["say.jsonl.11", "say.jsonl.2", "say.jsonl.1", "say.jsonl"],
        "loguru": ["say.2026-11-21_18-45-00_000001.jsonl", "say.2026-11-21_18-45-00_000002.jsonl", "say.jsonl"],
    }
    for library, files in names.items():
        folder = tmp_path / library
        folder.mkdir()
        for number, name in enumerate(files):
            data = b"%d\n" % number
            (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        (folder / "say-20261121T184500-003.jsonl.gz.tmp").write_bytes(b"half")

        assert files_of(folder / "say.jsonl") == [b"%d\n" % number for number in range(len(files))]


def test_a_damaged_archive_is_torn(tmp_path: Path) -> None:
    (tmp_path / "say-20261121T184500-001.jsonl.gz").write_bytes(gzip.compress(b"".join(SAID))[:-9])

    assert verdict_of(tmp_path, files_of(tmp_path / "say.jsonl")).torn == 1


def test_a_text_proves_itself() -> None:
    texts = [text(worker, number).encode() for worker in range(20) for number in range(200)]

    assert [whole(one) for one in texts] == [Number(worker, number) for worker in range(20) for number in range(200)]
    assert len(set(texts)) == len(texts)
    assert max(map(len, texts)) > 4_096
    assert all(whole(one[:-1]) is None and whole(one[1:]) is None for one in texts)


TESTS = """
import pytest

@pytest.mark.sometimes("the disk was full", "a short write")
def test_one(): sometimes("a short write")

@pytest.mark.sometimes("a short write")
@pytest.mark.sometimes("the disk froze", full=True)
def test_two(): sometimes("a short write", False)

@pytest.mark.sometimes("skipped")
def test_three(): pytest.skip("not here")

from sometimes import Sometimes
sometimes = Sometimes(frozenset({"a short write"}))
"""


def run_of(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(tests)
    here = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "-p", "hooks", "-p", "no:cacheprovider", str(folder)]
    paths = os.pathsep.join([str(here), str(here / "inject"), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": paths, "PENSTOCK_FAULTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env.pop("PYTEST_ADDOPTS", None)  # of the plugins that are not there
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=env)


def test_a_situation_that_was_never_there_fails_the_run(tmp_path: Path) -> None:
    done = run_of(tmp_path, TESTS)

    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "2 passed, 1 skipped" in done.stdout
    told = done.stdout.partition("situations that were never reached")[2]
    assert "\nthe disk was full\n" in told
    assert "the disk froze" not in told
    assert "a short write" not in told


def test_a_run_in_which_all_were_there_passes(tmp_path: Path) -> None:
    done = run_of(tmp_path, TESTS.replace('"the disk was full", ', ""))

    assert done.returncode == 0, done.stdout


def test_a_situation_must_be_named_to_be_noted() -> None:
    with pytest.raises(KeyError):
        Sometimes(frozenset({"a"}))("b")
    assert "b" not in registry.reached
