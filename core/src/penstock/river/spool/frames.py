"""Frames: records as bytes in a segment, and back; records in, bytes out, and the reverse; any thread; what is damaged
is passed over and counted, never believed and never raised.

A segment is a header of 64 bytes and then frames, each at a multiple of 8. All numbers are little-endian.

    header   8s  magic, b"PENSTOCK"; written last, so that a segment without it holds nothing
             u16 version of this layout, 1
             u16 lowest level of the records
             u32 size of the file, or 0 where it grows
             u64 number of the segment; of two of one level the records of the lower are older
             u32 salt, with which each checksum begins: bytes in a record cannot pass for a frame
             u32 0
             i64 time at which it was begun, in nanoseconds
             u32 CRC-32 of all of this
             u32 0
             u64 how many of its records are settled, twice: the upper half is the complement
             u64 how many frames there are, in the same way; 0 until the segment is full

    frame    u32 length of what follows the checksum; written last, together with it: 0 is no frame
             u32 CRC-32 of what follows
             u32 sequence number in its segment, from 0
             i64 time of the event, in nanoseconds
             u16 level
             u16 length of the label
             ... label: format, a zero byte, name, in UTF-8
             ... data
"""

from __future__ import annotations

import re
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from penstock.river.store import Entry

MAGIC: Final = b"PENSTOCK"
VERSION: Final = 1
HEADER: Final = 64
SETTLED: Final = 48
"""Where in the header stands how many records are settled."""
COUNT: Final = 56
WORD: Final = Struct("<II")
"""Length and checksum before each frame."""
BEGIN: Final = Struct("<IqH")
"""What is packed for each frame: sequence number, time, level; the label brings its length with it."""
_HEAD: Final = Struct("<IqHH")
"""The same with the length of the label."""
_LENGTH: Final = Struct("<H")
_FIXED: Final = Struct("<8sHHIQIIqII")
_SUMMED: Final = 40
"""So many bytes of the header its checksum covers."""
_LEAST: Final = _HEAD.size
_MASK: Final = 0xFFFF_FFFF
_LONGEST_NAME: Final = 15_000
"""Characters: the length of the label has 16 bits, and a character up to four bytes."""
_LONGEST_FORMAT: Final = 1_000
_LABELS: Final = 1_000
"""Remembered labels; names can come from users."""
_SOMETHING: Final = re.compile(rb"[^\0]")


class Header(NamedTuple):
    """What a segment says of itself."""

    number: int
    level: int
    size: int
    salt: int
    begun_ns: int
    settled: int = 0
    frames: int | None = None
    """How many there are, or None if the segment was never full."""


class Frames(NamedTuple):
    """What was read from a piece of a segment."""

    found: list[Entry]
    lost: int
    """So many frames are damaged; of those behind the last good one, one is counted."""
    torn: bool
    """Whether a last frame goes on behind the end."""
    read: int
    """Behind this place there is no frame."""


def pack_header(header: Header) -> bytes:
    """Return the header of a new segment."""
    fixed = _FIXED.pack(MAGIC, VERSION, header.level, header.size, header.number, header.salt, 0, header.begun_ns, 0, 0)
    return fixed[:_SUMMED] + WORD.pack(crc32(fixed[:_SUMMED]), 0) + pack_twice(0) + bytes(8)


def read_header(data: bytes) -> Header | None:
    """Return the header that *data* begins with, or None if it is damaged, foreign or of another version."""
    if len(data) < HEADER:
        return None
    magic, version, level, size, number, salt, _, begun_ns, crc, _ = _FIXED.unpack_from(data)
    if magic != MAGIC or version != VERSION or crc != crc32(data[:_SUMMED]):
        return None
    return Header(number, level, size, salt, begun_ns, read_twice(data, SETTLED) or 0, read_twice(data, COUNT))


def pack_twice(value: int) -> bytes:
    """Return *value* and its complement: eight bytes that show whether they are whole."""
    return WORD.pack(value, value ^ _MASK)


def read_twice(data: bytes, at: int) -> int | None:
    """Return the number at *at*, or None if its halves do not agree."""
    value, complement = WORD.unpack_from(data, at)
    return int(value) if value ^ complement == _MASK else None


def label_of(format: str, name: str) -> bytes:
    """Return the label of a frame, with its length before it."""
    text = format[:_LONGEST_FORMAT].replace("\0", "") + "\0" + name[:_LONGEST_NAME]
    label = text.encode("utf-8", "surrogatepass")
    return _LENGTH.pack(len(label)) + label


def pack_frame(body: bytes, salt: int) -> bytes:
    """Return *body*, which is `BEGIN`, label and data, as a frame with its length and checksum before it."""
    return WORD.pack(len(body), crc32(body, salt)) + body


def read_frames(chunk: bytes, salt: int, number: int = 0) -> Frames:
    """Read every good frame of *chunk*, passing over what is damaged.

    Args:
        chunk: A piece of a segment that begins with a frame.
        salt: From the header of the segment.
        number: Sequence number of the first frame.
    """
    found: list[Entry] = []
    first, at, lost = number, 0, 0
    while True:
        at = _read_on(chunk, salt, at, first + lost, found)
        number = first + lost + len(found)
        again = _next_frame(chunk, salt, at, number)
        if again is None:
            # Where no length was stored, no record was accepted; where one was, it is lost, and nobody knows of more.
            torn, rest = _is_torn(chunk, at), any(chunk[at : at + 4])
            return Frames(found, lost + (rest and not torn), torn, at)
        at, after = again
        lost += after - number


def _read_on(chunk: bytes, salt: int, at: int, shift: int, found: list[Entry]) -> int:
    """Append frames to *found* until there is none at *at*; return *at*."""
    word, head, size = WORD.unpack_from, _HEAD.unpack_from, len(chunk)
    while at + 8 <= size:
        length, crc = word(chunk, at)
        stop = at + 8 + length
        if length < _LEAST or stop > size:
            break
        body = chunk[at + 8 : stop]
        number, time_ns, level, label = head(body)
        if crc32(body, salt) != crc or number != shift + len(found):
            break
        data = _LEAST + label
        made_by, name = _split(body[_LEAST:data])
        found.append((body[data:], level, name, time_ns, made_by))
        at = stop + 7 & -8
    return at


def _is_torn(chunk: bytes, at: int) -> bool:
    """Return whether a frame begins at *at* that is longer than the rest."""
    if at + 8 > len(chunk):
        return any(chunk[at:])
    length, _ = WORD.unpack_from(chunk, at)
    return at + 8 + int(length) > len(chunk)


_labels: dict[bytes, tuple[str, str]] = {}


def _split(label: bytes) -> tuple[str, str]:
    """Return the format and the name in a label."""
    both = _labels.get(label)
    if both is None:
        made_by, _, name = label.decode("utf-8", "surrogatepass").partition("\0")
        both = (made_by, name)
        if len(_labels) < _LABELS:
            _labels[label] = both
    return both


def _next_frame(chunk: bytes, salt: int, at: int, number: int) -> tuple[int, int] | None:
    """Return where the next good frame begins, and its number, which is *number* or higher; or None."""
    last = len(chunk) - WORD.size - _LEAST
    most = number + len(chunk) // _LEAST
    while (something := _SOMETHING.search(chunk, at)) is not None:
        at = max(at, something.start() & -8)
        if at > last:
            break
        length, crc = WORD.unpack_from(chunk, at)
        this, _, _, label = _HEAD.unpack_from(chunk, at + 8)
        stop = at + 8 + length
        # Only what looks like a frame is worth a checksum, or damage would cost time by the square of its length.
        likely = number <= this <= most and _LEAST + label <= length and stop <= len(chunk)
        if likely and crc32(chunk[at + 8 : stop], salt) == crc:
            return at, this
        at += 8
    return None
