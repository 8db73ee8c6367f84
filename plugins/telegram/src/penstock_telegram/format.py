"""Format: a message in Telegram's HTML; Event in, bytes out; the caller's thread; if it fails: the core's minimal line.

The bytes are one line of JSON, ``{"text": …, "parse_mode": "HTML"}``: the part of a `sendMessage` request that depends
on the event. A message has lines, a record must not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from attrs import define

from penstock.plugin import Event, Failure, iso_time, level_name
from penstock_http import as_lines, as_text, last_lines, shorten, utf16_length
from penstock_telegram.limits import TEXT_LIMIT, to_html, without_mentions

# Shares of the 4,096 units; what one part does not need, those behind it may use.
_NAME: Final = 200
_MESSAGE: Final = 2_000
_KEY: Final = 100
_VALUE: Final = 500
_STACK: Final = 1_200
"""Kept for the traceback, if there is one: its last lines say what happened."""
_MORE: Final = 24
"""Room for the line that counts the fields left out."""


@define(kw_only=True)
class TelegramFormat:
    """Writes an event as a short message: level, name and message, fields, the end of the traceback, the time."""

    def format(self, event: Event, /) -> bytes:
        """Return *event* as the text of a message, within Telegram's limits."""
        head = _head(event)
        time = iso_time(event.time_ns)  # a message can come hours later: the chat's own time is not the event's
        room = TEXT_LIMIT - utf16_length(head) - utf16_length(level_name(event.level)) - utf16_length(time) - 2
        stack = as_lines(event.error.stack) if isinstance(event.error, Failure) else ""
        fields = list(_fields(event, room - min(utf16_length(stack), _STACK) - 1))
        room -= sum(utf16_length(line) + 1 for line in fields)
        parts = [f"<b>{level_name(event.level).upper()}</b>{to_html(head)}", *map(to_html, fields)]
        if stack:
            parts.append(f"<pre>{to_html(last_lines(without_mentions(stack), room - 1))}</pre>")
        parts.append(f"<i>{time}</i>")
        return json.dumps({"text": "\n".join(parts), "parse_mode": "HTML"}, ensure_ascii=False).encode()


def _head(event: Event) -> str:
    """Return what stands behind the level in the first line."""
    name = shorten(_written(event.name), _NAME)
    message = shorten(_written(event.message), _MESSAGE)
    return f" {name}: {message}" if message else f" {name}"


def _fields(event: Event, room: int) -> Iterator[str]:
    """Yield a line for each field, as many as fit, and one that counts the rest."""
    fields = event.merged()
    for number, (key, value) in enumerate(fields.items()):
        line = f"{shorten(_written(key), _KEY)}: {shorten(_written(value), _VALUE)}"
        room -= utf16_length(line) + 1
        if room < _MORE:
            yield f"… +{len(fields) - number} more fields"
            return
        yield line


def _written(value: object) -> str:
    return without_mentions(as_text(value))
