"""Foreign: sub-commands of other distributions; the entry-point group `penstock.command` in, names, help lines and
commands out; the main thread; one that is broken costs itself only.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from penstock_cli.manners import Complaint

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "penstock.command"


class Foreign(NamedTuple):
    """A sub-command as its metadata describe it; nothing of it is imported."""

    entry: EntryPoint
    distribution: str
    summary: str


@cache
def commands() -> Mapping[str, tuple[Foreign, ...]]:
    """Return the installed sub-commands by name, nearly always one each."""
    found: dict[str, tuple[Foreign, ...]] = {}
    if not _somebody_may_offer_one():
        return found
    import importlib.metadata  # late: a fifth of what `penstock --help` costs

    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
        one = _described(entry)
        found[entry.name] = (*found.get(entry.name, ()), one)
    return found


def _somebody_may_offer_one() -> bool:
    """Return whether a look into the folders on the path leaves it possible that there is a sub-command.

    Whatever is no plain folder of distributions, such as a zip file, leaves it possible.
    """
    for place in map(Path, sys.path):
        if place.is_dir():
            if any(_may_offer_one(path) for path in place.iterdir()):
                return True
        elif place.exists():
            return True
    return False


def _may_offer_one(path: Path) -> bool:
    if path.suffix in (".dist-info", ".egg-info"):
        with contextlib.suppress(OSError):
            return GROUP.encode() in (path / "entry_points.txt").read_bytes()
    return path.suffix == ".egg"


def _described(entry: EntryPoint) -> Foreign:
    name = summary = ""
    with contextlib.suppress(Exception):  # promise: broken metadata cost a help line, not the command line
        if entry.dist is not None:
            name = f"{entry.dist.metadata['Name'] or ''} {entry.dist.version or ''}".strip()
            summary = str(entry.dist.metadata["Summary"] or "")
    return Foreign(entry, name, "".join(c if c.isprintable() else " " for c in summary))


def load(name: str) -> click.Command:
    """Return the sub-command *name*.

    Raises:
        Complaint: If it cannot be used; the text names its distribution.
    """
    one, *others = commands()[name]
    if others:
        both = " and ".join(one.distribution or one.entry.value for one in (one, *others))
        raise Complaint(f"command {name!r} is offered by {both}; uninstall one of them")
    label = f"command {name!r} ({one.distribution or one.entry.value})"
    try:
        found = one.entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # promise: a broken command never stops another; SystemExit at import included
        package = one.distribution.partition(" ")[0]
        hint = f"; try: pip install --upgrade {package}, or uninstall it" if package else ""
        raise Complaint(f"{label} cannot be loaded: {type(error).__qualname__}: {error}{hint}") from None
    if not isinstance(found, click.Command):
        raise Complaint(f"{label} is no click command, but {type(found).__qualname__}; tell its authors")
    return found
