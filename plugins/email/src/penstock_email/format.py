"""Format: what a mail says of an event; Event in, bytes out; the caller's thread; if it fails: the core's minimal line.

The bytes are one line of JSON, ``{"head": …, "line": …, "stack": …}``: what may stand in a subject, the line in the
text, and below it the traceback. A mail has lines, a record must not.
"""

from __future__ import annotations

import json
from typing import Final

from attrs import define

from penstock.plugin import Event, Failure, iso_time, level_name
from penstock_http import as_lines, as_text, last_lines, shorten

_HEAD: Final = 120
"""Characters of a subject that most mail programs show in a list."""
_MESSAGE: Final = 4_000
_VALUE: Final = 1_000
_LINE: Final = 16_000
_STACK: Final = 32_000
"""Some hundred frames; of a longer traceback the end stays, which says what happened."""


@define(kw_only=True)
class EmailFormat:
    """Writes an event as one line: time, level, name, message, fields; and its traceback apart from it."""

    def format(self, event: Event, /) -> bytes:
        """Return *event* as the parts of a mail."""
        message = shorten(as_text(event.message), _MESSAGE)
        said = f"{as_text(event.name)}: {message}" if message else as_text(event.name)
        line = f"{iso_time(event.time_ns)} {level_name(event.level).upper()} {said}"
        for key, value in event.merged().items():
            line += f" {as_text(key)}={shorten(as_text(value), _VALUE)}"
        parts = {"head": shorten(said, _HEAD), "line": shorten(line, _LINE)}
        if isinstance(event.error, Failure):
            parts["stack"] = last_lines(as_lines(event.error.stack), _STACK)
        return json.dumps(parts, ensure_ascii=False).encode()
