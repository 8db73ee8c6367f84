"""What holds for every command: exit codes, streams, help, and what it costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import click
import pytest
from click.testing import CliRunner, Result

from penstock_cli import manners, output
from penstock_cli.group import OWN, penstock

Run: TypeAlias = Callable[..., Result]
Shell: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]
Install: TypeAlias = Callable[..., Path]


def test_help_leads_with_an_example(run: Run) -> None:
    for words in ([], *([name] for name in OWN)):
        first = run(*words, "--help").stdout.splitlines()[0]
        assert first.strip().removeprefix("tail -F /var/log/syslog | ").startswith("penstock "), words


def test_help_imports_no_rich_no_attrs_and_no_plugin() -> None:
    code = (
        "import sys; from penstock_cli.group import penstock\n"
        "try: penstock(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stderr.split())
    assert "penstock_cli.group" in loaded
    assert not loaded & {"rich", "attrs", "attr", "cattrs", "pluggy", "penstock", "penstock_cli.check"}
    assert not [name for name in loaded if name.startswith("penstock_") and not name.startswith("penstock_cli")]


def test_help_looks_for_commands_of_others_without_the_machinery_of_packages() -> None:
    code = (
        "import sys; sys.path = [path for path in sys.path if path]\n"
        "from penstock_cli import foreign\n"
        "foreign.GROUP = 'a.group.that.nobody.has'\n"
        "assert not foreign.commands(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "importlib.metadata" not in done.stdout.split()


def test_importing_the_package_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import penstock_cli; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert set(done.stdout.split()) <= {"penstock_cli", "__future__"}


def test_version_names_the_core_this_command_and_the_plugins(run: Run) -> None:
    lines = run("--version").stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["penstock", "penstock-cli"]
    assert {"penstock-json", "penstock-redact", "penstock-stderr", "Python"} <= {line.split()[0] for line in lines}
    assert all(len(line.split()) == 2 for line in lines)


def test_a_misspelt_command_gets_the_nearest_name(run: Run) -> None:
    result = run("chek")
    assert result.exit_code == 2
    assert "there is no command 'chek'; did you mean 'check'?" in result.stderr
    assert result.stdout == ""


def test_a_misspelt_option_is_wrong_usage(run: Run) -> None:
    result = run("check", "--profil", "x")
    assert result.exit_code == 2
    assert "--profile" in result.stderr


def test_our_own_mistake_is_exit_3_and_shows_no_traceback_and_no_value(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise KeyError("s3cr3t")

    monkeypatch.setattr("penstock.tooling.describe", broken)
    result = run("check")
    assert result.exit_code == 3
    assert "a mistake in Penstock itself: KeyError at test_the_command_line_has_manners.py:" in result.stderr
    assert "s3cr3t" not in result.output


def test_an_interrupt_is_exit_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("penstock.tooling.describe", interrupted)
    result = run("check")
    assert result.exit_code == 130
    assert "interrupted" in result.stderr


@pytest.fixture
def unread() -> Iterator[int]:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("words", [["--help"], ["check", "--help"], ["plugins"], ["check"], ["--version"]])
def test_a_closed_pipe_ends_quietly(shell: Shell, unread: int, words: list[str]) -> None:
    done = shell(*words, stdout=unread)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_pipe_changes_no_finding(shell: Shell, unread: int) -> None:
    Path("bad.toml").write_text("sinc = 1")
    done = shell("check", "bad.toml", stdout=unread)
    assert (done.returncode, done.stderr) == (1, "1 problem; what one means: penstock explain unknown-key\n")


def test_a_file_never_takes_the_place_of_a_closed_standard_output() -> None:
    code = (
        "import os; os.close(1); from penstock_cli import manners\n"
        "manners.run(lambda: os.write(2, b'%d' % os.open('file', os.O_CREAT | os.O_RDWR)))"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, timeout=60, check=False)
    assert int(done.stderr) > 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_no_standard_output_at_all_changes_no_exit_code(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("sinc = 1")
    command = f'"{sys.executable}" -m penstock_cli check bad.toml >&- 2>&-'
    assert subprocess.run(command, shell=True, timeout=60, check=False).returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(shell: Shell) -> None:
    with open("/dev/full", "wb") as full:
        done = shell("plugins", stdout=full)
    assert done.returncode == 1
    assert done.stderr == "penstock: cannot write to standard output: No space left on device\n"


def test_a_terminal_without_unicode_gets_every_text(shell: Shell) -> None:
    done = shell("demo", "--seconds", "0.2", env={"PYTHONIOENCODING": "ascii", "COLUMNS": "60"})
    assert done.returncode == 0
    assert "+-- pipeline live" in done.stdout
    assert r"\xb5s" in done.stdout


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
    ],
)
def test_no_color_is_over_force_color_is_over_the_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], colours: bool
) -> None:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    assert ("\x1b[" in run("plugins").stdout) is colours


def test_a_dumb_terminal_gets_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    assert output.coloured(Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("TERM", "dumb")
    assert not output.coloured(Terminal())  # type: ignore[arg-type]


def test_completion_names_commands_without_importing_them(run: Run) -> None:
    for name in ("penstock_cli.check", "penstock_cli.send"):
        sys.modules.pop(name, None)
    result = CliRunner().invoke(
        penstock, [], env={"_PENSTOCK_COMPLETE": "bash_complete", "COMP_WORDS": "penstock ", "COMP_CWORD": "1"}
    )
    assert {"plain,check", "plain,send"} <= set(result.stdout.split())
    assert "penstock_cli.check" not in sys.modules


# -- commands of others -----------------------------------------------------------------------------------------------

HELLO = "import click\n@click.command()\ndef hello():\n    click.echo('hello from a plugin')\n"


def test_a_command_of_another_distribution_is_listed_by_its_summary_and_runs(shell: Shell, install: Install) -> None:
    site = install("acme_hello", "[penstock.command]\nhello = acme_hello:hello\n", HELLO)
    assert ["hello", "Made", "by", "a", "test"] in [
        line.split() for line in shell("--help", path=site).stdout.splitlines()
    ]
    done = shell("hello", path=site)
    assert (done.returncode, done.stdout) == (0, "hello from a plugin\n")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "raise RuntimeError('no such day')",
            "cannot be loaded: RuntimeError: no such day; try: pip install --upgrade",
        ),
        ("raise SystemExit(9)", "cannot be loaded: SystemExit: 9"),
        ("hello = 3", "is no click command, but int"),
    ],
)
def test_a_broken_command_leaves_the_others_working(shell: Shell, install: Install, code: str, text: str) -> None:
    site = install("acme_broken", "[penstock.command]\nhello = acme_broken:hello\n", code)
    assert shell("--help", path=site).returncode == 0
    assert shell("check", path=site).returncode == 0
    done = shell("hello", path=site)
    assert done.returncode == 1
    assert f"penstock: command 'hello' (acme_broken 1.0) {text}" in done.stderr


def test_a_command_offered_twice_names_both(shell: Shell, install: Install) -> None:
    install("acme_one", "[penstock.command]\nhello = acme_one:hello\n", HELLO)
    site = install_second(install)
    done = shell("hello", path=site)
    assert done.returncode == 1
    assert "offered by acme_one 1.0 and acme_two 1.0" in done.stderr


def install_second(install: Install) -> Path:
    site: Path = install("acme_two", "[penstock.command]\nhello = acme_two:hello\n", HELLO)
    return site


def test_a_command_in_a_zip_file_is_found(shell: Shell, install: Install) -> None:
    site = install("acme_zipped", "[penstock.command]\nhello = acme_zipped:hello\n", HELLO)
    archive = Path(shutil.make_archive("zipped", "zip", site))
    assert shell("hello", path=archive).stdout == "hello from a plugin\n"


def test_a_foreign_command_never_takes_the_name_of_ours(shell: Shell, install: Install) -> None:
    site = install("acme_check", "[penstock.command]\ncheck = acme_check:hello\n", HELLO)
    assert "ok:" in shell("check", path=site).stdout


def test_metadata_without_a_summary_cost_only_the_help_line(shell: Shell, install: Install) -> None:
    site = install("acme_bare", "[penstock.command]\nhello = acme_bare:hello\n", HELLO, metadata="")
    assert "hello" in shell("--help", path=site).stdout


# -- in one process ---------------------------------------------------------------------------------------------------


def test_run_passes_the_code_of_a_command_on() -> None:
    assert manners.run(lambda: 7) == 7
    assert manners.run(lambda: None) == 0
    assert manners.run(lambda: True) == 0  # an answer, not an exit code


def test_a_complaint_is_one_line_for_each_of_its_lines_with_control_characters_escaped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def complain() -> None:
        raise manners.Complaint("one\x1b[31m\ntwo")

    assert manners.run(complain) == 1
    assert capsys.readouterr().err == "penstock: one\\x1b[31m\npenstock: two\n"


def test_a_command_may_end_the_process_itself() -> None:
    def leave() -> None:
        sys.exit(5)

    with pytest.raises(SystemExit) as end:
        manners.run(leave)
    assert end.value.code == 5


def test_a_wrong_usage_keeps_the_words_of_click(capsys: pytest.CaptureFixture[str]) -> None:
    def misuse() -> None:
        raise click.UsageError("not like that")

    assert manners.run(misuse) == 2
    assert "not like that" in capsys.readouterr().err
