"""Mail servers on 127.0.0.1 for tests of the email sink: a real one that does as told, and one that breaks rules."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

Judge = Callable[[str], str]
"""Called with an address, or with the data of a mail; returns the server's reply."""


def accept(what: str) -> str:
    return "250 OK"


class MailServer:
    """A real SMTP server in a thread.

    Attributes:
        mail, rcpt, data: Judge what comes; they may be replaced at any time.
        taken: Recipient and mail of everything that was taken, in order.
        raw: The data of every mail that was handed in.
        logins: What clients logged in with.
        login_refusals: What it says to the next logins instead of looking at them.
        asked: Every address and mail that it was asked to judge.
        encrypted: For each mail, whether it came after STARTTLS.
    """

    def __init__(
        self,
        *,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        size: int = 33_554_432,
    ) -> None:
        self.mail: Judge = accept
        self.rcpt: Judge = accept
        self.data: Judge = accept
        self.taken: list[tuple[str, EmailMessage]] = []
        self.raw: list[bytes] = []
        self.logins: list[tuple[str, str]] = []
        self.login_refusals: list[str] = []
        self.asked: list[str] = []
        self.encrypted: list[bool] = []
        self._login = login
        self._loop = asyncio.new_event_loop()
        options: dict[str, Any] = {"data_size_limit": size, "hostname": "mail.test", "loop": self._loop}
        if starttls is not None:
            options |= {"tls_context": starttls, "require_starttls": True}
        if login is not None:
            options |= {"authenticator": self._authenticate, "auth_required": True}
            options |= {"auth_require_tls": False} if tls is not None else {}
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(options, tls, started), daemon=True)
        self._thread.start()
        started.wait()

    def _run(self, options: dict[str, Any], tls: ssl.SSLContext | None, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        make = self._loop.create_server(lambda: SMTP(self, **options), "127.0.0.1", 0, ssl=tls)
        server = self._loop.run_until_complete(make)
        self.port = int(server.sockets[0].getsockname()[1])
        started.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(asyncio.sleep(0.01))  # let transports close
        self._loop.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = data.login.decode(), data.password.decode()
        self.logins.append(given)
        if self.login_refusals:
            return AuthResult(success=False, handled=False, message=self.login_refusals.pop(0))
        if given == self._login:
            return AuthResult(success=True)
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 no {given[1]} here")

    # -- what aiosmtpd calls ------------------------------------------------------------------------------------------

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        self.encrypted.append(session.ssl is not None)
        envelope.mail_from = address
        return self._judged(self.mail, address)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        reply = self._judged(self.rcpt, address)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.raw.append(envelope.content)
        reply = self._judged(self.data, envelope.content.decode("utf-8", "replace"))
        if reply.startswith("2"):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.taken += [(address, message) for address in envelope.rcpt_tos]
        return reply

    def _judged(self, judge: Judge, what: str) -> str:
        self.asked.append(what)
        return judge(what)

    # -- what tests read ----------------------------------------------------------------------------------------------

    def texts(self, recipient: str | None = None) -> list[str]:
        """Return the plain text of every mail that was taken, for *recipient* or anybody."""
        return [text_of(message) for address, message in self.taken if recipient in (None, address)]


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


class RawServer:
    """Does to each connection what a function says, in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket, threading.Event], None]) -> None:
        self._serve = serve
        self.ending = threading.Event()
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._peers: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self.ending.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._peers.append(peer)
            thread = threading.Thread(target=self._guarded, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _guarded(self, peer: socket.socket) -> None:
        try:
            with peer:
                self._serve(peer, self.ending)
        except OSError:  # the client went away, or the test is over
            return

    def close(self) -> None:
        self.ending.set()
        for sock in (self._listener, *self._peers):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()


def reset(peer: socket.socket) -> None:
    """Break the connection with RST."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def read_line(peer: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = peer.recv(1)
        if not byte:
            raise OSError("gone")
        line += byte
    return line
