"""`penstock doctor`: what it finds, and that it finds what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from penstock import tooling
from penstock_cli.doctor import checks
from penstock_cli.doctor.search import way_to_the_configuration

Run = Callable[..., Result]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]
Install = Callable[..., Path]

GOOD = '[sink.out]\ntype = "last-resort"\n[pipeline.all]\nsink = "out"\n'


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for plugins only where a test is about them: importing all of them takes its time."""
    monkeypatch.setitem(checks._CHECKS, "plugins", lambda *_: iter(()))


def topics(result: Result) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(result.stdout)["findings"]:
        found.setdefault(finding["topic"], []).append(finding)
    return found


def test_it_answers_every_question_of_a_supporter(run: Run) -> None:
    Path("penstock.toml").write_text(GOOD)
    result = run("doctor", "--format", "json")
    found = topics(result)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["v"] == 1
    assert {
        "versions",
        "python",
        "system",
        "search",
        "configuration",
        "environment",
        "state",
        "spools",
        "clock",
    } <= set(found)
    assert {"limits", "terminal"} <= set(found) or sys.platform == "win32"
    assert "penstock-cli" in found["versions"][0]["text"]
    assert found["configuration"][0]["text"] == f"{Path.cwd() / 'penstock.toml'}: sinks out; pipelines all"
    assert not [one for one in json.loads(result.stdout)["findings"] if one["state"] == "wrong"]


def test_the_same_for_people_is_one_line_each(run: Run) -> None:
    lines = run("doctor").stdout.splitlines()
    assert all(line.split()[0] in ("fine", "note", "warning", "wrong") for line in lines)


def test_a_wrong_configuration_is_wrong_and_the_rest_is_told(run: Run) -> None:
    Path("bad.toml").write_text("sinc = 1")
    result = run("doctor", "-c", "bad.toml", "--format", "json")
    found = topics(result)
    assert result.exit_code == 1
    assert found["configuration"][0]["state"] == "wrong"
    assert "unknown option 'sinc'" in found["configuration"][0]["text"]
    assert found["configuration"][0]["hint"] == "next: penstock check bad.toml"
    assert found["clock"]


def test_a_plugin_that_does_not_load_is_named(shell: Shell, install: Install) -> None:
    site = install("acme_broken", "[penstock]\nbroken = acme_broken\n", "raise RuntimeError('no such day')")
    done = shell("doctor", "--format", "json", path=site)
    wrong = [one for one in json.loads(done.stdout)["findings"] if one["state"] == "wrong"]
    assert done.returncode == 1
    assert [one["topic"] for one in wrong] == ["plugins"]
    assert "broken: plugin 'broken' (acme_broken 1.0): RuntimeError: no such day" in wrong[0]["text"]


def test_a_plugin_that_ends_the_interpreter_ends_not_the_doctor(shell: Shell, install: Install) -> None:
    site = install("acme_end", "[penstock]\nend = acme_end\n", "import os; os._exit(9)")
    done = shell("doctor", path=site)
    assert done.returncode == 1
    assert "importing one of them ends the interpreter; next: penstock plugins --verify" in done.stdout


def test_all_plugins_of_ours_load(shell: Shell) -> None:
    done = shell("doctor", "--format", "json")
    found = [one for one in json.loads(done.stdout)["findings"] if one["topic"] == "plugins"]
    assert [one["state"] for one in found] == ["fine"]
    assert f"{len(list(tooling.list_installed()))} types of " in found[0]["text"]


# -- which file, and why ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "end"),
    [
        ({"penstock.toml": GOOD}, "there is a penstock.toml"),
        ({"inner/penstock.toml": GOOD, "penstock.toml": GOOD}, "inner: there is a penstock.toml"),
        ({"pyproject.toml": "[tool.penstock]\n"}, "pyproject.toml with [tool.penstock]"),
        ({"pyproject.toml": "[tool.x]\n", "penstock.toml": GOOD}, "there is a penstock.toml"),
        ({"inner/pyproject.toml": "", "penstock.toml": GOOD}, "inner: pyproject.toml without [tool.penstock] ends"),
        ({"inner/.git/x": "", "penstock.toml": GOOD}, "inner: no penstock.toml; .git ends the search"),
        ({}, "no penstock.toml; .git ends the search"),
    ],
)
def test_the_way_ends_where_the_core_finds_the_file(
    monkeypatch: pytest.MonkeyPatch, files: dict[str, str], end: str
) -> None:
    Path("inner").mkdir()
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    monkeypatch.chdir("inner")
    *_, last = way_to_the_configuration()
    assert end in last
    folder, _, words = last.partition(": ")
    found = tooling.document().file
    if words.startswith("there is") or words.endswith("with [tool.penstock]"):
        assert found is not None
        assert str(Path(found).parent) == folder
    else:
        assert found is None


def test_a_variable_that_names_the_file_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("x.toml").write_text(GOOD)
    monkeypatch.setenv("PENSTOCK_CONFIG", "x.toml")
    found = topics(run("doctor", "--format", "json"))
    assert found["search"][0]["text"] == "PENSTOCK_CONFIG names x.toml"
    assert found["configuration"][0]["text"].startswith("x.toml: ")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_file_that_others_may_write_is_told(run: Run) -> None:
    Path("penstock.toml").write_text(GOOD)
    Path("penstock.toml").chmod(0o666)
    found = topics(run("doctor", "--format", "json"))
    assert "others may write it (-rw-rw-rw-)" in found["permissions"][0]["text"]
    assert found["permissions"][0]["hint"].startswith("chmod go-w ")
    assert found["configuration"][0]["state"] == "wrong"  # it is not read unasked


def test_no_value_of_a_variable_is_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__SINK__OUT__TOKEN", "0:not-a-real-token")
    Path("penstock.toml").write_text(GOOD.replace("last-resort", "python:cli_components:RefuseSink"))
    result = run("doctor")
    assert "PENSTOCK__SINK__OUT__TOKEN" in result.stdout
    assert "not-a-real-token" not in result.output


# -- state ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_state_folder_that_others_may_read_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK__STATE", raising=False)
    Path("penstock.toml").write_text(f'state = "kept"\n{GOOD}')
    Path("kept").mkdir()
    Path("kept").chmod(0o755)
    found = topics(run("doctor", "--format", "json"))["state"]
    assert [one["state"] for one in found] == ["warning"]
    assert found[0]["hint"] == f"chmod 700 {Path.cwd() / 'kept'}"


def test_a_state_folder_that_cannot_be_written_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK__STATE", raising=False)
    monkeypatch.setattr("os.access", lambda *_: False)
    Path("penstock.toml").write_text(f'state = "kept"\n{GOOD}')
    result = run("doctor", "--format", "json")
    assert result.exit_code == 1
    assert "nothing outlives the process there" in topics(result)["state"][0]["text"]
    assert not Path("kept").exists()


def test_too_little_room_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    found = topics(run("doctor", "--format", "json"))["state"]
    assert {one["state"] for one in found} == {"warning"}
    assert "1 MB free" in found[0]["text"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_what_a_dead_process_left_is_told(run: Run, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK__STATE", raising=False)
    Path("penstock.toml").write_text(
        'state = "kept"\n[sink.calls]\ntype = "python:cli_components:DownSink"\n'
        'delivery = { spool = "1 MB" }\n[pipeline.all]\nsink = "calls"\n'
    )
    program = (
        "import os, signal, penstock\n"
        "penstock.configure()\n"
        "for number in range(3): penstock.get_logger('shop').info('sold', number=number)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", program], env=environ, timeout=60, check=False, capture_output=True)
    found = topics(run("doctor", "--format", "json"))["spools"]
    assert [one["state"] for one in found] == ["warning"]
    assert "3 records for the sink calls wait since their process died" in found[0]["text"]


# -- this machine -----------------------------------------------------------------------------------------------------


def test_a_clock_before_its_own_python_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    result = run("doctor", "--format", "json")
    assert topics(result)["clock"][0]["state"] == "wrong"


def test_an_encoding_that_lacks_characters_is_a_warning(shell: Shell) -> None:
    done = shell("doctor", "--format", "json", env={"PYTHONIOENCODING": "ascii"})
    found = [one for one in json.loads(done.stdout)["findings"] if one["topic"] == "terminal"]
    assert {one["hint"] for one in found if one["state"] == "warning"} == {"set PYTHONUTF8=1"}


def test_a_check_that_fails_stops_no_other(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise ValueError("0:not-a-real-token")

    monkeypatch.setitem(checks._CHECKS, "clock", broken)
    result = run("doctor", "--format", "json")
    assert topics(result)["clock"][0]["text"] == "this cannot be looked at: ValueError"
    assert topics(result)["terminal"]
    assert "not-a-real-token" not in result.output
