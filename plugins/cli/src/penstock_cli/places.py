"""Places: where something is said, and what came there, as a person reads it; places and bytes in, text out; any
thread; what is no text is shown by its escapes.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from penstock_cli import output

if TYPE_CHECKING:
    from penstock.tooling import Where


def from_here(file: str | None) -> str | None:
    """Return *file* as one would type it here: what was found is known by its whole path."""
    if file is None or not Path(file).is_relative_to(Path.cwd()):
        return file
    return str(Path(file).relative_to(Path.cwd()))


def place(where: Where) -> str:
    """Return where something is said as ``file:line:column``; empty for what nobody wrote."""
    return output.plain(str(where._replace(file=from_here(where.file)))) if where.line or where.variable else ""


def as_json(where: Where) -> dict[str, object]:
    """Return a place as JSON shows it."""
    return {"file": where.file, "line": where.line, "column": where.column, "variable": where.variable}


def lines(data: bytes) -> list[str]:
    """Return the lines of a record, harmless for a terminal."""
    return [output.plain(line) for line in data.decode("utf-8", "backslashreplace").split("\n")]


def record(data: bytes) -> dict[str, object]:
    """Return a record as JSON shows it: as text, or as base64 where it is none."""
    try:
        return {"text": data.decode(), "bytes": len(data)}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode(), "bytes": len(data)}
