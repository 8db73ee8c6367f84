"""`penstock schema`: what an editor makes of it, with tombi as the editor; good files pass, each mistake is found."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from click.testing import Result

from repository import ROOT

Run = Callable[..., Result]

HEAD = "#:schema ./penstock.schema.json\n"
GOOD = {path.name: path.read_text() for path in sorted((ROOT / "docs/examples").glob("*.toml"))}
GUIDE = (ROOT / "docs/guide/configuration.md").read_text()


@pytest.fixture
def lint(run: Run) -> Callable[[str], list[tuple[str, int]]]:
    """Return the messages of tombi, with their lines."""
    Path("penstock.schema.json").write_text(run("schema").stdout)

    def lint(text: str) -> list[tuple[str, int]]:
        Path("penstock.toml").write_text(HEAD + text)
        done = subprocess.run(
            [Path(sys.executable).with_name("tombi"), "lint", "--offline", "penstock.toml"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
        assert bool(done.returncode) == ("Error:" in said), said
        return [(text, int(line) - 1) for text, line in re.findall(r"(?:Error|Warning): (.*)\n.*:(\d+):\d+", said)]

    return lint


def test_it_is_a_draft_7_schema(run: Run) -> None:
    jsonschema.Draft7Validator.check_schema(json.loads(run("schema").stdout))


@pytest.mark.parametrize("name", GOOD)
def test_an_editor_has_nothing_to_say_of_our_examples(lint: Callable[[str], list[object]], name: str) -> None:
    assert lint(GOOD[name]) == []


def test_an_editor_has_nothing_to_say_of_the_whole_file_in_the_guide(lint: Callable[[str], list[object]]) -> None:
    found = re.search(r"^```toml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    assert found is not None
    assert lint(found[1]) == []


def test_an_editor_finds_every_mistake_and_no_other(lint: Callable[[str], list[tuple[str, int]]]) -> None:
    wrong = [
        'level = "loud"',
        "[format.ecs]",
        'type = "jsn"',
        "[sink.trades]",
        'type = "file-rotate"',
        'path = "a"',
        "keeep = 3",
        'max_size = "10"',
        "[sink.calls]",
        'type = "telegram"',
        "token = { evn = 3 }",
        'chat_id = "-1"',
        "[sink.calls.delivery]",
        'mode = "queud"',
        "batch = 0",
        "[pipeline.all]",
        'snik = "trades"',
    ]
    assert {line for _, line in lint("\n".join(wrong))} == {1, 3, 7, 8, 11, 14, 15, 16, 17}
