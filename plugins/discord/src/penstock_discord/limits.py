"""Limits: what Discord takes, and how text is written for it; text in, text out; any thread; never fails.

Source: https://discord.com/developers/docs/resources/message#embed-object-embed-limits. Discord counts code points;
here UTF-16 units are counted, which are never fewer.
"""

from __future__ import annotations

from typing import Final

EMBEDS: Final = 10
TITLE: Final = 256
DESCRIPTION: Final = 4_096
FIELDS: Final = 25
FIELD_NAME: Final = 256
FIELD_VALUE: Final = 1_024
FOOTER: Final = 2_048
TOTAL: Final = 6_000
"""Of the texts of all embeds of a message together (discord/discord-api-docs#2575)."""

MARKDOWN: Final = {ord(character): f"\\{character}" for character in "\\`*_~|<>#+-[]()@"}
"""Escapes for text outside of code. ``<`` and ``@`` begin mentions; whom a message may call is said beside it too."""

CODE: Final = {ord("`"): "`\u200b"}
"""Escapes for text in a code block, where a backslash is a backslash: no three backticks in a row end it."""

_COLOURS: Final = (
    (60, 0x8E44AD),  # alert and above: purple
    (50, 0x992D22),  # critical: dark red
    (40, 0xE74C3C),  # error: red
    (30, 0xF1C40F),  # warning: yellow
    (25, 0x1ABC9C),  # notice: green
    (20, 0x3498DB),  # info: blue
)
_GREY: Final = 0x95A5A6


def colour_of(level: int) -> int:
    """Return the colour of the bar beside an embed."""
    return next((colour for lowest, colour in _COLOURS if level >= lowest), _GREY)
