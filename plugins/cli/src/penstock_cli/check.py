"""Check: the command `penstock check`; a file in, every problem of it out; the main thread; opens no sink, sends
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock_cli import findings, manners, output
from penstock_cli.group import Command
from penstock_cli.options import profile_option

if TYPE_CHECKING:
    from penstock import Problem
    from penstock.tooling import Description


@click.command(
    cls=Command,
    examples=["penstock check", "penstock check penstock.toml --no-secrets --format github"],
)
@click.argument("file", required=False, type=click.Path())
@profile_option
@click.option(
    "--secrets/--no-secrets", default=True, help="Follow references to secrets, or do without; default: follow."
)
@click.option(
    "--strict/--no-strict",
    default=True,
    help="Whether what a program could do without is an error too, such as an unknown key; default: it is.",
)
@click.option(
    "--format",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    help="For people, programs, GitHub Actions or code scanners.",
)
@click.pass_context
def check(ctx: click.Context, file: str | None, profile: str | None, secrets: bool, strict: bool, format: str) -> None:
    """Find every mistake in FILE, all at once.

    Without FILE: the configuration that a program started here would find. No sink is opened, nothing is sent.
    Exit code 1 if there is a problem.
    """
    from penstock import tooling  # late: brings the plugins' loader

    found = tooling.describe(file, profile=profile, resolve=secrets)
    failing = [problem for problem in found.problems if problem.stops(strict)]
    for problem in found.problems:
        problem.file = _from_here(problem.file)
    if format == "json":
        output.data_json(_document(found, failing))
    elif format == "github":
        for line in findings.github(found.problems, failing):
            output.data(line)
    elif format == "sarif":
        output.data(findings.sarif(found.problems, failing, metadata.version("penstock-cli")))
    else:
        _print(found, failing)
    ctx.exit(manners.FINDINGS if failing else manners.FINE)


def _document(found: Description, failing: Sequence[Problem]) -> dict[str, object]:
    return {
        "ok": not failing,
        "file": found.file,
        "sinks": [sink.name for sink in found.sinks],
        "pipelines": [pipeline.name for pipeline in found.pipelines],
        "problems": [findings.as_json(problem) for problem in found.problems],
    }


def _print(found: Description, failing: Sequence[Problem]) -> None:
    for line in findings.text(found.problems, failing):
        output.data(line)
    if failing:
        output.message(_count(len(failing), "problem") + f"; what one means: penstock explain {failing[0].code}")
    else:
        output.data(f"ok: {_count(len(found.sinks), 'sink')}, {_count(len(found.pipelines), 'pipeline')}{_of(found)}")


def _from_here(file: str | None) -> str | None:
    """Return *file* as one would type it here: what was found is known by its whole path."""
    if file is None or not Path(file).is_relative_to(Path.cwd()):
        return file
    return str(Path(file).relative_to(Path.cwd()))


def _of(found: Description) -> str:
    """Return what an answer without a file is about."""
    return "" if found.file else "; no penstock.toml belongs to this folder: this is what runs without one"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
