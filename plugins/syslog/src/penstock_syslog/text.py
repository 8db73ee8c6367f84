"""Text: what values and messages look like on the wire; plain data in, text out; the caller's thread; never fails."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)
_WORDS: Final[Mapping[object, str]] = {None: "null", True: "true", False: "false"}

# C0, DEL and C1 end lines and move cursors; U+2028 and U+2029 end lines; the bidi controls reorder (CVE-2021-42574); a
# BOM has its one place at the beginning of MSG; a lone surrogate is no character and cannot be UTF-8.
_REST: Final = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_HIDDEN: Final = re.compile(f"[\x00-\x1f{_REST}]")
_HIDDEN_IN_LINES: Final = re.compile(f"[\x00-\x08\x0b-\x1f{_REST}]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text_of(value: object) -> str:
    """Return a plain value as text: a text as it is, everything else as JSON.

    Example:
        >>> [text_of(value) for value in ("a b", 7, 1.5, True, None, ["é", {"n": 1}])]
        ['a b', '7', '1.5', 'true', 'null', '["é",{"n":1}]']
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int or kind is float:
        return repr(value)
    return _WORDS[value] if value is None or kind is bool else _JSON.encode(value)


def on_one_line(text: str) -> str:
    r"""Return *text* with an escape of JSON for everything that ends a line, moves a cursor or reorders what is read.

    Example:
        >>> on_one_line("a\nb\x1b[2J")
        'a\\nb\\u001b[2J'
    """
    return text if text.isprintable() else _HIDDEN.sub(_escaped, text)


def with_its_lines(text: str) -> str:
    """Return *text* as `on_one_line` does, but with its newlines and tabs."""
    return text if text.isprintable() else _HIDDEN_IN_LINES.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}"
