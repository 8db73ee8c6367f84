"""Options: those that several commands have, so that they are the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from penstock_cli.complete import profiles

F = TypeVar("F", bound=Callable[..., Any])


def format_option(command: F) -> F:
    """Give *command* the option ``--format``."""
    choice = click.Choice(["text", "json"])
    return click.option("--format", type=choice, default="text", help="For people, or one JSON document.")(command)


def profile_option(command: F) -> F:
    """Give *command* the option ``--profile``."""
    return click.option(
        "--profile", metavar="NAME", shell_complete=profiles, help="Lay the table [profile.NAME] over the rest."
    )(command)


def config_option(command: F) -> F:
    """Give *command* the option ``--config``."""
    text = "Configuration; else the one found from here."
    return click.option("-c", "--config", metavar="FILE", type=click.Path(), help=text)(command)


def timeout_option(command: F) -> F:
    """Give *command* the option ``--timeout``, of one that goes on as long as anything moves."""
    text = "Seconds after which to give up if nothing moves; default: 30."
    return click.option("--timeout", metavar="SECONDS", type=click.FloatRange(0), default=30.0, help=text)(command)
