"""Every preset of `penstock init` is clean, runs, and can be read by a person and by an editor."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from click.testing import Result

from penstock import tooling
from penstock_cli.init import PRESETS, preset_text

Run = Callable[..., Result]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_checks_clean_and_its_tests_pass(run: Run, preset: str) -> None:
    assert run("init", "--preset", preset).exit_code == 0
    for words in (("check", "--strict", "--no-secrets"), ("check",), ("test",), ("graph",)):
        result = run(*words)
        assert (result.exit_code, result.stderr) == (0, ""), words


@pytest.mark.parametrize("preset", PRESETS)
def test_a_program_runs_with_a_preset(run: Run, preset: str) -> None:
    run("init", "--preset", preset)
    program = (
        "import penstock\n"
        "penstock.configure(strict=True)\n"
        "penstock.get_logger('shop').error('it broke', token='s3cr3t', order=17)\n"
        "assert penstock.shutdown(10)\n"
        "assert all(one.accepted == one.delivered for one in penstock.ledger().values())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout + done.stderr + "".join(path.read_text() for path in Path().glob("logs/*.jsonl"))
    assert "it broke" in told
    assert "s3cr3t" not in told


@pytest.mark.parametrize("preset", PRESETS)
def test_what_a_preset_offers_in_comments_is_clean_too(preset: str) -> None:
    text = re.sub(r"^# (?=\[|\w+ = )", "", preset_text(preset), flags=re.MULTILINE)
    Path("penstock.toml").write_text(text)
    assert tooling.check("penstock.toml", resolve=False) == []
    assert preset == "dev" or "oncall" in tomllib.loads(text)["sink"]


@pytest.mark.parametrize("preset", PRESETS)
def test_an_editor_finds_the_schema_beside_it(run: Run, preset: str) -> None:
    result = run("init", "--preset", preset)
    assert result.stdout.split() == ["penstock.toml", "penstock.schema.json"]
    text = Path("penstock.toml").read_text()
    assert text.startswith("#:schema ./penstock.schema.json\n")
    schema = json.loads(Path("penstock.schema.json").read_text())
    jsonschema.Draft7Validator(schema).validate(tomllib.loads(text))
    assert all(len(line) <= 120 for line in text.splitlines())


def test_what_is_there_is_never_overwritten(run: Run) -> None:
    makes: list[Callable[[Path], object]] = [
        lambda path: path.write_text("level = 'info'"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.mkdir(),
    ]
    for make in makes:
        path = Path("penstock.toml")
        make(path)
        before = path.lstat()
        result = run("init")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "penstock.toml is there already; nothing was written" in result.stderr
        assert path.lstat() == before
        assert not Path("penstock.schema.json").exists()
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_a_schema_that_is_there_stays(run: Run) -> None:
    Path("penstock.schema.json").write_text("mine")
    result = run("init", "--preset", "web")
    assert result.exit_code == 0
    assert Path("penstock.schema.json").read_text() == "mine"
    assert "stays as it is" in result.stderr


def test_without_a_terminal_nothing_is_asked(shell: Shell) -> None:
    done = shell("init")
    assert (done.returncode, done.stdout.split()) == (0, ["penstock.toml", "penstock.schema.json"])
    assert Path("penstock.toml").read_text() == preset_text("dev")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of its own")
def test_on_a_terminal_a_person_chooses() -> None:
    import pty

    reading, writing = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "penstock_cli", "init"], stdin=writing, stderr=writing, stdout=subprocess.PIPE
    )
    os.write(reading, b"web\n")
    stdout, _ = child.communicate(timeout=60)
    os.close(writing)
    os.close(reading)
    assert child.returncode == 0
    assert stdout.split() == [b"penstock.toml", b"penstock.schema.json"]
    assert Path("penstock.toml").read_text() == preset_text("web")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_the_file_is_one_that_is_read_unasked_whatever_the_umask(shell: Shell) -> None:
    before = os.umask(0o000)
    try:
        assert shell("init").returncode == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path("penstock.toml").stat().st_mode) == 0o644
    assert shell("check").returncode == 0


def test_a_missing_plugin_is_named(shell: Shell) -> None:
    done = shell("init", "--preset", "web", env={"PENSTOCK_DISABLE": "json"})
    assert done.returncode == 1
    assert "format.lines.type: plugin 'json': disabled by PENSTOCK_DISABLE" in done.stderr


def test_a_folder_that_is_not_there_is_made(run: Run) -> None:
    assert run("init", "--preset", "web", "etc/shop/penstock.toml").exit_code == 0
    assert Path("etc/shop/penstock.schema.json").exists()


def test_a_place_that_cannot_be_written_is_a_complaint(run: Run) -> None:
    Path("file").write_text("")
    result = run("init", "file/penstock.toml")
    assert result.exit_code == 1
    assert "cannot be written: " in result.stderr
