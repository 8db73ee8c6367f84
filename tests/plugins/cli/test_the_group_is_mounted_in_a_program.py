"""The whole group as a part of another program's own click application."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import penstock_cli
from penstock_cli.group import penstock


def host() -> click.Group:
    @click.group()
    def shop() -> None:
        """The shop."""

    @shop.command()
    def sell() -> None:
        click.echo("sold")

    shop.add_command(penstock_cli.penstock, "log")
    return shop


def run(*words: str) -> Result:
    return CliRunner().invoke(host(), list(words), prog_name="shop")


def test_it_is_the_group_itself() -> None:
    assert penstock_cli.penstock is penstock
    other = "other"
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        getattr(penstock_cli, other)


def test_the_commands_run_beside_those_of_the_host() -> None:
    Path("penstock.toml").write_text('[sink.out]\ntype = "last-resort"\n[pipeline.all]\nsink = "out"\n')
    assert run("sell").stdout == "sold\n"
    assert run("log", "check").stdout == "ok: 1 sink, 1 pipeline\n"
    assert "sink out: last-resort" in run("log", "graph").stdout
    assert run("log", "config", "get", "level").stdout == "info\n"


def test_exit_codes_and_messages_are_the_same() -> None:
    Path("penstock.toml").write_text("sinc = 1\n")
    found = run("log", "check")
    assert found.exit_code == 1
    assert "1 problem" in found.output
    assert "unknown option 'sinc'" in found.stdout
    complaint = run("log", "config", "get", "no.such.key")
    assert complaint.exit_code == 1
    assert complaint.stderr.startswith("penstock: there is no no.such.key")
    misspelt = run("log", "chek")
    assert misspelt.exit_code == 2
    assert "there is no command 'chek'; did you mean 'check'?" in misspelt.stderr


def test_help_says_how_to_call_it_there() -> None:
    assert "Usage: shop log check [OPTIONS] [FILE]" in run("log", "check", "--help").stdout
    assert "log " in run("--help").stdout


def test_completion_goes_on_through_the_host() -> None:
    environ = {"_SHOP_COMPLETE": "bash_complete", "COMP_WORDS": "shop log gra", "COMP_CWORD": "2"}
    result = CliRunner().invoke(host(), [], env=environ, prog_name="shop")
    assert result.stdout == "plain,graph\n"
    assert "_SHOP_COMPLETE=bash_complete" in run("log", "completion", "bash").stdout


def test_mounting_it_imports_no_command_and_no_core() -> None:
    code = (
        "import sys, click, penstock_cli\n"
        "shop = click.Group('shop'); shop.add_command(penstock_cli.penstock, 'log')\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name for name in done.stdout.split() if name.split(".")[0].startswith("penstock")}
    assert loaded == {
        "penstock_cli", "penstock_cli.foreign", "penstock_cli.group", "penstock_cli.manners", "penstock_cli.output"
    }  # fmt: skip
