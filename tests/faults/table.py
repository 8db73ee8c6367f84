"""Table: what each fault did to each library, and which promises were kept; figures in, Markdown out; pytest's process.

What is noted while a test runs stands below the claim of its module, which is the module's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple


class Promise(NamedTuple):
    """A figure that Penstock promises, and what it was."""

    claim: str
    limit: str
    measured: str
    kept: bool


_figures: Final[dict[str, dict[str, dict[str, str]]]] = {}
"""By claim, by fault, by library."""
_promises: Final[list[Promise]] = []
_claim = [""]


def begin(module: str) -> None:
    """Have what is noted from now on stand below the claim of *module*.

    Example:
        >>> begin("test_a_full_disk_costs_counted_lines")
    """
    words = module.removeprefix("test_").replace("_", " ")
    _claim[0] = words[:1].upper() + words[1:]


def note(fault: str, library: str, figure: str) -> None:
    """Note the figure of a library under a fault."""
    _figures.setdefault(_claim[0], {}).setdefault(fault, {})[library] = figure


def promise(claim: str, limit: str, measured: str, kept: bool) -> None:
    """Note what became of a promise."""
    _promises.append(Promise(claim, limit, measured, kept))


def promises() -> Iterator[str]:
    """Yield the promises in Markdown, a line each."""
    rows = [(one.claim, one.limit, one.measured, "yes" if one.kept else "**no**") for one in _promises]
    yield from rows_of(("promise", "limit", "measured", "kept"), rows)


def figures() -> Iterator[str]:
    """Yield the figures in Markdown: a table for each claim, a fault a line, each library that has a figure for it."""
    for claim, faults in sorted(_figures.items()):
        yield from (f"### {claim}", "", *rows_of(("fault", "library", "what became of it"), _rows(faults)), "")


def _rows(faults: dict[str, dict[str, str]]) -> Iterator[Sequence[str]]:
    for fault, row in faults.items():
        libraries = sorted(row, key=lambda name: (not name.startswith("penstock"), name))
        for place, library in enumerate(libraries):
            yield (fault if place == 0 else "", library, row[library])


def rows_of(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
