"""Numbered: texts that prove themselves; a worker's number and an event's number in, one checksummed text out, and back
again; any process; never raises.

A text is computed from its two numbers alone, so whoever reads it knows whether it is whole and whether anybody ever
said it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from zlib import crc32

TEXT: Final = re.compile(rb"<(\d+)\.(\d+)\.([a-z]*)\.([0-9a-f]{8})>")
"""Finds numbered texts, whole ones and such that only look like it."""
_PAD: Final = b"abcdefghijklmnopqrstuvwxyz" * 400
_LONG: Final = 61
"""Each so many texts one is long; prime, so that it falls on every place of a page sooner or later."""


class Number(NamedTuple):
    """Who said a text, and the how manieth of theirs it was."""

    worker: int
    number: int


def text(worker: int, number: int, long: bool = True) -> str:
    """Return the text of an event.

    Most are as long as most lines of programs are, and one in 61 is longer than a page of memory, which is where the
    kernel cuts writes; not if *long* is false.

    Example:
        >>> text(3, 0)
        '<3.0.abcdefghijklmnopqrs.cd0b749f>'
    """
    length = 4_500 + number % 3_000 if long and number % _LONG == _LONG - 1 else 10 + (worker * 3 + number * 7) % 90
    body = b"%d.%d.%b" % (worker, number, _PAD[:length])
    return f"<{body.decode()}.{crc32(body):08x}>"


def whole(line: bytes) -> Number | None:
    """Return the number of the one whole text in *line*; None if it has none, several, or one that is damaged."""
    found = list(TEXT.finditer(line))
    if len(found) != 1 or line.count(b"<") != 1:
        return None
    worker, number, pad, checksum = found[0].groups()
    if crc32(b"%b.%b.%b" % (worker, number, pad)) != int(checksum, 16):
        return None
    return Number(int(worker), int(number))


def numbers_of(lines: list[bytes]) -> Iterator[Number]:
    """Yield the numbers of the lines that are whole."""
    for line in lines:
        number = whole(line)
        if number is not None:
            yield number
