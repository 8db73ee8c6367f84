"""Reader: the bytes of some streams as lines; descriptors in, lines out; the calling thread; memory is bounded: a line
that is too long is cut.

It reads when it is asked for the next line, so a slow river holds the writing program back. Nothing blocks in `read`:
the wait is in `select`, beside a descriptor that signals write to.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias, final

_CHUNK: Final = 65_536
"""Bytes of one read: what a pipe holds on Linux (pipe(7))."""
_LATE: Final = 2**20
"""Bytes of one stream that are still read after a signal: the most that a pipe may hold (pipe(7), pipe-max-size)."""
_WORD: Final = 4_096
"""A cut line ends at a space if there is one in so many bytes before the cut: half a secret would match no pattern."""

Patience: TypeAlias = Callable[[], float | None]
"""Says how long to wait for more: None is for ever, 0 is to read only what is there already."""


class Line(NamedTuple):
    """One line, without its end."""

    data: bytes
    stream: str = ""
    cut: int = 0
    """Bytes of it that were left out."""


class Stream(NamedTuple):
    """Something to read, and what to call it."""

    name: str
    fd: int


@final
class Splitter:
    """Splits the bytes of one stream into lines of at most *longest* bytes."""

    def __init__(self, name: str, longest: int) -> None:
        self._name = name
        self._longest = longest
        self._held = bytearray()
        self._left_out = 0
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Yield the lines that *chunk* completes."""
        *ends, rest = chunk.split(b"\n")
        for piece in ends:
            self._keep(piece)
            yield self._line()
        if rest:
            self._keep(rest)

    def end(self) -> Iterator[Line]:
        """Yield the last line, if it had no newline."""
        if self._begun:
            yield self._line()

    def _keep(self, piece: bytes) -> None:
        room = self._longest - len(self._held)
        self._held += piece[:room]
        self._left_out += max(0, len(piece) - room)
        self._begun = True

    def _line(self) -> Line:
        data, cut = bytes(self._held), self._left_out
        self._held.clear()
        self._left_out, self._begun = 0, False
        if not cut:
            return Line(data.removesuffix(b"\r"), self._name)
        whole = _whole_words(data)
        return Line(whole, self._name, cut + len(data) - len(whole))


def _whole_words(data: bytes) -> bytes:
    """Return *data* up to its last space, or at least up to its last whole character."""
    at = max(data.rfind(b" ", len(data) - min(_WORD, len(data))), 0)
    if at:
        return data[:at]
    end = len(data)
    while end and data[end - 1] & 0xC0 == 0x80:  # inside a character of several bytes
        end -= 1
    return data[: end - 1] if end and data[end - 1] >= 0xC0 else data


class _Source(NamedTuple):
    """A stream that is open."""

    read: Callable[[int], bytes]
    splitter: Splitter
    late: list[int]
    """How many bytes were read after a signal, in one element."""


@final
class Reader:
    """Reads streams, in the order in which they have something.

    Args:
        streams: What to read; each to its end.
        wake: A descriptor that becomes readable when *patience* should be asked again; it is emptied here.
        patience: See `Patience`; asked before each wait.
        longest: Bytes of a line; what is beyond is left out.
    """

    def __init__(self, streams: Sequence[Stream], wake: socket.socket | None, patience: Patience, longest: int) -> None:
        self._streams = streams
        self._wake = wake
        self._patience = patience
        self._longest = longest

    def lines(self) -> Iterator[Line]:
        """Yield every line of every stream, until all have ended or *patience* is over."""
        with _selector() as selector:
            if self._wake is not None:
                selector.register(self._wake, selectors.EVENT_READ, None)
            for stream in self._streams:
                waitable, read = _waitable(stream.fd)
                source = _Source(read, Splitter(stream.name, self._longest), [0])
                selector.register(waitable, selectors.EVENT_READ, source)
            yield from self._until_the_end(selector)
            for key in list(selector.get_map().values()):
                if key.data is not None:
                    yield from self._end(selector, key)

    def _until_the_end(self, selector: selectors.BaseSelector) -> Iterator[Line]:
        wakes = 0 if self._wake is None else 1
        while len(selector.get_map()) > wakes:
            patience = self._patience()
            ready = [key for key, _ in selector.select(patience)]
            if self._wake is not None and any(key.data is None for key in ready):
                self._wake.recv(_CHUNK)
            sources = [key for key in ready if key.data is not None]
            if not sources and patience == 0:
                return
            for key in sources:
                yield from self._read(selector, key, late=patience == 0)

    def _read(self, selector: selectors.BaseSelector, key: selectors.SelectorKey, late: bool) -> Iterator[Line]:
        source: _Source = key.data
        try:
            chunk = source.read(_CHUNK)
        except OSError:  # a terminal that is gone: there is nothing more to come
            chunk = b""
        if late:
            source.late[0] += len(chunk)
        if chunk:
            yield from source.splitter.feed(chunk)
        if not chunk or source.late[0] >= _LATE:
            yield from self._end(selector, key)

    def _end(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> Iterator[Line]:
        selector.unregister(key.fileobj)
        if isinstance(key.fileobj, socket.socket):
            key.fileobj.close()
        yield from key.data.splitter.end()


if sys.platform == "win32":

    def _selector() -> selectors.BaseSelector:
        return selectors.SelectSelector()

    def _waitable(fd: int) -> tuple[int | socket.socket, Callable[[int], bytes]]:
        return pumped(fd)  # `select` waits for sockets only

else:

    def _selector() -> selectors.BaseSelector:
        return selectors.PollSelector()  # epoll refuses files, and `penstock pipe < file` is one

    def _waitable(fd: int) -> tuple[int | socket.socket, Callable[[int], bytes]]:
        return fd, lambda size: os.read(fd, size)


def pumped(fd: int) -> tuple[socket.socket, Callable[[int], bytes]]:
    """Return a socket that gets what *fd* has, from a thread, for platforms that can wait for sockets only."""
    ours, theirs = socket.socketpair()

    def read(size: int) -> bytes:
        return ours.recv(size)

    def pump() -> None:
        with theirs:
            try:
                while chunk := os.read(fd, _CHUNK):
                    theirs.sendall(chunk)
            except OSError:  # either end is gone
                return

    threading.Thread(target=pump, name="penstock-pipe", daemon=True).start()
    return ours, read
