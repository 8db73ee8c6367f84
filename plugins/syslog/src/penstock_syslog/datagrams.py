"""Datagrams: one message each, over UDP (RFC 5426) or to a local socket; messages in; the sink's worker, or the caller;
`Unavailable` with how many the system took, `Rejected` for what no datagram can hold.

A datagram to a local socket is in the receiver's queue when `send` returns. One over UDP is on its way, and nobody ever
knows more. Only that nobody listens is told, late and not always; then all of the batch counts as not delivered.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final, final

from penstock.plugin import Rejected, Unavailable
from penstock_http import Deadline
from penstock_syslog.connect import Connector, in_words
from penstock_syslog.message import fit

_LEAST: Final = 480
"""Octets below which no message is cut: every receiver takes so many (RFC 5426, section 3.2)."""
_FRESH: Final = 300.0
"""Seconds after which the address of a host is looked up again: over UDP nothing else would tell that it moved."""
_GONE: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE, errno.EDESTADDRREQ})
"""What a local socket says whose receiver was started anew: there is a new one under the same path."""


@final
class Datagrams:
    """Sends messages from one socket, which it opens when there is something to send.

    Args:
        connector: Opens it.
        large: Sends what no datagram can hold, and returns whether it could.
    """

    def __init__(self, connector: Connector, large: Callable[[socket.socket, bytes], bool]) -> None:
        self._connector = connector
        self._large = large
        self._local = connector.address.scheme == "unix"
        self._sock: socket.socket | None = None
        self._pid = 0
        self._since = 0.0

    def send(self, messages: Sequence[bytes], deadline: Deadline) -> None:
        """Send *messages*, in order.

        Raises:
            Unavailable: If not all went out; `delivered` says how many did.
            Rejected: If some are too large for any datagram; the others went out.
        """
        rejected: list[int] = []
        done = 0
        try:
            for message in messages:
                if not self._send(message, deadline):
                    rejected.append(done)
                done += 1
            self._raise_refusal()
        except OSError as error:
            if not isinstance(error, TimeoutError):
                self.close()
                if not self._local:
                    done = 0
                    self._connector.note_refusal()
            late = self._local and isinstance(error, TimeoutError)
            why = f"{self._connector.address}: {'it takes no more in time' if late else in_words(error)}"
            raise Unavailable(why, delivered=done, rejected=rejected) from None
        if rejected:
            raise Rejected("too large for a datagram", indexes=rejected)

    def close(self) -> None:
        """Let go of the socket; calling it twice is fine."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def _send(self, message: bytes, deadline: Deadline) -> bool:
        """Send *message*, to a local receiver that was started anew once more; return whether it could be sent."""
        try:
            return self._send_once(message, deadline)
        except OSError as error:
            if not self._local or error.errno not in _GONE:
                raise
        self.close()
        return self._send_once(message, deadline)

    def _send_once(self, message: bytes, deadline: Deadline) -> bool:
        sock = self._connected(deadline)
        sock.settimeout(deadline.left())
        try:
            sock.send(message)
        except OSError as error:
            if error.errno != errno.EMSGSIZE and not (self._local and error.errno == errno.ENOBUFS):
                raise
            return self._large(sock, message)
        return True

    def _connected(self, deadline: Deadline) -> socket.socket:
        old = not self._local and monotonic() - self._since > _FRESH
        if self._sock is not None and (old or self._pid != os.getpid()):
            self.close()
        if self._sock is None:
            self._pid, self._since = os.getpid(), monotonic()
            self._sock = self._connector.connect(deadline)
        return self._sock

    def _raise_refusal(self) -> None:
        """Raise what the network said of an earlier datagram; on this machine it says so at once."""
        refusal = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if self._sock is not None else 0
        if refusal:
            raise OSError(refusal, os.strerror(refusal))


def send_smaller(sock: socket.socket, message: bytes) -> bool:
    """Send a syslog message cut until a datagram holds it; return whether one did."""
    while len(message) > _LEAST:
        message = fit(message, max(_LEAST, len(message) // 2))
        try:
            sock.send(message)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
        else:
            return True
    return False
