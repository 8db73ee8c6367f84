"""Message: what one record says in a chat, and which records share a message; records in, messages out; the sink's
worker; a record of any other format is plain text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, final

from attrs import field, frozen

from penstock.plugin import Level, Record
from penstock_http import as_text, shorten, utf16_length
from penstock_telegram.limits import ENTITY_LIMIT, TEXT_LIMIT, count_entities, to_plain, without_mentions

_BETWEEN: Final = "\n\n"


@final
@frozen(kw_only=True)
class Message:
    """A text for a chat.

    Attributes:
        text: As it is sent.
        html: Whether it is written in Telegram's HTML.
        silent: Whether it comes without a sound.
        length: UTF-16 units that a reader sees.
        entities: How many pieces of it are marked.
    """

    text: str = field(repr=False)
    html: bool
    silent: bool
    length: int
    entities: int = 0

    def as_plain(self) -> Message:
        """Return the same without markup."""
        return Message(text=to_plain(self.text), html=False, silent=self.silent, length=self.length)


def message_of(record: Record, silent_below: Level | None) -> Message:
    """Return the message for *record*: as its format wrote it, or any other format's bytes as plain text."""
    silent = silent_below is not None and record.level < silent_below
    html = _own(record)
    if html is not None:
        length = utf16_length(to_plain(html))
        return Message(text=html, html=True, silent=silent, length=length, entities=count_entities(html))
    text = without_mentions(as_text(record.data.decode("utf-8", "replace")))
    text = shorten(text, TEXT_LIMIT) if text.strip() else "[empty]"  # Telegram refuses a message of blanks
    return Message(text=text, html=False, silent=silent, length=utf16_length(text))


def _own(record: Record) -> str | None:
    """Return the HTML that the format ``telegram`` wrote, or None: of another format, or the core's minimal line."""
    if record.format != "telegram":
        return None
    try:
        document = json.loads(record.data)
    except ValueError:
        return None
    if not isinstance(document, dict) or document.keys() != {"text", "parse_mode"}:
        return None
    text = document["text"]
    return text if isinstance(text, str) else None


def groups_of(messages: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """Yield places (start, stop) of neighbours that fit into one message together.

    A chat takes about one message a second, a group 20 a minute; what belongs to one burst reads better in one anyway.
    """
    starts = [0]
    length = entities = 0
    for place, message in enumerate(messages):
        first = messages[starts[-1]]
        length += message.length + len(_BETWEEN)
        entities += message.entities
        full = length - len(_BETWEEN) > TEXT_LIMIT or entities > ENTITY_LIMIT
        if place and (full or (message.html, message.silent) != (first.html, first.silent)):
            starts.append(place)
            length = message.length + len(_BETWEEN)
            entities = message.entities
    yield from pairwise([*starts, len(messages)])


def joined(messages: Sequence[Message]) -> Message:
    """Return neighbours of one group as one message."""
    return Message(
        text=_BETWEEN.join(message.text for message in messages),
        html=messages[0].html,
        silent=messages[0].silent,
        length=sum(message.length for message in messages) + len(_BETWEEN) * (len(messages) - 1),
        entities=sum(message.entities for message in messages),
    )
