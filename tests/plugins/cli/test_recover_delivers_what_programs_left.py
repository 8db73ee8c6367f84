"""`penstock recover`: what a killed program left in its spool is listed, delivered, or told why not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result

HERE = Path(__file__).parent
Run: TypeAlias = Callable[..., Result]

DOCUMENT = """
state = "state"
[sink.oncall]
type = "python:cli_components:{sink}"
{options}
[sink.oncall.delivery]
mode = "queued"
spool = "1 MB"
[pipeline.all]
sink = "oncall"
match = ["shop.**"]
format = "plain"
"""
PROGRAM = """
import os, signal
import penstock
penstock.configure("penstock.toml")
for number in range({count}):
    penstock.get_logger("shop").info("sold", number=number)
os.kill(os.getpid(), signal.SIGKILL)
"""

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process")


def configure(sink: str, options: str = "") -> None:
    Path("penstock.toml").write_text(DOCUMENT.format(sink=sink, options=options))


@pytest.fixture(autouse=True)
def left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a program say five things to a sink that is down, and be killed."""
    monkeypatch.delenv("PENSTOCK__STATE")
    configure("DownSink")
    environ = {**os.environ, "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-c", PROGRAM.format(count=5)]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_it_is_delivered_through_the_sink_of_the_configuration(run: Run) -> None:
    configure("KeepSink", 'path = "kept.txt"')
    result = run("recover")

    assert (result.exit_code, result.stdout) == (0, "oncall: 5 delivered\n")
    assert [line[-1] for line in Path("kept.txt").read_text().splitlines()] == ["0", "1", "2", "3", "4"]
    again = run("recover")
    assert (again.exit_code, again.stdout) == (0, "nothing waits\n")


def test_the_list_shows_it_and_changes_nothing(run: Run) -> None:
    configure("KeepSink", 'path = "kept.txt"')
    first, second = run("recover", "--list"), run("recover", "--list")

    assert first.exit_code == 0
    head, row = first.stdout.splitlines()
    assert head.split() == ["sink", "records", "bytes", "oldest", "newest", "processes", "program"]
    assert row.split()[:2] == ["oncall", "5"]
    assert "died" in row
    assert second.stdout == first.stdout
    assert not Path("kept.txt").exists()


def test_the_list_as_json(run: Run) -> None:
    told = json.loads(run("recover", "--list", "--format", "json").stdout)

    assert told["v"] == 1
    (one,) = told["waiting"]
    assert (one["sink"], one["records"], one["alive"], one["program"]) == ("oncall", 5, False, "")
    assert one["bytes"] > 0
    assert one["oldest"] <= one["newest"]
    assert one["folder"].endswith("state/oncall")


def test_what_is_not_taken_goes_on_to_wait_and_is_exit_1(run: Run) -> None:
    result = run("recover", "--timeout", "0.1")

    assert result.exit_code == 1
    assert result.stdout == "oncall: 0 delivered; 5 still waiting; try --timeout 300\n"
    assert json.loads(run("recover", "--list", "--format", "json").stdout)["waiting"][0]["records"] == 5


def test_what_is_refused_is_told_and_is_exit_1(run: Run) -> None:
    configure("RefuseSink")
    result = run("recover", "--format", "json")

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["ok"] is False
    assert told["sinks"] == [
        {"sink": "oncall", "delivered": 0, "dropped": {"rejected": 5}, "diverted": 0, "pending": 0}
    ]
    assert Path("state/oncall/dead-letters.jsonl").read_text().count("\n") == 5


def test_what_was_recovered_and_refused_can_be_replayed(run: Run) -> None:
    configure("RefuseSink")
    run("recover")
    configure("KeepSink", 'path = "kept.txt"')
    result = run("replay", "state/oncall/dead-letters.jsonl")

    assert (result.exit_code, result.stdout) == (0, "oncall: 5 delivered\n")
    assert Path("kept.txt").read_text().count("\n") == 5


def test_what_the_configuration_has_no_sink_for_goes_on_to_wait(run: Run) -> None:
    Path("penstock.toml").write_text(DOCUMENT.format(sink="DownSink", options="").replace("oncall", "other"))
    result = run("recover")

    assert result.exit_code == 1
    assert result.stdout == "oncall: 5 go on to wait: the configuration has no such sink\n"


def test_only_the_sink_that_is_asked_for(run: Run) -> None:
    configure("KeepSink", 'path = "kept.txt"')

    assert run("recover", "--sink", "other").stdout == "nothing waits\n"
    assert run("recover", "--sink", "oncall").stdout == "oncall: 5 delivered\n"


def test_a_program_that_left_nothing_is_wrong_usage(run: Run) -> None:
    result = run("recover", "--program", "nobody")

    assert result.exit_code == 2
    assert "there is no program that left anything 'nobody'" in result.stderr


def test_of_several_programs_one_has_to_be_chosen(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("penstock.river.spool.spool._SHARED_MEMORY", tmp_path / "none")
    monkeypatch.setattr("penstock.files.memory_backed", lambda path: False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "penstock").mkdir(parents=True)
    Path("state").rename(tmp_path / "home" / "penstock" / "a")
    subprocess.run(["cp", "-r", tmp_path / "home" / "penstock" / "a", tmp_path / "home" / "penstock" / "b"], check=True)
    configure("KeepSink", 'path = "kept.txt"')
    text = Path("penstock.toml").read_text()
    Path("penstock.toml").write_text(text.replace('state = "state"\n', ""))
    result = run("recover")
    assert result.exit_code == 2
    assert "several programs left something: a, b; choose one with --program" in result.stderr
    assert not Path("kept.txt").exists()
    result = run("recover", "--program", "b")

    assert (result.exit_code, result.stdout) == (0, "oncall: 5 delivered\n")
    assert "delivering what b left" in result.stderr


def test_without_a_configuration_it_is_only_listed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__STATE", str(Path("state").absolute()))
    Path("penstock.toml").unlink()
    result = run("recover")

    assert result.exit_code == 0
    assert "no configuration belongs to this folder: what waits is only listed" in result.stderr
    assert "oncall" in result.stdout
    assert json.loads(run("recover", "--list", "--format", "json").stdout)["waiting"][0]["records"] == 5
