"""Stream: messages over TCP or TLS, each with its octets counted before it (RFC 6587, section 3.4.1; RFC 5425, section
4.3); messages in; the sink's worker; `Unavailable` with how many the system took.

Nobody acknowledges a message. A peer that closed is noticed before anything is written, and once more behind it; if the
connection broke in between, the whole batch counts as not delivered and is sent again. What an earlier batch left in
the buffers of a peer that dies is lost, and nobody can know it: RFC 6587, section 4.3.

A message that was torn, because the peer took no more in time, is finished on the same connection. A new connection to
a peer that has stopped reading would take a buffer full of messages each time. With TLS the connection is closed
instead: a peer that has stopped cannot shake hands, so nothing piles up there.
"""

from __future__ import annotations

import itertools
import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple, final

from penstock.plugin import Unavailable
from penstock_http import Deadline
from penstock_syslog.connect import Connector, in_words

_CHUNK: Final = 65_536
"""Bytes handed to a socket at once: between two of them the deadline is looked at."""
_CHATTER: Final = 64
"""Chunks that a peer may say at once; one that never stops holds nobody up."""


class _Torn(NamedTuple):
    """A frame of which a part is out."""

    frame: bytes
    sent: int


@final
class Stream:
    """Sends messages over one connection, which it opens when there is something to send.

    Args:
        connector: Opens it.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._sock: socket.socket | None = None
        self._pid = 0
        self._torn: _Torn | None = None

    def send(self, messages: Sequence[bytes], deadline: Deadline) -> None:
        """Send *messages*, in order.

        Raises:
            Unavailable: If not all went out; `delivered` says how many did.
        """
        frames = [b"%d %b" % (len(message), message) for message in messages]
        done = 0
        try:
            sock = self._connected(deadline)
            done, whole = self._send(sock, frames, deadline)
            if whole and _is_open(sock):
                return
            why = "the connection was closed while it was written to" if whole else "it takes no more in time"
            if whole or isinstance(sock, ssl.SSLSocket):
                self._drop()
        except OSError as error:
            self._drop()
            done, why, whole = 0, in_words(error), True
        raise Unavailable(f"{self._connector.address}: {why}", delivered=0 if whole else done)

    def close(self) -> None:
        """Let go of the connection; calling it twice is fine."""
        sock = self._sock
        if isinstance(sock, ssl.SSLSocket) and self._pid == os.getpid():
            with suppress(OSError, ValueError):
                sock.settimeout(0)
                sock.unwrap()  # says goodbye, and does not wait for the answer
        self._drop()

    def _drop(self) -> None:
        sock, self._sock, self._torn = self._sock, None, None
        if sock is not None:
            if self._pid == os.getpid():
                _is_open(sock)  # what is not read, a ticket of TLS say, would make the system reset the connection
            sock.close()  # in a forked child it is a copy of the parent's, who keeps its own

    def _connected(self, deadline: Deadline) -> socket.socket:
        """Return a connection of this process that looks alive."""
        if self._sock is not None and (self._pid != os.getpid() or not _is_open(self._sock)):
            self._drop()
        if self._sock is None:
            self._pid = os.getpid()
            self._sock = self._connector.connect(deadline)
        return self._sock

    def _send(self, sock: socket.socket, frames: Sequence[bytes], deadline: Deadline) -> tuple[int, bool]:
        """Write what is left of a torn frame, and then *frames*; return how many of them are out, and if it is all."""
        torn, self._torn = self._torn, None
        before = b""
        if torn is not None and torn.frame != frames[0]:  # its record was given up: its receiver waits for the end
            before = torn.frame[torn.sent :]
        data = before + b"".join(frames)
        start = torn.sent if torn is not None and not before else 0
        end = start + _write(sock, memoryview(data)[start:], deadline)
        if end == len(data):
            return len(frames), True
        if torn is not None and end < len(before):
            self._torn = _Torn(torn.frame, torn.sent + end)
            return 0, False
        ends = list(itertools.accumulate(map(len, frames), initial=len(before)))
        done = sum(place <= end for place in ends) - 1
        if end > ends[done]:
            self._torn = _Torn(frames[done], end - ends[done])
        return done, False


def _write(sock: socket.socket, view: memoryview, deadline: Deadline) -> int:
    """Write *view* until the deadline; return how much of it the system took."""
    written = 0
    try:
        while written < len(view):
            sock.settimeout(deadline.left())
            written += sock.send(view[written : written + _CHUNK])
    except (TimeoutError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
        pass
    return written


def _is_open(sock: socket.socket) -> bool:
    """Return whether the other side has not closed; what it says is thrown away, for syslog has no answers."""
    try:
        sock.settimeout(0)
        return all(sock.recv(_CHUNK) for _ in range(_CHATTER))
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
