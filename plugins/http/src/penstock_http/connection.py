"""Connection: one connection of urllib3 under a total deadline; a request in, an answer out; the sink's worker; when
the time is over: TimeoutError, whatever the peer does meanwhile.

A socket's timeout restarts with each byte that arrives, so a peer that sends one a second holds a client for ever. Here
every wait on the socket, from the name to the last byte of the answer, gets what is left of one deadline.
"""

from __future__ import annotations

import http.client
import io
import socket
import sys
from time import monotonic
from typing import Any, Final, cast, final

from urllib3.connection import HTTPConnection, HTTPSConnection

from penstock_http.address import Address
from penstock_http.resolve import Found, Resolver

_CHUNK: Final = 65_536
"""Bytes handed to a socket at once: between two of them the deadline is looked at."""


@final
class Deadline:
    """The end of the running attempt; shared by everything that may wait in it."""

    def __init__(self) -> None:
        self._end = 0.0

    def start(self, seconds: float) -> None:
        """Let the attempt end in *seconds*."""
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left.

        Raises:
            TimeoutError: If there are none.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("the attempt's time is over")
        return left


class _Connection(HTTPConnection):
    """What is the same with and without TLS."""

    deadline: Deadline
    resolver: Resolver
    debuglevel = 0  # `http.client.HTTPConnection.debuglevel = 1`, a habit when debugging, prints URLs and headers

    def _new_conn(self) -> socket.socket:
        # urllib3's own would give each address of a host the whole timeout, and the name server no limit at all.
        found = self.resolver.look_up(self.host, self.port, self.deadline.left())
        sock = first_that_answers(found, self.deadline)
        for option in self.socket_options or ():
            sock.setsockopt(*option)
        sys.audit("http.client.connect", self, self.host, self.port)  # as http.client and urllib3 promise
        sock.settimeout(self.deadline.left())  # for the TLS handshake, which takes it as a total
        return sock

    def open(self) -> None:
        """Connect, and put the socket under the deadline."""
        self.connect()
        self.sock = cast("Any", _TimedSocket(cast("socket.socket", self.sock), self.deadline))

    def send_post(self, target: str, body: bytes, headers: dict[str, str]) -> None:
        """Send a request; a peer that stops reading early may have answered already."""
        try:
            self.request("POST", target, body=body, headers=headers)
        except (BrokenPipeError, ConnectionResetError):
            return  # `answer` shows it

    def answer(self) -> http.client.HTTPResponse:
        """Return the answer; its body is not read yet.

        Not by urllib3's `getresponse`: it logs the whole URL as a warning when a header of the answer is malformed.
        """
        return http.client.HTTPConnection.getresponse(self)


@final
class PlainConnection(_Connection):
    """A connection without TLS."""


@final
class TlsConnection(_Connection, HTTPSConnection):
    """A connection with TLS; certificate and host name are verified, by the system's certificates."""


def connection_to(address: Address, deadline: Deadline, resolver: Resolver) -> PlainConnection | TlsConnection:
    """Return a connection to *address*, not open yet."""
    kind = TlsConnection if address.is_encrypted else PlainConnection
    connection = kind(address.host, address.port, timeout=None)
    connection.deadline = deadline
    connection.resolver = resolver
    return connection


def first_that_answers(found: Found, deadline: Deadline) -> socket.socket:
    """Return a socket connected to the first address that can be reached; none may use up the time of the others."""
    trouble = OSError("the host has no address")
    for index, (family, kind, protocol, _, place) in enumerate(found):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.left() / (len(found) - index))
            sock.connect(place)
        except OSError as error:
            sock.close()
            trouble = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise trouble


class _TimedSocket:
    """A connected socket whose every wait is bounded by the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: http.client and urllib3 would undo what the deadline says."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of *data*: for a plain socket the timeout is a total anyway; for TLS nothing promises it."""
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                self._sock.settimeout(self._deadline.left())
                sent += self._sock.send(view[sent : sent + _CHUNK], flags)

    def makefile(self, mode: str = "rb", *_: object, **__: object) -> io.BufferedReader:
        """Return the file from which http.client reads the answer."""
        return io.BufferedReader(_TimedReader(self._sock, self._deadline))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _TimedReader(io.RawIOBase):
    """The reading side of a `_TimedSocket`."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open until this is closed too
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        try:
            self._raw.close()
        finally:
            super().close()
