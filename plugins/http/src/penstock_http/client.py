"""Client: posts to one URL; bytes in, a Reply out; the sink's worker; whatever goes wrong on the way is Unavailable, a
certificate that does not fit is Closed, and none of them shows the URL.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
from collections.abc import Mapping
from time import monotonic
from typing import Final, final

from urllib3.exceptions import HTTPError
from urllib3.util.ssl_match_hostname import CertificateError

from penstock.plugin import Closed, Secret, Unavailable, time_left
from penstock_http.address import Address
from penstock_http.connection import Deadline, PlainConnection, TlsConnection, connection_to
from penstock_http.reply import Reply
from penstock_http.resolve import Resolver

BODY_LIMIT: Final = 65_536
"""Bytes of an answer that are read; what is behind them is nobody's business, and may be endless."""
_CHUNK: Final = 8_192
_HEADER: Final = re.compile(r"[ -~]*")
_IDLE: Final = 30.0
"""Seconds after which a kept connection is not trusted: routers forget it silently, and the next request would hang."""


@final
class HttpClient:
    """Posts to one URL, and keeps the connection for the next time.

    No retries (the core retries), no redirects (they would tell the URL to somebody else), no proxy from the
    environment, and certificates are always verified. One attempt takes at most `penstock.plugin.time_left` seconds in
    all: name, TLS, request and answer. A forked child connects anew.

    The URL is in no log line, exception, `repr` or local variable of a frame that an exception shows.

    Args:
        url: Where to post. A `Secret` where it holds a token.
        headers: For each request, such as ``Authorization``; values may be a `Secret`.

    Raises:
        ValueError: If *url* is no URL of HTTP, or a header holds what a header cannot.

    Example:
        >>> HttpClient(Secret("https://chat.example/hook/s3cr3t"))
        <HttpClient to chat.example>
    """

    def __init__(self, url: Secret | str, *, headers: Mapping[str, Secret | str] | None = None) -> None:
        self.address = Address.parse(url)
        self._headers = dict(headers or {})
        if not all(_HEADER.fullmatch(_revealed(value)) for value in self._headers.values()):
            raise ValueError("a header holds a line end, a control or a non-ASCII character")
        self._deadline = Deadline()
        self._resolver = Resolver()
        self._connection: PlainConnection | TlsConnection | None = None
        self._pid = 0
        self._used = 0.0

    def __repr__(self) -> str:
        address = getattr(self, "address", None)  # none yet, in a traceback of `__init__` that shows local variables
        return f"<HttpClient to {address.host if address is not None else 'nowhere'}>"

    def post(self, body: bytes, *, content_type: str = "application/json") -> Reply:
        """Post *body* and return the answer, whatever its status.

        Called:
            When: from `write` of a sink; `raise_for` turns the answer into what the core understands.
            Thread: the sink's worker; one call at a time.
            May block: up to `time_left` seconds.
            If it raises: let it through.

        Raises:
            Unavailable: If there is no answer, or only a part of one.
            Closed: If the server's certificate does not prove that it is the server.
        """
        self._deadline.start(time_left())
        trouble: Closed | Unavailable
        try:
            return self._exchange(body, content_type)
        except (ssl.SSLCertVerificationError, CertificateError):
            trouble = Closed(f"the certificate of {self.address.host} cannot be verified")
        except (OSError, http.client.HTTPException, HTTPError, ValueError) as error:
            # ValueError: http.client on a chunk of negative size. URL and headers were checked before.
            trouble = Unavailable(f"{self.address.host}: {_in_words(error)}")
        # Here, behind the except blocks, so that neither __cause__ nor __context__ leads to what holds the URL.
        raise trouble

    def close(self) -> None:
        """Let go of the connection; calling it twice is fine."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self, body: bytes, content_type: str) -> Reply:
        """Send one request and read its answer; keep the connection if both went well."""
        connection = self._open()
        kept = False
        try:
            connection.send_post(_revealed(self.address.target), body, self._shown_headers(content_type))
            response = connection.answer()
            try:
                reply, whole = _read(response)
                kept = whole and not response.will_close
            finally:
                response.close()
        finally:
            if not kept:
                self.close()
        self._used = monotonic()
        return reply

    def _open(self) -> PlainConnection | TlsConnection:
        """Return a connection of this process that looks alive."""
        connection = self._connection
        if connection is not None:
            if self._pid == os.getpid() and monotonic() - self._used < _IDLE and connection.is_connected:
                return connection
            self.close()  # a copy in a forked child is closed there alone: the parent's descriptor is its own
        self._pid = os.getpid()
        self._connection = connection = connection_to(self.address, self._deadline, self._resolver)
        try:
            connection.open()
        except BaseException:
            self.close()
            raise
        return connection

    def _shown_headers(self, content_type: str) -> dict[str, str]:
        own = {"Content-Type": content_type, "Accept": "application/json", "User-Agent": "penstock-http"}
        return own | {name: _revealed(value) for name, value in self._headers.items()}


def _revealed(value: Secret | str) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _read(response: http.client.HTTPResponse) -> tuple[Reply, bool]:
    """Return the answer, and whether its body was read to the end."""
    body = bytearray()
    while len(body) < BODY_LIMIT:
        chunk = response.read(min(_CHUNK, BODY_LIMIT - len(body)))
        if not chunk:
            break
        body += chunk
    whole = response.isclosed()
    if whole and response.length:  # less came than was announced; http.client says so only to who reads without a limit
        raise http.client.IncompleteRead(b"")
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Reply(status=response.status, headers=headers, body=bytes(body)), whole


def _in_words(error: Exception) -> str:
    """Return what happened, in words of our own: a foreign text may hold the URL."""
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ConnectionError):
        return "the connection broke"
    if isinstance(error, ssl.SSLError):
        return "no secure connection"
    if isinstance(error, OSError):
        return f"cannot be reached ({os.strerror(error.errno)})" if error.errno else "cannot be reached"
    return "the answer was cut or is no HTTP"
