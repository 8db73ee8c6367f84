"""Text: cuts text to the limits of chat services; text and a limit in, text within it out; any thread; never fails.

What is cut is redacted already: the redact stage comes before the format. Nothing is cut inside a surrogate pair, an
escape sequence or what a reader sees as one character, and how much is missing is said.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Final

from penstock.plugin import escape_controls

Escapes = Mapping[int, str]
"""What stands for a character, by its number, as `str.translate` takes it."""

_NONE: Final[Escapes] = {}
_JOINED: Final = 32
"""So many marks on one character are kept together; more are no writing, and cutting there hurts nobody."""


def utf16_length(text: str) -> int:
    """Return the number of UTF-16 code units of *text*.

    Telegram counts these. Discord counts code points (discord/discord-api-docs#1315), which are never more, so what
    fits here fits there.

    Example:
        >>> utf16_length("né"), utf16_length("🚰")
        (2, 2)
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def as_text(value: object) -> str:
    r"""Return a plain value as one line of text: a text as it is, everything else as JSON; controls are escaped.

    Escaped is also what hides or turns text around (zero width, bidirectional), and a lone half of a surrogate pair.

    Example:
        >>> as_text("a\nb"), as_text({"paid": True}), as_text(None)
        ('a\\nb', '{"paid": true}', 'null')
    """
    return escape_controls(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def as_lines(text: str) -> str:
    """Return *text* with its line ends kept and every other control character escaped."""
    return "\n".join(map(escape_controls, text.split("\n")))


def shorten(text: str, room: int, escapes: Escapes = _NONE) -> str:
    """Return *text* escaped, and cut with a mark if it is longer than *room* UTF-16 units then.

    Args:
        text: What to show.
        room: Units that the result may have.
        escapes: How to write characters that mean something to the service; the result is measured with them.

    Example:
        >>> shorten("a very long story about a lost letter", 30)
        'a very long… [+26 characters]'
    """
    whole = text.translate(escapes)
    if utf16_length(whole) <= room:
        return whole
    reserve = utf16_length(_mark(len(text)))
    if room < reserve:
        return text[: _fitting(text, room, escapes)].translate(escapes)
    kept = text[: _fitting(text, room - reserve, escapes)].rstrip()
    return kept.translate(escapes) + _mark(len(text) - len(kept))


def last_lines(text: str, room: int, escapes: Escapes = _NONE) -> str:
    r"""Return the last lines of *text* that fit into *room* UTF-16 units, escaped, below a line that counts the others.

    For tracebacks: what was raised stands in the last line. If that is too long by itself, it is shortened.

    Example:
        >>> last_lines("one line\nand a second one\nValueError", 30)
        '[+2 lines]\nValueError'
    """
    whole = text.translate(escapes)
    if utf16_length(whole) <= room:
        return whole
    lines = text.split("\n")
    left = room - utf16_length(f"[+{len(lines)} lines]\n")
    kept: list[str] = []
    for line in reversed(lines):
        shown = line.translate(escapes)
        left -= utf16_length(shown) + 1
        if left < -1:  # the first one kept has no line end
            break
        kept.append(shown)
    if not kept:
        return shorten(lines[-1], room, escapes)
    return "\n".join([f"[+{len(lines) - len(kept)} lines]", *reversed(kept)])


def _mark(missing: int) -> str:
    return f"… [+{missing} characters]"


def _fitting(text: str, room: int, escapes: Escapes) -> int:
    """Return how many characters of *text*, escaped, fit into *room* units without cutting what belongs together."""
    used = 0
    for place, character in enumerate(text):
        escaped = escapes.get(ord(character))
        used += 1 + (character > "\uffff") if escaped is None else utf16_length(escaped)
        if used > room:
            return _boundary(text, place)
    return len(text)


def _boundary(text: str, place: int) -> int:
    """Return the last place up to *place* at which *text* may be cut."""
    for at in range(place, max(0, place - _JOINED), -1):
        if not _belongs_to_the_one_before(text, at):
            return at
    return place if place > _JOINED else 0


def _belongs_to_the_one_before(text: str, place: int) -> bool:
    """Return whether a reader sees the character at *place* as part of the one before it (UAX 29, in short)."""
    character = text[place]
    if unicodedata.category(character) in ("Mn", "Mc", "Me") or "\U0001f3fb" <= character <= "\U0001f3ff":
        return True  # accents, variation selectors; skin tones
    if character == "\u200d" or text[place - 1] == "\u200d":
        return True  # the joiner of families and flags
    if _is_flag_letter(character):
        before = place
        while before and _is_flag_letter(text[before - 1]):
            before -= 1
        return (place - before) % 2 == 1
    return False


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
