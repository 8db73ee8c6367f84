"""What the guide *Testing* shows is what the commands say. `PENSTOCK_WRITE_DOCS=1` writes it anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "testing.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
TIMES = re.compile(r" in [0-9.]+s")


def said(command: str, folder: Path) -> str:
    """Return what *command* writes, standard output before standard error."""
    words = (
        command.replace("penstock ", f"{sys.executable} -m penstock_cli ", 1) if command[:9] == "penstock " else command
    )
    words = words.replace("pytest ", f"{sys.executable} -m pytest -p no:cacheprovider -p penstock_pytest ", 1)
    env = {**os.environ, "COLUMNS": "80", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        words, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False
    )
    return TIMES.sub("", done.stdout + done.stderr)


def shown(block: str, folder: Path) -> str:
    """Return a block with its commands, and behind each what it says."""
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{said(command[2:], folder)}" for command in commands)


@pytest.mark.skipif(sys.platform == "win32", reason="the page is written for a POSIX shell")
def test_what_the_guide_shows_is_what_the_commands_say(tmp_path: Path) -> None:
    page = PAGE.read_text()
    (tmp_path / "penstock.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    written = CONSOLE.sub(lambda match: f"```console\n{shown(match[1], tmp_path)}```\n", page)
    if os.environ.get("PENSTOCK_WRITE_DOCS"):
        PAGE.write_text(written)

    assert len(CONSOLE.findall(page)) >= 5
    assert PAGE.read_text() == written
    assert "Traceback" not in written
