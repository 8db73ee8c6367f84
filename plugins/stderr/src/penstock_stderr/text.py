"""Text: how names, messages and values look on a console; plain data in, printable text out; the caller's thread;
raises nothing for plain data.

Whatever comes out can be seen: what would end a line, move the cursor, change the direction of the text or show
nothing at all is written as its escape, the one of JSON.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from penstock.plugin import is_seen

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}

# A text that needs no quotes: it cannot be taken for a number, a word of JSON, a list or an object, nor for two fields.
_BARE: Final = re.compile(
    r"""(?!(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)\Z)[^\s"'`=\\\[{][^\s"'`=\\]*"""
)
_BARE_KEY: Final = re.compile(r"""[^\s"'`=\\#][^\s"'`=\\]*""")
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_WORDS: Final[Mapping[object, str]] = {None: "null", True: "true", False: "false"}
_UNITS: Final = ((1, "ns"), (1_000, "µs"), (1_000_000, "ms"), (1_000_000_000, "s"))


def escape(text: str) -> str:
    r"""Return *text* with everything escaped that cannot be seen.

    Example:
        >>> escape("a\nb\x1b[2J")
        'a\\nb\\u001b[2J'
    """
    return text if is_seen(text) else "".join(c if is_seen(c) else _code(c) for c in text)


def _code(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def width(text: str) -> int:
    """Return how many columns of a terminal *text* takes.

    Example:
        >>> width("abc"), width("日本")
        (3, 4)
    """
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad(text: str, columns: int) -> str:
    """Return *text* with blanks up to *columns*."""
    return text if len(text) >= columns else text + " " * (columns - width(text))


def shorten_name(name: str, columns: int) -> str:
    """Return a dotted name in at most *columns*: its first segments become initials, then its beginning is cut.

    Example:
        >>> shorten_name("shop.payment.gateway", 16)
        's.p.gateway'
        >>> shorten_name("a_very_long_name", 8)
        '…ng_name'
    """
    segments = name.split(".")
    for at in range(len(segments) - 1):
        if len(name) <= columns:
            break
        segments[at] = segments[at][:1]
        name = ".".join(segments)
    return name if len(name) <= columns else "…" + name[len(name) - columns + 1 :]


def show_key(key: str) -> str:
    """Return the name of a field, in quotes if it needs them."""
    return key if _BARE_KEY.fullmatch(key) and is_seen(key) else escape(_JSON.encode(key))


def show_value(value: object, limit: int) -> str:
    """Return a plain value as a bare word or as JSON, of which at most *limit* characters.

    Example:
        >>> [show_value(value, 100) for value in ("eu", "two words", "7", 7, None, {"sku": ["a"]})]
        ['eu', '"two words"', '"7"', '7', 'null', '{"sku":["a"]}']
    """
    kind = type(value)
    if kind is str:
        return _show_text(str(value), limit)
    if kind is int or kind is float:
        return repr(value)
    return _WORDS[value] if value is None or kind is bool else _show_nested(value, limit)


def _show_text(text: str, limit: int) -> str:
    if len(text) > limit:
        return f"{escape(_JSON.encode(text[:limit]))}…[+{len(text) - limit}]"
    if _BARE.fullmatch(text) and is_seen(text):
        return text
    return escape(_JSON.encode(text))


def _show_nested(value: Any, limit: int) -> str:
    """Return the JSON of *value*, made piece by piece: of a huge value only what is shown."""
    shown = ""
    for piece in _JSON.iterencode(value):
        shown += piece
        if len(shown) > limit:
            return f"{escape(shown[:limit])}…"
    return escape(shown)


def show_duration(nanoseconds: int) -> str:
    """Return a duration with three digits and a unit, from a minute and a half on in minutes and hours.

    Example:
        >>> [show_duration(ns) for ns in (850, 1_234_567, 4_570_000_000, 125_000_000_000, 3_723_000_000_000)]
        ['850ns', '1.23ms', '4.57s', '2m05s', '1h02m03s']
    """
    if nanoseconds < 0:
        return f"-{show_duration(-nanoseconds)}"
    for size, unit in _UNITS:
        if nanoseconds < 999.5 * size and nanoseconds < 90_000_000_000:
            return f"{nanoseconds / size:.3g}{unit}"
    minutes, seconds = divmod(round(nanoseconds / 1_000_000_000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m{seconds:02}s" if hours else f"{minutes}m{seconds:02}s"


def is_failure(value: object) -> TypeGuard[Mapping[str, object]]:
    """Return whether *value* is what an exception among the fields has become."""
    return isinstance(value, Mapping) and value.keys() == {"type", "message", "stack"}
