r"""Strict: makes JSON that every reader accepts; a dict in, one line of bytes out; the caller's thread; what cannot be
encoded becomes text, so it does not fail.

One call of the C encoder is the rule. Two nets are under it: values that the encoder refuses are made plain first, and
a line that is not printable ASCII is searched for characters that are invisible, or that reorder or break a line of
text; they become ``\uXXXX`` escapes, which every JSON reader turns back into the same characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, final

import msgspec

encode_plain: Final = msgspec.json.Encoder().encode
"""Encodes plain values, and raises for what is none; what it returns may need `escape_hidden`."""

_DEPTH: Final = 32
"""Values inside values; as deep as the core's snapshot goes."""
_NODES: Final = 10_000
"""Values of one line that the slow way looks at; as many as the core's snapshot."""


def encode(members: Mapping[str, object]) -> bytes:
    """Return *members* as one line of RFC 8259 JSON in UTF-8, in their order."""
    try:
        line = encode_plain(members)
    except Exception:  # promise: no value costs the line; surrogates, foreign types and great depth come here
        line = encode_plain(_Plain().mapping(members, 0))
    return printable(line)


def encode_text(text: str) -> bytes:
    """Return *text* as a JSON string, as `encode` writes it."""
    try:
        line = encode_plain(text)
    except Exception:  # promise: as above
        line = encode_plain(text_of(text))
    return printable(line)


def printable(line: bytes) -> bytes:
    """Return a line that the encoder made, with escapes for what hides, reorders or breaks text."""
    return line if line.isascii() and DEL not in line else escape_hidden(line)


# -- characters that hide ---------------------------------------------------------------------------------------------

DEL: Final = 0x7F
"""The one hidden character in ASCII; a number, for to look for ``b"\\x7f"`` takes seven times as long."""


def escape_hidden(line: bytes) -> bytes:
    """Return a line, which is not all printable ASCII, with escapes for what hides, reorders or breaks text."""
    # Most of such a line is ASCII all the same: without it there is little to search.
    if _HIDDEN.search(line.translate(None, _PRINTABLE).decode()) is None:
        return line
    return _HIDDEN.sub(_escaped, line.decode()).encode()


_PRINTABLE: Final = bytes(range(0x20, 0x7F))

# DEL and C1 move cursors; bidi controls reorder (CVE-2021-42574); U+2028 and U+2029 end lines; the rest is invisible:
# the general category Cf and the property Default_Ignorable_Code_Point of Unicode.
_HIDDEN: Final = re.compile(
    "[\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000  # two escapes: RFC 8259, section 7
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


# -- values that the encoder refuses ----------------------------------------------------------------------------------


@final
class _Plain:
    """Makes plain data of anything, within bounds; only for lines that the encoder refused."""

    def __init__(self) -> None:
        self._left = _NODES

    def value(self, value: object, depth: int) -> object:
        """Return *value* as what the encoder takes."""
        if value is None or value is True or value is False or isinstance(value, (float, msgspec.Raw)):
            return float(value) if isinstance(value, float) else value
        if isinstance(value, int):
            return int(value) if value.bit_length() <= 64 else hex(value)
        self._left -= 1
        if self._left < 0 or depth > _DEPTH:
            return f"[{'too deep' if depth > _DEPTH else 'too many values'}: {type(value).__name__}]"
        if isinstance(value, Mapping):
            return self.mapping(value, depth + 1)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._items(value, depth + 1)
        return text_of(value)

    def mapping(self, mapping: Mapping[str, object], depth: int) -> dict[str, object]:
        """Return the members of *mapping*; keys that become the same text are told apart by underscores."""
        plain: dict[str, object] = {}
        for key, value in list(mapping.items()):
            if self._left < 0:
                plain["…"] = f"[+{len(mapping) - len(plain)} values]"
                break
            name = text_of(key)
            while name in plain:
                name += "_"
            plain[name] = self.value(value, depth)
        return plain

    def _items(self, items: Iterable[object], depth: int) -> list[object]:
        plain: list[object] = []
        for item in list(items):
            plain.append(self.value(item, depth))
            if self._left < 0:
                break
        return plain


def text_of(value: object) -> str:
    r"""Return *value* as text that is valid UTF-8; a lone surrogate becomes the six characters ``\udc80``."""
    try:
        text = str.__str__(value) if isinstance(value, str) else str(value)
        return text.encode("utf-8", "backslashreplace").decode()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # promise: no value costs the line, not even one that raises SystemExit
        return f"<unrepresentable {type(value).__name__}: {type(error).__name__}>"
