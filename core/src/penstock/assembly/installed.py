"""Installed: the entry points of the environment; a group in, its entry points by name out; the thread that calls
`configure`; where something else than plain folders is on the path, `importlib.metadata` is asked, which knows all.

Importing that alone takes longer than all else that is done to find a plugin: it brings `email`, `zipfile` and `csv`.
A look into the folders is what it does too (https://packaging.python.org/en/latest/specifications/entry-points/).
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_FOLDERS: Final = (".dist-info", ".egg-info")
_REFERENCE: Final = re.compile(r"\s*([\w.]+)\s*(?::\s*([\w.]+)\s*)?(?:\[.*\]\s*)?$")


@final
class Found:
    """An entry point that a look into the folders found."""

    __slots__ = ("_folder", "name", "value")

    def __init__(self, name: str, value: str, folder: Path) -> None:
        self.name = name
        self.value = value
        self._folder = folder

    @property
    def dist(self) -> Any:
        """Its distribution, of which nothing was read yet."""
        from importlib.metadata import Distribution  # late: as above

        return Distribution.at(self._folder)

    def load(self) -> Any:
        """Import what it leads to.

        Raises:
            ImportError: If it is no reference, and for any other reason.
            AttributeError: If the module has no such object.
        """
        match = _REFERENCE.match(self.value)
        if match is None:
            raise ImportError(f"{self.value!r} names no module")
        return reduce(getattr, filter(None, (match[2] or "").split(".")), importlib.import_module(match[1]))


Entry: TypeAlias = "Found | EntryPoint"


def entry_points(group: str) -> Mapping[str, tuple[Entry, ...]]:
    """Return the installed entry points of *group* by name; two that lead to the same place are one.

    Example:
        >>> [entry.value for entry in entry_points("penstock")["json"]]
        ['penstock_json']
    """
    folders = _folders()
    if folders is None:
        from importlib.metadata import entry_points as all_of  # late: as above

        entries: Iterator[Entry] = iter(all_of(group=group))
    else:
        entries = _entries(folders, group)
    found: dict[str, tuple[Entry, ...]] = {}
    for entry in entries:
        before = found.get(entry.name, ())
        if entry.value not in [other.value for other in before]:
            found[entry.name] = (*before, entry)
    return found


def _folders() -> list[Path] | None:
    """Return the folders with the metadata of distributions, the first of each; None if there may be others."""
    if [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")] != [PathFinder]:
        return None
    found: dict[str, Path] = {}
    for place in dict.fromkeys(sys.path):
        try:
            items = sorted([item.name for item in os.scandir(place or ".")])
        except NotADirectoryError:
            return None  # a zip file, perhaps
        except OSError:
            continue
        if place.endswith(".egg"):
            return None
        for item in items:
            if item.endswith(_FOLDERS):
                name = re.sub(r"[-_.]+", "_", item.partition("-")[0]).lower()
                found.setdefault(name, Path(place, item))
    return list(found.values())


def _entries(folders: Iterable[Path], group: str) -> Iterator[Entry]:
    for folder in folders:
        try:
            text = (folder / "entry_points.txt").read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if f"[{group}]" in text:
            yield from (Found(name, value, folder) for name, value in _section(text, group))


def _section(text: str, group: str) -> Iterator[tuple[str, str]]:
    """Yield what stands under the header of *group*."""
    inside = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{group}]"
        elif inside and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name.strip(), value.strip()
