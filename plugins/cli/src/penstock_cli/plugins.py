"""Plugins: the command `penstock plugins`; metadata in, a table out; the main thread; a plugin is imported only to
verify it, and then in a process of its own.
"""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from penstock_cli import complete, manners, output
from penstock_cli.group import Command
from penstock_cli.options import format_option

if TYPE_CHECKING:
    from penstock.tooling import Listing

_TIMEOUT: Final = 30.0
"""Seconds until an import counts as hung; the slowest honest one measured took 0.4."""
_TABLE: Final = 70
"""Columns below which a table would tear words apart, and a list is easier to read."""


class Row(NamedTuple):
    """One installed type, and what verifying it showed."""

    listing: Listing
    verified: Mapping[str, Any] | None
    """``kinds``, ``seconds`` and ``error``, or None if nobody asked."""

    @property
    def kinds(self) -> str:
        """The kinds it offers, or says it does."""
        kinds = self.listing.kinds if self.verified is None else self.verified["kinds"]
        return ", ".join(kinds) or "?"

    @property
    def error(self) -> str:
        """What is wrong with it; empty if nothing is."""
        return "" if self.verified is None else str(self.verified["error"])

    @property
    def loaded(self) -> str:
        """How long its import took, or that it failed."""
        if self.verified is None:
            return ""
        return "failed" if self.error else f"{self.verified['seconds'] * 1000:.0f} ms"

    def as_json(self) -> dict[str, object]:
        """Return it as JSON shows it."""
        shown: dict[str, object] = self.listing._asdict()
        if self.verified is not None:
            shown |= {
                "kinds": self.verified["kinds"],
                "load_ms": round(self.verified["seconds"] * 1000, 1),
                "error": self.error,
            }
        return shown


@click.command(cls=Command, examples=["penstock plugins", "penstock plugins --verify"])
@click.argument("types", nargs=-1, metavar="[TYPE]...", shell_complete=complete.types)
@click.option("--verify", is_flag=True, help="Import each, alone, and show what it offers and how long that took.")
@format_option
@click.pass_context
def plugins(ctx: click.Context, types: Sequence[str], verify: bool, format: str) -> None:
    """List what is installed: each type that a configuration can name, or only each TYPE.

    Nothing is imported unless you ask with --verify; then the exit code is 1 if a plugin does not load.
    """
    from penstock import tooling  # late: brings the plugins' loader

    listings = _chosen(list(tooling.list_installed()), types)
    rows = [Row(listing, _verified(listing) if verify else None) for listing in listings]
    if format == "json":
        output.data_json({"plugins": [row.as_json() for row in rows]})
    else:
        _print(rows, verify)
    ctx.exit(manners.FINDINGS if any(row.error for row in rows) else manners.FINE)


def _chosen(listings: Sequence[Listing], types: Sequence[str]) -> Sequence[Listing]:
    known = sorted({listing.type for listing in listings})
    for name in types:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"
            raise click.UsageError(f"no plugin of type {name!r} is installed; {hint}")
    return [listing for listing in listings if not types or listing.type in types]


# -- verifying --------------------------------------------------------------------------------------------------------


def _verified(listing: Listing) -> Mapping[str, Any]:
    """Import the plugin of *listing* in a new interpreter: alone, and from cold, so that its time is its own."""
    command = [sys.executable, "-P", "-m", "penstock_cli.probe", listing.type, listing.distribution]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(command, env=environ, capture_output=True, timeout=_TIMEOUT, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return _failed(f"its import took more than {_TIMEOUT:.0f} s")
    except OSError as error:
        return _failed(f"no interpreter could be started: {error.strerror}")
    try:
        answer: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        return _failed(f"its import ended the interpreter (exit code {done.returncode})")
    return answer


def _failed(error: str) -> Mapping[str, Any]:
    return {"kinds": [], "seconds": 0.0, "error": error}


# -- printing ---------------------------------------------------------------------------------------------------------


def _print(rows: Sequence[Row], verify: bool) -> None:
    if not rows:
        output.message("no plugin is installed; try: pip install penstock-json penstock-stderr")
        return
    columns = output.width()
    if columns is not None and columns < _TABLE:
        output.data("\n".join(_block(row) for row in rows))
    else:
        output.data(_table(rows, verify, columns))
    for row in rows:
        if row.error:
            output.data(f"{row.listing.type}: {output.plain(row.error)}")


def _cells(row: Row) -> list[str]:
    listing = row.listing
    cells = [listing.type, row.kinds, listing.distribution, listing.version, row.loaded, listing.summary]
    return [output.plain(cell or "") for cell in cells]  # broken metadata have None


def _block(row: Row) -> str:
    """Return *row* as a few short lines, for a narrow terminal."""
    type_name, kinds, distribution, version, loaded, summary = _cells(row)
    about = [kinds, f"{distribution} {version}".strip(), loaded, summary]
    return "\n".join([type_name, *(f"  {line}" for line in about if line)])


def _table(rows: Sequence[Row], verify: bool, columns: int | None) -> str:
    from rich.table import Table  # late: 70 ms
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = ["type", "kinds", "distribution", "version", *(["loaded"] if verify else []), "summary"]
    for name in shown:
        table.add_column(name, overflow="fold", no_wrap=columns is None)
    for row in rows:
        cells = _cells(row)
        kept = cells if verify else [*cells[:4], cells[5]]
        table.add_row(*(Text(cell) for cell in kept), style="red" if row.error else None)
    return output.drawn(table, columns)
