"""Server: one conversation with a mail server under a total deadline; mails in, answers out; the sink's worker; what
goes wrong on the way is Unavailable, a refused login or certificate Closed, and neither shows what a server said.

smtplib speaks; what it does not do is here: a server that sends a byte a second holds it for ever, since the timeout of
a socket restarts with each byte, and its exceptions repeat texts of the server, which may repeat ours.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar, final

from attrs import field, frozen

from penstock.plugin import Closed, Secret, Unavailable, time_left
from penstock_http import Deadline, Resolver, first_that_answers

Encryption: TypeAlias = Literal["starttls", "tls", "none"]

PORTS: Final[dict[str, int]] = {"starttls": 587, "tls": 465, "none": 25}
"""Submission, submission over TLS (RFC 8314), and the relay that many machines have."""
T = TypeVar("T")
_NAME: Final = re.compile(r"[A-Za-z0-9.-]+")
_LEAVE: Final = 1.0
"""Seconds for the server to say goodbye: the mails are taken already."""
_CHUNK: Final = 65_536
"""Bytes handed to a socket at once: between two of them the deadline is looked at."""
_ANSWERS: Final = 1_048_576
"""Bytes of a server's answers in one conversation; a greeting without end must not fill memory."""


@final
class Answer(Enum):
    """What became of one mail to one recipient."""

    TAKEN = "taken"
    PUT_OFF = "put off"
    REFUSED = "refused"
    """The sender or the recipient."""
    UNWANTED = "unwanted"
    """What the mail says, or how large it is."""


class Said(NamedTuple):
    """What became of one mail, and the reply code for it (RFC 5321, section 4.2)."""

    answer: Answer
    code: int


@final
@frozen(kw_only=True)
class Server:
    """Where mails are handed in.

    Attributes:
        host: Its name, which its certificate has to prove.
        port: Its port.
        encryption: TLS from the first byte, after STARTTLS, or none.
        context: What TLS trusts, see `trust`; None without encryption.
        username: For the login; None for no login.
        password: Belongs to it.
    """

    host: str
    port: int
    encryption: Encryption
    context: ssl.SSLContext | None = field(repr=False)
    username: Secret | None = field(default=None, repr=False)
    password: Secret | None = field(default=None, repr=False)
    resolver: Resolver = field(factory=Resolver, repr=False)

    def talk(self, say: Callable[[Conversation], T]) -> T:
        """Connect, log in, let *say* send mails, and take leave; return what *say* returns.

        Called:
            When: from `write` of the sink.
            Thread: its worker.
            May block: up to `time_left` seconds in all.
            If it raises: let it through.

        Raises:
            Unavailable: If the server cannot be reached, breaks off, or asks to come again.
            Closed: If its certificate proves nothing, it offers no encryption, or it refuses the login.
        """
        deadline = Deadline()
        deadline.start(time_left())
        smtp = _Smtp(self, deadline)
        trouble: Unavailable | Closed
        try:
            self._begin(smtp)
            result = say(Conversation(smtp))
            smtp.leave()
            return result
        except ssl.SSLCertVerificationError:
            trouble = Closed(f"the certificate of {self.host} cannot be verified")
        except (OSError, ValueError) as error:  # every exception of smtplib is an OSError
            trouble = self._in_words(error, deadline)
        finally:
            smtp.close()
        # Behind the except blocks: neither __cause__ nor __context__ leads to what the server said.
        raise trouble

    def _begin(self, smtp: _Smtp) -> None:
        """Have a conversation in which mails can be sent: encrypted and logged in, if that is wanted."""
        _expect(smtp.connect(self.host, self.port), 220)
        smtp.ehlo_or_helo_if_needed()
        if self.encryption == "starttls":
            if not smtp.has_extn("starttls"):
                raise Closed(f"{self.host} offers no STARTTLS; nothing is sent unencrypted")
            smtp.encrypt()
            smtp.ehlo_or_helo_if_needed()
        if self.username is not None and self.password is not None:
            if not smtp.has_extn("auth"):
                raise Closed(f"{self.host} offers no login")
            smtp.login(self.username.reveal(), self.password.reveal())

    def _in_words(self, error: Exception, deadline: Deadline) -> Unavailable | Closed:
        """Return what happened in words of our own: those of a server may repeat ours."""
        if isinstance(error, smtplib.SMTPAuthenticationError):
            if 400 <= error.smtp_code <= 499:
                return Unavailable(f"{self.host} cannot check the login now ({error.smtp_code})")
            return Closed(f"{self.host} refused the login ({error.smtp_code}); look at username and password")
        if type(error) is smtplib.SMTPException:  # the one that `login` raises by itself
            return Closed(f"{self.host} offers no way to log in that we know")
        if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
            return Unavailable(f"{self.host} answered {error.smtp_code}")
        if isinstance(error, socket.gaierror):
            return Unavailable(f"{self.host}: the name cannot be resolved")
        if isinstance(error, ConnectionRefusedError):
            return Unavailable(f"{self.host}: the connection was refused")
        if isinstance(error, TimeoutError) or _is_over(deadline):  # smtplib makes a broken connection of a timeout
            return Unavailable(f"{self.host}: no answer in time")
        if isinstance(error, ssl.SSLError):
            return Unavailable(f"{self.host}: no secure connection")
        return Unavailable(f"{self.host}: the connection broke")


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return what verifies a certificate and its name: by the system's authorities, or those of *ca_file* alone.

    Raises:
        OSError: If *ca_file* cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = _TlsSocket
    return context


@final
class Conversation:
    """A server that listens."""

    def __init__(self, smtp: _Smtp) -> None:
        self._smtp = smtp

    @property
    def limit(self) -> int:
        """The most bytes of a mail that the server takes (RFC 1870), or 0 if it does not say."""
        size = self._smtp.esmtp_features.get("size", "")
        return int(size) if size.isascii() and size.isdigit() else 0

    def send(self, sender: str, recipient: str, data: bytes) -> Said:
        """Hand in one mail for one recipient.

        Raises:
            OSError: If the connection breaks, or its time is over; then nobody knows whether the mail was taken.
        """
        smtp = self._smtp
        code, _ = smtp.mail(sender, [f"size={len(data)}"] if smtp.has_extn("size") else ())
        said = _judge(code, Answer.UNWANTED if code == 552 else Answer.REFUSED)  # 552: larger than it takes
        if said.answer is Answer.TAKEN:
            code, _ = smtp.rcpt(recipient)
            said = _judge(code, Answer.REFUSED)
        if said.answer is Answer.TAKEN:
            try:
                code, _ = smtp.data(data)
            except smtplib.SMTPDataError as error:
                code = error.smtp_code
            said = _judge(code, Answer.UNWANTED)
        if said.answer is not Answer.TAKEN:
            smtp.begin_anew()
        return said


def _judge(code: int, refused: Answer) -> Said:
    """Return what *code* means, a refusal being *refused*.

    Raises:
        smtplib.SMTPResponseException: If the server ends the conversation, or says what is no answer.
    """
    if 200 <= code <= 299:
        return Said(Answer.TAKEN, code)
    if 400 <= code <= 499 and code != 421:
        return Said(Answer.PUT_OFF, code)
    if 500 <= code <= 599:
        return Said(refused, code)
    raise smtplib.SMTPResponseException(code, "")


def _expect(reply: tuple[int, bytes], code: int) -> None:
    if reply[0] != code:
        raise smtplib.SMTPResponseException(reply[0], "")


def _is_over(deadline: Deadline) -> bool:
    try:
        deadline.left()
    except TimeoutError:
        return True
    return False


@final
class _Smtp(smtplib.SMTP):
    """smtplib's client, under the deadline."""

    debuglevel = 0  # `smtplib.SMTP.debuglevel = 1`, a habit when debugging, prints passwords

    def __init__(self, server: Server, deadline: Deadline) -> None:
        own = socket.gethostname()
        # With a name given: smtplib would ask the name server for ours, without any limit of time.
        super().__init__(local_hostname=own if _NAME.fullmatch(own) else "[127.0.0.1]")
        self._server = server
        self._deadline = deadline

    def _get_socket(self, host: str, port: int, timeout: object) -> Any:
        found = self._server.resolver.look_up(host, port, self._deadline.left())
        sock = first_that_answers(found, self._deadline)
        plain = _PlainSocket(sock.family, sock.type, sock.proto, sock.detach())
        plain.deadline = self._deadline
        return self._encrypted(plain) if self._server.encryption == "tls" else plain

    def _encrypted(self, plain: _PlainSocket) -> Any:
        assert self._server.context is not None  # there is one wherever there is encryption
        try:
            plain.settimeout(self._deadline.left())  # for the handshake, which takes it as a total
            sock = self._server.context.wrap_socket(plain, server_hostname=self._server.host)
        except BaseException:
            plain.close()
            raise
        sock.deadline = self._deadline  # type: ignore[attr-defined]  # a _TlsSocket, the context says so
        return sock

    def encrypt(self) -> None:
        """Do what `starttls` does, with a socket under the deadline."""
        _expect(self.docmd("STARTTLS"), 220)
        self.sock = self._encrypted(self.sock)  # type: ignore[arg-type]
        # Nothing of what was said before can be trusted, not what was read ahead either (RFC 3207, section 4.2).
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    def begin_anew(self) -> None:
        """Be ready for the next mail after one that was not taken; if that fails, the next one will tell."""
        try:
            self.rset()
        except OSError:
            return

    def leave(self) -> None:
        """Take leave; whether the server answers does not matter any more."""
        try:
            self._deadline.start(_LEAVE)
            self.docmd("QUIT")
        except OSError:
            return


class _Timed:
    """A socket whose every wait is bounded by the deadline, and that takes a bounded number of bytes."""

    deadline: Deadline | None = None
    received = 0

    def recv_into(self: Any, buffer: Any, nbytes: Any = 0, flags: int = 0) -> int:
        if self.deadline is not None:
            self.settimeout(self.deadline.left())
        count = int(super().recv_into(buffer, nbytes, flags))  # type: ignore[misc]
        self.received += count
        if self.received > _ANSWERS:
            raise OSError("the server does not stop talking")
        return count

    def sendall(self: Any, data: Any, flags: int = 0) -> None:
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                if self.deadline is not None:
                    self.settimeout(self.deadline.left())
                sent += self.send(view[sent : sent + _CHUNK], flags)


class _PlainSocket(_Timed, socket.socket):
    """Without TLS."""


class _TlsSocket(_Timed, ssl.SSLSocket):
    """With TLS."""
