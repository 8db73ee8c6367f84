"""The example of the documentation runs: three sinks and three pipelines make three specialised files."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock import tooling

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example was run twice, each time from somewhere else."""
    place = tmp_path_factory.mktemp("example")
    for name in ("trading.toml", "trading.py"):
        shutil.copy(EXAMPLES / name, place)
    for _ in range(2):
        command = [sys.executable, str(place / "trading.py")]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=True)
        (place / "console").write_text(done.stderr)
    return place


def rows(place: Path, name: str) -> list[Any]:
    return [json.loads(line) for line in (place / "logs" / name).read_text().splitlines()]


def test_its_document_is_without_a_problem() -> None:
    assert tooling.check(EXAMPLES / "trading.toml") == []


def test_there_are_three_files_and_no_other(place: Path) -> None:
    names = {path.name for path in (place / "logs").iterdir()}

    assert names == {"general.jsonl", "trade.jsonl", "error.jsonl"}
    assert {stat.S_IMODE((place / "logs" / name).stat().st_mode) for name in names} == {0o600}


def test_the_trades_are_in_the_file_of_the_trades(place: Path) -> None:
    events = [row.get("event", "") for row in rows(place, "trade.jsonl")]

    assert events.count("trade.filled") == 6
    assert events.count("trade.order.start") == 8
    assert events.count("trade.order.stop") == 6
    assert "trade.heartbeat" not in events
    assert all(event.startswith("trade.") for event in events)


def test_what_went_wrong_is_in_the_file_of_the_errors(place: Path) -> None:
    errors = rows(place, "error.jsonl")

    assert {row["severity"] for row in errors} == {"error"}
    assert [row.get("message") or row["event"] for row in errors] == ["trade.order.exception", "order refused"] * 2


def test_everything_from_info_on_is_in_the_general_file(place: Path) -> None:
    general = rows(place, "general.jsonl")
    messages = [row.get("message") or row["event"] for row in general]

    assert {row["severity"] for row in general} == {"info", "notice", "error"}
    assert messages.count("order sent") == messages.count("trade.heartbeat") == 8
    assert messages.count("order refused") == 2


def test_every_line_has_the_context_and_no_secret(place: Path) -> None:
    for name in ("general.jsonl", "trade.jsonl", "error.jsonl"):
        assert all((row["service"], row["venue"]) == ("trading", "XETRA") for row in rows(place, name))
    everything = "".join(path.read_text() for path in (*(place / "logs").iterdir(), place / "console"))
    assert "s3cr3t" not in everything
    assert "DE-4711" not in everything


def test_the_console_has_what_a_person_should_see_now(place: Path) -> None:
    console = (place / "console").read_text()

    assert "market open" in console
    assert "order refused" in console
    assert "order sent" not in console
