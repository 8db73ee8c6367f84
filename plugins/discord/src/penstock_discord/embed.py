"""Embed: what one record says in a channel, and which records share a message; records in, embeds out; the sink's
worker; a record of any other format is the text of an embed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from penstock.plugin import Record
from penstock_discord.limits import DESCRIPTION, EMBEDS, MARKDOWN, TOTAL, colour_of
from penstock_http import as_text, shorten, utf16_length

Embed: TypeAlias = Mapping[str, object]
"""An embed as Discord takes it, in JSON's types."""

_KEYS: Final = frozenset({"title", "description", "color", "fields", "footer", "timestamp"})


def embed_of(record: Record) -> Embed:
    """Return the embed for *record*: as its format made it, or one that holds any other format's bytes as text."""
    own = _own(record)
    if own is not None:
        return own
    text = as_text(record.data.decode("utf-8", "replace"))
    text = text if text.strip() else "[empty]"  # Discord refuses a message of blanks
    return {"description": shorten(text, DESCRIPTION, MARKDOWN), "color": colour_of(record.level)}


def _own(record: Record) -> Embed | None:
    """Return what the format ``discord`` made, or None: of another format, or the core's minimal line."""
    if record.format != "discord":
        return None
    try:
        embed = json.loads(record.data)
    except ValueError:
        return None
    return embed if isinstance(embed, dict) and embed and embed.keys() <= _KEYS else None


def length_of(embed: Embed) -> int:
    """Return how much *embed* adds to what the embeds of a message may have together."""
    fields = embed.get("fields")
    footer = embed.get("footer")
    parts = [embed.get("title"), embed.get("description")]
    parts += [field.get(part) for field in (fields if isinstance(fields, list) else ()) for part in ("name", "value")]
    parts.append(footer.get("text") if isinstance(footer, dict) else None)
    return sum(utf16_length(part) for part in parts if isinstance(part, str))


def groups_of(embeds: Sequence[Embed]) -> Iterator[tuple[int, int]]:
    """Yield places (start, stop) of embeds that fit into one message together."""
    starts = [0]
    length = 0
    for place, embed in enumerate(embeds):
        length += length_of(embed)
        if place > starts[-1] and (length > TOTAL or place - starts[-1] == EMBEDS):
            starts.append(place)
            length = length_of(embed)
    yield from pairwise([*starts, len(embeds)])
