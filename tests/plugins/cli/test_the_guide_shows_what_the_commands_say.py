"""docs/guide/understanding.md shows what the commands say; with PENSTOCK_WRITE_DOCS=1 it is written anew."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from repository import ROOT

Run = Callable[..., Result]

PAGE = ROOT / "docs/guide/understanding.md"
PICTURE = ROOT / "docs/guide/river.svg"
WRITE = os.environ.get("PENSTOCK_WRITE_DOCS") == "1"
SHELL = re.compile(r"^```text\n(\$ .*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def the_file_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK__STATE", raising=False)  # of the tests themselves
    found = re.search(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    Path("penstock.toml").write_text(found[1])


def said(run: Run, block: str) -> str:
    """Return what a reader sees who types the commands of *block*."""
    lines = []
    for command in re.findall(r"^\$ penstock (.*)$", block, re.MULTILINE):
        result = run(*shlex.split(command))
        assert (result.exit_code, result.stderr) == (0, ""), command
        # A reader is in a folder of their own.
        lines += [f"$ penstock {command}", *result.stdout.replace(f"{Path.cwd()}{os.sep}", "").splitlines()]
    return "\n".join([*lines, ""])


def test_every_output_in_the_guide_is_what_the_command_says(run: Run) -> None:
    page = PAGE.read_text()
    assert len(SHELL.findall(page)) >= 3
    true = SHELL.sub(lambda block: f"```text\n{said(run, block[1])}```", page)
    if WRITE:
        PAGE.write_text(true)
    assert true == PAGE.read_text()


def test_the_picture_in_the_guide_is_what_the_command_draws(run: Run) -> None:
    drawn = run("graph", "--format", "svg").stdout
    if WRITE:
        PICTURE.write_text(drawn)
    assert drawn == PICTURE.read_text()
