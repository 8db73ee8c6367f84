"""Init: the command `penstock init`; a preset in, a configuration and its schema in this folder out; the main thread;
what is there already is never overwritten.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import resources
from pathlib import Path
from typing import Final

import click

from penstock_cli import manners, output
from penstock_cli.group import Command
from penstock_cli.manners import Complaint

PRESETS: Final = {
    "dev": "a program that is being written: everything on the terminal",
    "web": "a web service in a container: JSON lines on standard output",
    "worker": "a program that works by itself: a file, and what goes wrong on standard error",
    "trading": "a file of everything, one of trades that is kept a year, one of errors",
}
_SCHEMA: Final = "penstock.schema.json"
_MODE: Final = 0o644
"""Whatever the umask: a configuration that a group may write is refused."""


@click.command(cls=Command, examples=["penstock init --preset web", "penstock init --preset worker etc/penstock.toml"])
@click.argument("file", default="penstock.toml", type=click.Path())
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="What the program is like. Without it, a terminal is asked; where there is none, it is dev.",
)
@click.pass_context
def init(ctx: click.Context, file: str, preset: str | None) -> None:
    r"""Write a penstock.toml to begin with, and beside it the JSON Schema that lets an editor help with it.

    \b
    dev      a program that is being written: everything on the terminal
    web      a web service in a container: JSON lines on standard output
    worker   a program that works by itself: a file, and what goes wrong on standard error
    trading  a file of everything, one of trades that is kept a year, one of errors

    Nothing is overwritten. Exit code 1 if nothing was written, or if a plugin that it names is not installed.
    """
    path = Path(file)
    if path.is_symlink() or path.exists():
        raise Complaint(f"{file} is there already; nothing was written; next: penstock check {file}")
    text = preset_text(preset or _asked())
    _write(path, text)
    output.data(output.plain(file))
    _write_schema(path.with_name(_SCHEMA))
    ctx.exit(_judged(file))


def preset_text(name: str) -> str:
    """Return the document of a preset."""
    return resources.files("penstock_cli.presets").joinpath(f"{name}.toml").read_text(encoding="utf-8")


def _asked() -> str:
    """Return the preset that a person chooses; where none is there to ask, the first."""
    first = next(iter(PRESETS))
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
        return first
    for name, about in PRESETS.items():
        output.message(f"{name:<8} {about}")
    return str(click.prompt("Which", type=click.Choice(list(PRESETS)), default=first, err=True))


def _write(path: Path, text: str) -> None:
    """Write a new file, which nobody but its owner may write.

    Raises:
        Complaint: If it cannot be written, or somebody else made it meanwhile.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except OSError as error:
        raise Complaint(f"{path}: cannot be written: {error.strerror or type(error).__name__}") from None


def _write_schema(path: Path) -> None:
    from penstock import tooling  # late: --help needs none of it

    if path.exists():
        output.message(output.plain(f"penstock: {path} stays as it is; anew: penstock schema > {path}"))
        return
    _write(path, f"{json.dumps(tooling.schema(), indent=2, ensure_ascii=False)}\n")
    output.data(output.plain(str(path)))


def _judged(file: str) -> int:
    """Tell what to do next, and return the exit code."""
    from penstock import tooling

    problems = [str(problem) for problem in tooling.check(file, resolve=False)]
    for problem in problems:
        output.message(output.plain(f"penstock: {problem}"))
    output.message(output.plain(f"penstock: next: penstock graph {file}; penstock test {file}"))
    return manners.FINDINGS if problems else manners.FINE
