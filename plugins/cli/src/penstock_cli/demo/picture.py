"""Picture: draws what the demo shows; ledgers in, text out; any thread; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from penstock import Ledger
from penstock_cli import output

_WIDE = 100
"""Columns where there is no terminal to ask."""
_TABLE = 60
"""Columns below which a table would tear words apart."""


def accounts(ledger: Ledger) -> str:
    """Return the ledger: what became of everything, by sink and by pipeline."""
    columns = output.width() or _WIDE
    sinks = [
        (name, one.accepted, one.delivered, _reasons(one.dropped), one.pending, one.redelivered)
        for name, one in ((name, ledger[name]) for name in ledger)
    ]
    pipelines = [(name, one.offered, _reasons(one.gated), one.accepted) for name, one in ledger.pipelines.items()]
    return "\n".join(
        [
            _rows(("sink", "accepted", "delivered", "dropped", "pending", "tried again"), sinks, columns),
            "",
            _rows(("pipeline", "offered", "gated", "accepted"), pipelines, columns),
        ]
    )


def _reasons(counts: Mapping[str, int]) -> str:
    return " ".join(f"{reason}={count:,}" for reason, count in counts.items()) or "0"


def _rows(names: Sequence[str], rows: Sequence[Sequence[object]], columns: int) -> str:
    if columns < _TABLE:
        return "\n".join(_block(names, row) for row in rows)
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, justify="left" if name == names[0] else "right")
    for row in rows:
        table.add_row(*map(_cell, row))
    return output.drawn(table, columns)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _block(names: Sequence[str], row: Sequence[object]) -> str:
    """Return a row as a few short lines, for a narrow terminal."""
    return "\n".join(
        [str(row[0]), *(f"  {name} {_cell(value)}" for name, value in zip(names[1:], row[1:], strict=True))]
    )
