"""Format: an embed for Discord; Event in, bytes out; the caller's thread; if it fails: the core's minimal line.

The bytes are one embed as JSON. How many of them make a request is the sink's business.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from attrs import define

from penstock.plugin import Event, Failure, iso_time, level_name
from penstock_discord.limits import (
    CODE,
    DESCRIPTION,
    FIELD_NAME,
    FIELD_VALUE,
    FIELDS,
    MARKDOWN,
    TITLE,
    TOTAL,
    colour_of,
)
from penstock_http import as_lines, as_text, last_lines, shorten, utf16_length

# Shares of the 6,000 units of an embed; what one part does not need, those behind it may use.
_MESSAGE: Final = 2_000
_FOOTER: Final = 200
_STACK: Final = 1_500
"""Kept for the traceback, if there is one: its last lines say what happened."""
_FENCE: Final = ("```\n", "\n```")
_MORE: Final = 48
"""Room for the field that counts those left out."""
_INLINE: Final = 24
"""Units; shorter values stand beside each other."""


@define(kw_only=True)
class DiscordFormat:
    """Writes an event as an embed: level and name, message and end of the traceback, fields, place and time."""

    def format(self, event: Event, /) -> bytes:
        """Return *event* as an embed, within Discord's limits."""
        title = shorten(f"{level_name(event.level).upper()} {as_text(event.name)}", TITLE, MARKDOWN)
        message = shorten(as_text(event.message).strip(), _MESSAGE, MARKDOWN)  # Discord refuses a text of blanks
        place = shorten(_place(event), _FOOTER)
        stack = as_lines(event.error.stack) if isinstance(event.error, Failure) else ""
        room = TOTAL - utf16_length(title + message + place)
        fields = list(_fields(event, room - min(utf16_length(stack), _STACK) - len("\n".join(_FENCE))))
        room -= sum(utf16_length(str(field["name"]) + str(field["value"])) for field in fields)
        embed: dict[str, object] = {
            "title": title,
            "description": _described(message, stack, min(room + utf16_length(message), DESCRIPTION)),
            "color": colour_of(event.level),
            "fields": fields,
            "footer": {"text": place},
            "timestamp": iso_time(event.time_ns),
        }
        if not place:
            del embed["footer"]
        if str(embed["timestamp"]).startswith("@"):  # a time that no calendar has
            del embed["timestamp"]
        return json.dumps({key: value for key, value in embed.items() if value}, ensure_ascii=False).encode()


def _described(message: str, stack: str, room: int) -> str:
    """Return the message, and as much of the end of *stack* as fits, in a code block."""
    if not stack:
        return message
    before, after = _FENCE
    before = f"{message}\n{before}" if message else before
    return before + last_lines(stack, room - utf16_length(before + after), CODE) + after


def _place(event: Event) -> str:
    """Return where in the source the event comes from; Discord shows a footer as it is, without markup."""
    site = event.site
    return as_text(f"{site.module}.{site.function}:{site.line}") if site.line else ""


def _fields(event: Event, room: int) -> Iterator[dict[str, object]]:
    """Yield an embed field for each field, as many as fit, and one that counts the rest."""
    fields = event.merged()
    for number, (key, value) in enumerate(fields.items()):
        name = shorten(_visible(key), FIELD_NAME, MARKDOWN)
        text = shorten(_visible(value), FIELD_VALUE, MARKDOWN)
        room -= utf16_length(name + text)
        if room < _MORE or (number == FIELDS - 1 and len(fields) > FIELDS):
            yield {"name": "…", "value": f"+{len(fields) - number} more fields"}
            return
        yield {"name": name, "value": text, "inline": utf16_length(text) <= _INLINE}


def _visible(value: object) -> str:
    """Return *value* as text; Discord refuses a field of which nothing can be seen."""
    text = as_text(value)
    return text if text.strip() else json.dumps(text)
