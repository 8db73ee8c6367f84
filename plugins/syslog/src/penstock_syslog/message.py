"""Message: an RFC 5424 message as bytes, taken apart and put together again so that it fits a limit; bytes in, bytes
out; any thread; what is no such message is cut as text, so it does not fail.

    <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID  [id name="value" …][…]  MSG
    header                                           structured data         may be cut

The header is never touched. MSG is cut first, between two characters, down to a quarter of the limit. Then values are
left out, each as a whole: half a value would be a wrong one. What was done stands at the end of MSG.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

BOM: Final = b"\xef\xbb\xbf"
"""Stands before an MSG that is UTF-8: RFC 5424, section 6.4."""

# Possessive throughout: nothing is tried twice, however long or broken the message is.
_HEADER: Final = re.compile(rb"<[0-9]{1,3}>1 (?:[!-~]{1,255} ){5}")
_NAME: Final = rb"[!#-<>-\\^-~]{1,32}"  # printable, without `=`, `"` and `]`
_OPENING: Final = re.compile(rb"\[" + _NAME)
_PARAM: Final = re.compile(rb" " + _NAME + rb'="(?:[^"\\\]]++|\\.)*+"', re.DOTALL)
_MARK_ROOM: Final = 80
"""Bytes for what is said about a cut, at its longest."""


class Parts(NamedTuple):
    """A message taken apart."""

    header: bytes
    """With the space behind it."""
    elements: list[tuple[bytes, list[bytes]]]
    """Of the structured data: ``[id`` and each ``name="value"`` with the space before it."""
    text: bytes
    """MSG, with its BOM."""


def take_apart(message: bytes) -> Parts | None:
    """Return the parts of *message*, or None if it is not what RFC 5424 describes.

    Example:
        >>> take_apart(b'<14>1 - - - - - [a@1 b="c] hi') is None
        True
        >>> take_apart(b'<14>1 - - - - - [a@1 b="c"] hi').elements
        [(b'[a@1', [b' b="c"'])]
    """
    header = _HEADER.match(message)
    if header is None:
        return None
    at = header.end()
    elements = []
    if message[at : at + 1] == b"-":
        at += 1
    else:
        while opening := _OPENING.match(message, at):
            params = list(_params(message, opening.end()))
            at = opening.end() + sum(map(len, params)) + 1
            if message[at - 1 : at] != b"]":
                return None
            elements.append((opening[0], params))
        if not elements:
            return None
    if message[at : at + 1] not in (b"", b" "):
        return None
    return Parts(header[0], elements, message[at + 1 :])


def _params(message: bytes, at: int) -> Iterator[bytes]:
    while param := _PARAM.match(message, at):
        yield param[0]
        at = param.end()


def fit(message: bytes, limit: int) -> bytes:
    """Return *message* in at most *limit* bytes, its structured data still whole.

    Args:
        message: An RFC 5424 message, or any other text in UTF-8.
        limit: At least 480, which every receiver takes and no header of this plugin fills (RFC 5424, section 6.1).
    """
    if len(message) <= limit:
        return message
    parts = take_apart(message)
    if parts is None:
        return _cut(message, limit, 0)
    room = limit - len(parts.header) - 1
    data, left_out = _data_within(parts.elements, room - min(len(parts.text) + _MARK_ROOM, limit // 4))
    return parts.header + data + b" " + _cut(parts.text, room - len(data), left_out)


def _data_within(elements: list[tuple[bytes, list[bytes]]], room: int) -> tuple[bytes, int]:
    """Return structured data of at most *room* bytes, and how many values are not in it; those that fit are."""
    data = b""
    left_out = 0
    for opening, params in elements:
        kept = []
        left = room - len(data) - len(opening) - 1
        for param in params:
            if len(param) <= left:
                kept.append(param)
                left -= len(param)
            else:
                left_out += 1
        if left >= 0 and (kept or not params):
            data += opening + b"".join(kept) + b"]"
    return data or b"-", left_out


def _cut(text: bytes, room: int, left_out: int) -> bytes:
    """Return *text* in *room* bytes, cut between two characters, with what is missing told behind it."""
    if len(text) <= room and not left_out:
        return text
    values = f"{left_out} value{'s' * (left_out > 1)}" if left_out else ""
    mark = f" [cut: {values}]".encode()
    if len(text) + len(mark) > room:
        kept = max(0, room - _MARK_ROOM)
        while kept and text[kept : kept + 1] and text[kept] & 0xC0 == 0x80:  # in the middle of a character
            kept -= 1
        told = f"{len(text) - kept} bytes{' and ' * bool(left_out)}{values}"
        text, mark = text[:kept], f"... [cut: {told}]".encode()
    return (text + mark).lstrip(b" ")
