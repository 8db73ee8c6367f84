"""What people get wrong first, each through `check` and `send`: a text that helps, an exit code, nothing lost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result

Run: TypeAlias = Callable[..., Result]
Shell: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]
Install: TypeAlias = Callable[..., Path]

PIPELINE = '[pipeline.all]\nsink = "a"\n'
SINK = '[sink.a]\ntype = "python:cli_components:KeepSink"\npath = "out.txt"\n'

CASES: dict[str, tuple[str | bytes, str, str]] = {
    "broken TOML": ("[sink.a\n", "bad.toml:1:8: ", "expected ']'"),
    "not UTF-8": (b"\xff\xfe", "is not UTF-8", "save it as UTF-8"),
    "nested too deeply": ("x = " + "[" * 5000, "nested too deeply", ""),
    "an unknown type": ('[sink.a]\ntype = "stdrr"\n' + PIPELINE, "'stdrr'", "did you mean 'stderr'?"),
    "a type that means nothing": ('[sink.a]\ntype = "zzz"\n' + PIPELINE, "no installed plugin offers", "installed: "),
    "an unknown key": (SINK + "keeep = 1\n" + PIPELINE, "unknown option 'keeep'", "known: delivery, level, path, type"),
    "a misspelt key": (SINK + "pth = 1\n" + PIPELINE, "unknown option 'pth'", "did you mean 'path'?"),
    "a missing key": (
        '[sink.a]\ntype = "python:cli_components:KeepSink"\n' + PIPELINE,
        "'path' is missing",
        "add path",
    ),
    "a missing secret": (
        '[sink.a]\ntype = "python:cli_components:RefuseSink"\ntoken = { env = "CLI_TEST_NO_TOKEN" }\n' + PIPELINE,
        "sink.a.token: the environment variable 'CLI_TEST_NO_TOKEN' is not set",
        "export CLI_TEST_NO_TOKEN=",
    ),
    "a sink that is not there": (SINK + '[pipeline.all]\nsink = "b"\n', "there is no sink 'b'", "[sink.b]"),
    "a class that is not there": ('[sink.a]\ntype = "python:no_such:X"\n' + PIPELINE, "No module named 'no_such'", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_check_says_what_is_wrong_and_what_to_do(run: Run, case: str) -> None:
    text, wrong, todo = CASES[case]
    Path("bad.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = run("check", "bad.toml")
    assert result.exit_code == 1
    assert result.stdout.startswith("bad.toml:")
    assert wrong in result.stdout
    assert todo in result.stdout


STOPS = [case for case in CASES if case not in ("an unknown key", "a misspelt key", "a class that is not there")]


@pytest.mark.parametrize("case", [case for case in STOPS if "type" not in case])
def test_send_sends_nothing_and_says_so(run: Run, case: str) -> None:
    text, wrong, todo = CASES[case]
    Path("bad.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    result = run("send", "-c", "bad.toml", "hello")
    assert result.exit_code == 1
    assert "bad.toml" in result.stderr
    assert wrong in result.stderr
    assert todo in result.stderr
    assert result.stderr.splitlines()[-1].startswith("penstock: nothing was sent; next: penstock check")
    assert result.stdout == ""


@pytest.mark.parametrize("words", [("check", "nowhere.toml"), ("send", "-c", "nowhere.toml", "hello")])
def test_no_such_file_names_it(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert "nowhere.toml: cannot be read: No such file or directory; check the path" in result.output


def test_a_folder_is_no_file(run: Run) -> None:
    result = run("check", ".")
    assert result.exit_code == 1
    assert ".: cannot be read: " in result.output


def test_a_type_of_ours_that_is_not_installed_comes_with_what_to_type(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from penstock.assembly import plugins

    real = plugins._entries()
    monkeypatch.setattr(plugins, "_entries", lambda: {key: ones for key, ones in real.items() if key != "telegram"})
    Path("bad.toml").write_text('[sink.a]\ntype = "telegram"\n' + PIPELINE)
    result = run("check", "bad.toml")
    assert result.exit_code == 1
    assert "sink.a.type: no installed plugin offers the sink type 'telegram'" in result.stdout
    assert "pip install penstock-telegram" in result.stdout


def test_a_typo_never_suggests_to_install_a_package_of_that_name(run: Run) -> None:
    Path("bad.toml").write_text('[sink.a]\ntype = "telegramm-bot"\n' + PIPELINE)
    assert "penstock-telegramm" not in run("check", "bad.toml").output


BREAKS: dict[str, Callable[[], str]] = {
    "raises": lambda: "raise RuntimeError('no such day')",
    "exits": lambda: "raise SystemExit(9)",
    "misspelt hook": lambda: (
        "from penstock.plugin import hookimpl\n@hookimpl\ndef penstock_sinc():\n    return {'acme': int}\n"
    ),
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_plugin_that_breaks_on_import_is_named_with_its_distribution(
    shell: Shell, install: Install, how: str
) -> None:
    site = install("acme_broken", "[penstock]\nacme = acme_broken\n", BREAKS[how]())
    Path("bad.toml").write_text('[sink.a]\ntype = "acme"\n' + PIPELINE)
    done = shell("check", "bad.toml", path=site)
    assert done.returncode == 1
    assert "bad.toml:2:8: sink.a.type: plugin 'acme' (acme_broken 1.0): " in done.stdout
    assert "penstock plugins --verify" in done.stdout


def test_an_event_for_a_broken_plugin_is_not_lost_but_goes_to_standard_error(shell: Shell, install: Install) -> None:
    site = install("acme_broken", "[penstock]\nacme = acme_broken\n", BREAKS["raises"]())
    Path("penstock.toml").write_text('[sink.a]\ntype = "acme"\n' + PIPELINE)
    done = shell("send", "the disk is full", path=site)
    assert done.returncode == 1  # it did not get where it was meant to
    assert "a: dropped: the sink takes nothing any more (closed); went to its fallback, standard error" in done.stdout
    assert "the disk is full" in done.stderr


def test_every_case_as_a_user_types_it_shows_no_traceback(shell: Shell) -> None:
    Path("bad.toml").write_text("[sink.a\n")
    for words in (["check", "bad.toml"], ["send", "-c", "bad.toml", "hello"], ["check", "nowhere.toml"]):
        done = shell(*words, env={"COLUMNS": "20"})
        assert done.returncode == 1
        assert "Traceback" not in done.stdout + done.stderr
