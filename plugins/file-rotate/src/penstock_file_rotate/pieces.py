"""Pieces: a batch as few writes; lines in, lines that fit into a file out; the writing thread; never raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence


def pieces(lines: Sequence[bytes], full: int, taken: Callable[[], int]) -> Iterator[Sequence[bytes]]:
    """Cut *lines* into pieces, each of which fits into what the file has room for when it is its turn.

    Args:
        lines: Without their ends.
        full: Bytes that a file may have.
        taken: Tells how many the file has now.

    Example:
        >>> [list(piece) for piece in pieces([b"one", b"two", b"three"], 8, lambda: 4)]
        [[b'one'], [b'two'], [b'three']]
    """
    if sum(map(len, lines)) + len(lines) <= full - taken():  # nearly always: one piece it is
        yield lines
        return
    first = 0
    while first < len(lines):
        room = full - taken()
        if len(lines[first]) + 1 > room:
            room = full  # a new file it is, then
        last, size = first, 0
        while last < len(lines) and (last == first or size + len(lines[last]) + 1 <= room):
            size += len(lines[last]) + 1
            last += 1
        yield lines[first:last]
        first = last
