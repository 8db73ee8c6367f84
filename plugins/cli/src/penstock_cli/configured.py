"""Configured: the configuration that a command works with; a path or nothing in, a document out; the main thread; one
that cannot be used is a complaint with every problem.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from penstock_cli.manners import Complaint

if TYPE_CHECKING:
    from penstock import ConfigError
    from penstock.tooling import Document


def read_document(config: str | None, profile: str | None, undone: str) -> Document:
    """Return the configuration; *undone* says what does not happen if it cannot be used."""
    from penstock import ConfigError, tooling  # late: --help needs none of it

    try:
        return tooling.document(config, profile)
    except ConfigError as error:
        raise complaint(error, None, undone) from None


def complaint(error: ConfigError, file: str | None, undone: str) -> Complaint:
    """Return what is wrong with a configuration, and what to do next."""
    for problem in error.problems:
        problem.file = problem.file or file
    problems = "\n".join(str(problem).replace("\n", " ") for problem in error.problems)
    return Complaint(f"{problems}\n{undone}; next: penstock check{f' {file}' if file else ''}")


def sink_names(document: Document) -> list[str]:
    """Return the names of the sinks of a configuration."""
    from penstock import tooling  # late: brings the plugins' loader

    return [sink.name for sink in tooling.describe(document, resolve=False).sinks]


def one_of(what: str, name: str, known: Collection[str]) -> None:
    """Complain if there is no *what* called *name*."""
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known)) or 'none'}"
        raise click.UsageError(f"there is no {what} {name!r}; {hint}")
