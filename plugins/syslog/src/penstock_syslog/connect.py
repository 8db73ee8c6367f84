"""Connect: a socket to where messages go; an address in, a connected socket out; the sink's worker; within the time of
the attempt, or `TimeoutError`; what else is in the way is an `OSError`.
"""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
import sys
from pathlib import Path
from typing import Final, final

from attrs import frozen

from penstock.plugin import Secret
from penstock_http import Deadline, Found, Resolver, first_that_answers
from penstock_syslog.address import Address

_SILENCE: Final = 30
"""Seconds after which a connection without a sign of life is asked for one, and closed if none comes."""
_ASK_EVERY: Final = 10
_ASK_TIMES: Final = 3
_SETTLE: Final = 0.25
"""Seconds, at most, to wait once for what a server says directly behind the handshake."""


@final
@frozen(kw_only=True)
class Identity:
    """What TLS needs to know of both sides.

    Attributes:
        ca: File with the certificates that may vouch for the server; None: those of the system.
        certificate: File with our own certificate, and perhaps its key; None: we have none.
        key: File with its key.
        key_password: Opens the key.
        server_name: Name in the server's certificate, if it is not that of the address.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None
    server_name: str = ""

    def context(self) -> ssl.SSLContext:
        """Return what a connection needs; files are read anew, since certificates are renewed while programs run.

        Raises:
            OSError: If a file cannot be read, or holds no certificate or key.
        """
        context = ssl.create_default_context(cafile=self.ca)  # verifies certificate and name, and nothing turns it off
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            # Without a password OpenSSL would ask on the terminal; an empty one is wrong, and says so.
            password = self.key_password.reveal() if self.key_password is not None else ""
            context.load_cert_chain(self.certificate, self.key, password)
        return context


@final
class Connector:
    """Connects to one address.

    Args:
        address: Where to.
        identity: For TLS.
    """

    def __init__(self, address: Address, identity: Identity) -> None:
        self.address = address
        self._identity = identity
        self._resolver = Resolver()
        self._refused = 0

    def connect(self, deadline: Deadline) -> socket.socket:
        """Return a connected socket.

        Raises:
            OSError: If there is none to be had now; `TimeoutError` if that is not known in time.
        """
        if self.address.scheme == "unix":
            return _to_path(self.address.path)
        found = self._resolver.look_up(self.address.host, self.address.port, deadline.left())
        if self.address.scheme == "udp":
            return self._to_one_of(found)
        sock = first_that_answers(found, deadline)
        try:
            _look_after(sock)
            if self.address.scheme == "tls":
                sock = self._encrypted(sock, deadline)  # takes the descriptor over
                _hear_verdict(sock, deadline)
        except BaseException:
            sock.close()
            raise
        return sock

    def note_refusal(self) -> None:
        """Begin with the next address of the host from now on: a datagram tells too late that nobody listens at one."""
        self._refused += 1

    def _to_one_of(self, found: Found) -> socket.socket:
        """Return a socket for datagrams to the first address that there is a way to."""
        first = self._refused % len(found)
        trouble = OSError(errno.EADDRNOTAVAIL, "the host has no address")
        for family, _, _, _, place in (*found[first:], *found[:first]):
            try:
                return _connected(socket.socket(family, socket.SOCK_DGRAM), place)
            except OSError as error:
                trouble = error
        raise trouble

    def _encrypted(self, sock: socket.socket, deadline: Deadline) -> ssl.SSLSocket:
        context = self._identity.context()
        sock.settimeout(deadline.left())  # the handshake takes it as a total
        return context.wrap_socket(sock, server_hostname=self._identity.server_name or self.address.host)


def _hear_verdict(sock: socket.socket, deadline: Deadline) -> None:
    """Wait for what a server thinks of our certificate, which from TLS 1.3 on it says behind the handshake.

    It comes before any ticket (RFC 8446, section 2), and what was written in the meantime would be lost.

    Raises:
        OSError: If it refuses us.
    """
    if not isinstance(sock, ssl.SSLSocket) or sock.version() != "TLSv1.3":
        return
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        selector.select(min(_SETTLE, deadline.left()))
    sock.settimeout(0)
    try:
        if not sock.recv(1):
            raise ConnectionAbortedError("closed behind the handshake")
    except ssl.SSLWantReadError:
        return  # tickets, or nothing: the server is content


def _to_path(path: str) -> socket.socket:
    if sys.platform == "win32":
        raise OSError(errno.EAFNOSUPPORT, "this system has no such sockets")
    return _connected(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), path)


def _connected(sock: socket.socket, place: object) -> socket.socket:
    try:
        sock.connect(place)  # type: ignore[arg-type]
    except BaseException:
        sock.close()
        raise
    return sock


def _look_after(sock: socket.socket) -> None:
    """Let the system find out when the other side is gone without a word."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the end of a batch waits for nothing
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _ASK_EVERY)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _ASK_TIMES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE * 1_000)


def in_words(error: OSError) -> str:
    """Return what happened, in words that hold nothing of what was sent.

    Example:
        >>> in_words(ConnectionRefusedError())
        'the connection was refused'
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate cannot be verified ({error.verify_message})"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ssl.SSLError):
        return f"no secure connection ({error.reason or 'it ended'})"
    if isinstance(error, ConnectionError):
        return "the connection broke"
    return error.strerror or "it cannot be reached"
