"""What pressing TAB offers, in real shells where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock_cli.group import penstock

Run = Callable[..., Result]

SHOP = """
[sink.console]
type = "stderr"
[sink.calls]
type = "last-resort"
[pipeline.all]
sink = "console"
[profile.loud]
level = "debug"
[profile.calm]
"""


@pytest.fixture(autouse=True)
def shop() -> None:
    Path("penstock.toml").write_text(SHOP)


def offered(*words: str) -> set[str]:
    """Return what is offered for the last of *words*."""
    typed = " ".join(["penstock", *words])
    environ = {"_PENSTOCK_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(words))}
    result = CliRunner().invoke(penstock, [], env=environ)
    assert result.stderr == ""
    return {line.partition(",")[2] for line in result.stdout.splitlines() if line}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["gra"], {"graph"}),
        (["config", "s"], {"show", "set"}),
        (["send", "--sink", "c"], {"console", "calls"}),
        (["recover", "--sink", "ca"], {"calls"}),
        (["replay", "--sink", "con"], {"console"}),
        (["plugins", "file-"], {"file-rotate"}),
        (["check", "--profile", ""], {"loud", "calm"}),
        (["config", "get", "sink.calls.t"], {"sink.calls.type"}),
        (["config", "set", "pipeline.all.s"], {"pipeline.all.sink"}),
        (["graph", "--format", "m"], {"mermaid"}),
        (["init", "--preset", "w"], {"web", "worker"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
    ],
)
def test_names_are_offered(words: list[str], names: set[str]) -> None:
    assert offered(*words) == names


def test_the_names_are_those_of_the_file_that_is_typed() -> None:
    Path("other.toml").write_text('[sink.other]\ntype = "stderr"\n[profile.one]\n')
    assert offered("send", "--config", "other.toml", "--sink", "") == {"other"}
    assert offered("check", "other.toml", "--profile", "") == {"one"}


@pytest.mark.parametrize("text", ["[", "sink = 3", 'extends = "none.toml"'])
def test_a_wrong_file_offers_nothing_and_says_nothing(text: str) -> None:
    Path("penstock.toml").write_text(text)
    assert offered("send", "--sink", "") == set()
    assert offered("config", "get", "sink.") == set()


def script(shell: str) -> str:
    result = CliRunner().invoke(penstock, ["completion", shell], prog_name="penstock")
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def path_with_the_command() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_the_name_of_a_sink() -> None:
    code = (
        f"{script('bash')}\ncomplete -p penstock || exit 9\n"
        "COMP_WORDS=(penstock send --sink ca); COMP_CWORD=3\n"
        "_penstock_completion penstock; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=path_with_the_command(),
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "calls"), done.stderr


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes_the_name_of_a_sink() -> None:
    code = f"{script('fish')}\ncomplete --do-complete 'penstock send --sink ca'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=path_with_the_command() | {"HOME": str(Path.cwd())},
        check=False,
    )
    assert done.stdout.split()[0] == "calls", done.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_takes_the_script() -> None:
    Path("script.zsh").write_text(script("zsh"))
    done = subprocess.run(
        [
            "zsh",
            "-f",
            "-c",
            "autoload -Uz compinit && compinit -u -d ./dump && source ./script.zsh && echo $_comps[penstock]",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env=path_with_the_command() | {"HOME": str(Path.cwd())},
        check=False,
    )
    assert done.stdout.strip() == "_penstock_completion", done.stderr
