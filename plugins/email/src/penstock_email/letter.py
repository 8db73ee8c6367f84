"""Letter: what one record says in a mail; a Record in, a Letter out; the sink's worker; a record of any other format is
its own line.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from penstock.plugin import Record
from penstock_http import as_text, last_lines, shorten

_HEAD: Final = 120
_LINE: Final = 16_000


class Letter(NamedTuple):
    """One record, ready to be put into a mail."""

    level: int
    time_ns: int
    head: str
    """What may stand in the subject."""
    line: str
    stack: str

    def cut_to(self, room: int) -> Letter:
        """Return the same with at most *room* characters of line and of traceback each."""
        return self._replace(line=shorten(self.line, room), stack=last_lines(self.stack, room))


def letter_of(record: Record) -> Letter:
    """Return what *record* says: as its format wrote it, or any other format's bytes as one line."""
    own = _own(record)
    if own is not None:
        return Letter(record.level, record.time_ns, own["head"], own["line"], own.get("stack", ""))
    line = as_text(record.data.decode("utf-8", "replace"))
    return Letter(record.level, record.time_ns, shorten(line, _HEAD), shorten(line, _LINE), "")


def _own(record: Record) -> dict[str, str] | None:
    """Return what the format ``email`` wrote, or None: of another format, or the core's minimal line."""
    if record.format != "email":
        return None
    try:
        parts = json.loads(record.data)
    except ValueError:
        return None
    if not isinstance(parts, dict) or not {"head", "line"} <= parts.keys() <= {"head", "line", "stack"}:
        return None
    return parts if all(isinstance(part, str) for part in parts.values()) else None
