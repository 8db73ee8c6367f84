"""`penstock replay`: what a sink takes leaves the file of dead letters, everything else stays, and each is told."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result

Run: TypeAlias = Callable[..., Result]
Shell: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]

DOCUMENT = """
[sink.kept]
type = "python:cli_components:KeepSink"
path = "kept.txt"
[sink.never]
type = "python:cli_components:RefuseSink"
[sink.down]
type = "python:cli_components:DownSink"
[pipeline.all]
sink = "kept"
"""


@pytest.fixture(autouse=True)
def document(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(DOCUMENT)


@pytest.fixture
def letters(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of letters, three for each sink."""

    def letters(*sinks: str) -> Path:
        path = tmp_path / "dead.jsonl"
        for sink in sinks:
            for number in range(3):
                letter = {"time": "2026-01-01T00:00:00+00:00", "sink": sink, "reason": "rejected", "level": 40}
                letter |= {"name": "shop", "time_ns": number, "format": "plain", "data": f"{sink} {number}"}
                with path.open("a") as file:
                    file.write(json.dumps(letter) + "\n")
        return path

    return letters


def test_what_the_sink_takes_leaves_the_file(run: Run, letters: Callable[..., Path], tmp_path: Path) -> None:
    path = letters("kept")
    result = run("replay", "dead.jsonl")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "kept: 3 delivered\n", "")
    assert (tmp_path / "kept.txt").read_text() == "kept 0\nkept 1\nkept 2\n"
    assert not path.exists()


def test_what_stays_is_told_with_its_reason_and_is_exit_1(run: Run, letters: Callable[..., Path]) -> None:
    path = letters("kept", "never", "gone")
    before = path.read_text().splitlines()
    with path.open("a") as file:
        file.write('{"time": "2026')
    result = run("replay", "dead.jsonl")

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "gone: 3 stay: the configuration has no such sink; try --sink NAME",
        "kept: 3 delivered",
        "never: 3 not taken again (rejected 3)",
        "1 line is no letter and stays in dead.jsonl",
    ]
    assert path.read_text().splitlines() == [*before[3:], '{"time": "2026']


def test_one_sink_can_get_all_of_it(run: Run, letters: Callable[..., Path], tmp_path: Path) -> None:
    letters("never", "gone")
    result = run("replay", "dead.jsonl", "--sink", "kept")

    assert (result.exit_code, result.stdout) == (0, "kept: 6 delivered\n")
    assert (tmp_path / "kept.txt").read_text().count("\n") == 6


def test_a_sink_that_is_down_is_given_up_after_the_timeout(run: Run, letters: Callable[..., Path]) -> None:
    path = letters("down")
    before = path.read_bytes()
    result = run("replay", "dead.jsonl", "--timeout", "0.1")

    assert result.exit_code == 1
    assert result.stdout == "down: 3 not delivered in time; try --timeout 300\n"
    assert path.read_bytes() == before


def test_as_json_it_says_the_same(run: Run, letters: Callable[..., Path]) -> None:
    letters("kept", "never")
    result = run("replay", "dead.jsonl", "--format", "json")

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert (told["v"], told["ok"], told["letters"], told["torn"], told["finished"]) == (1, False, "dead.jsonl", 0, True)
    assert told["file"].endswith("penstock.toml")
    assert told["sinks"] == [
        {"sink": "kept", "letters": 3, "delivered": 3, "refused": {}, "kept": 0, "known": True},
        {"sink": "never", "letters": 3, "delivered": 0, "refused": {"rejected": 3}, "kept": 0, "known": True},
    ]


def test_a_file_without_letters_is_fine(run: Run, tmp_path: Path) -> None:
    (tmp_path / "dead.jsonl").write_text("")
    result = run("replay", "dead.jsonl")

    assert (result.exit_code, result.stdout) == (0, "there is no letter in dead.jsonl\n")


def test_a_file_that_is_not_there_is_wrong_usage(run: Run) -> None:
    result = run("replay", "dead.jsonl")

    assert result.exit_code == 2
    assert "there is no file" in result.stderr


def test_a_misspelt_sink_gets_the_nearest_name_and_nothing_is_sent(run: Run, letters: Callable[..., Path]) -> None:
    path = letters("kept")
    result = run("replay", "dead.jsonl", "--sink", "keppt")

    assert result.exit_code == 2
    assert "there is no sink 'keppt'; did you mean 'kept'?" in result.stderr
    assert path.exists()


def test_a_configuration_that_cannot_be_used_is_told_and_nothing_is_sent(
    run: Run, letters: Callable[..., Path], tmp_path: Path
) -> None:
    path = letters("kept")
    before = path.read_bytes()
    (tmp_path / "penstock.toml").write_text(DOCUMENT.replace('path = "kept.txt"', "path = 3"))
    result = run("replay", "dead.jsonl")

    assert result.exit_code == 1
    assert "sink.kept.path" in result.stderr
    assert "nothing was sent; next: penstock check" in result.stderr
    assert path.read_bytes() == before


def test_without_a_configuration_nothing_is_sent(run: Run, letters: Callable[..., Path], tmp_path: Path) -> None:
    path = letters("kept")
    (tmp_path / "penstock.toml").unlink()
    result = run("replay", "dead.jsonl")

    assert result.exit_code == 1
    assert "no configuration belongs to this folder" in result.stderr
    assert path.exists()


def test_what_a_killed_replay_left_is_sent_by_the_next(
    shell: Shell, letters: Callable[..., Path], tmp_path: Path
) -> None:
    letters("kept").rename(tmp_path / "dead.jsonl.replay")
    done = shell("replay", "dead.jsonl", env={"PENSTOCK__STATE": os.environ["PENSTOCK__STATE"]})

    assert (done.returncode, done.stdout) == (0, "kept: 3 delivered\n")
    assert not (tmp_path / "dead.jsonl.replay").exists()
