"""Two ways to run a command: in this process, and as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from penstock_cli.group import penstock

Run = Callable[..., Result]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]
Install = Callable[..., Path]

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder that is the root of a project, with the components of the tests importable."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(HERE))
    for name in ("COLUMNS", "PENSTOCK_PROFILE", "PYTHONPATH", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run() -> Run:
    """Run a command in this process."""

    def run(*words: str) -> Result:
        result = CliRunner().invoke(penstock, list(words))
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def shell() -> Shell:
    """Run a command in a process of its own, without a terminal."""

    def shell(
        *words: str, path: Path | None = None, env: Mapping[str, str] | None = None, **settings: Any
    ) -> subprocess.CompletedProcess[str]:
        paths = [str(HERE), *([str(path)] if path else [])]
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
        done = subprocess.run(
            [sys.executable, "-m", "penstock_cli", *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **(env or {})},
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=60,
            check=False,
            **settings,
        )
        assert "Traceback" not in (done.stderr or "")
        return done

    return shell


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Lay out a distribution as if installed, and return the folder to put on the path."""

    def install(name: str, entries: str, code: str, metadata: str = "Summary: Made by a test") -> Path:
        site = tmp_path / "site"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{metadata}\n")
        info.joinpath("entry_points.txt").write_text(entries)
        site.joinpath(f"{name}.py").write_text(code)
        return site

    return install
