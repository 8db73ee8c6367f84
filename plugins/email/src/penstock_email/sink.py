"""Sink: mails of what happened; a batch in; its worker; each recipient gets each record once, whatever the others meet;
a refused login or certificate closes the sink.

Each recipient is asked for by itself, so that one who is put off, or who moved, costs the others nothing. What became
of a record for each of them is remembered until the record is done with; so the next attempt, which gets the whole
record again, sends it only to those who have not got it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from email.utils import formataddr, parseaddr
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar, Final

from attrs import define, field

from penstock.plugin import Closed, Record, Rejected, Secret, Unavailable, report
from penstock_email.letter import Letter, letter_of
from penstock_email.mail import Envelope
from penstock_email.server import PORTS, Answer, Conversation, Encryption, Server, trust

_ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
"""What RFC 5321 calls a mailbox, without quoted names and addresses in brackets, which nobody has."""
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+")
_REFERENCE: Final = "…"
"""What stands in a list for a reference while a configuration is only checked."""
_AGAIN: Final = 60.0
"""Seconds until a recipient is asked again who was put off while others took the mail."""
_PATIENCE: Final = 900.0
"""Seconds for which such a recipient is waited for; greylists let a server pass after 5 to 15 minutes."""


def _judge_sender(instance: object, attribute: Any, value: str) -> None:
    if not (value.isprintable() and _ADDRESS.fullmatch(parseaddr(value)[1])):
        raise ValueError('expected an address such as "alerts@shop.example" or "Shop <alerts@shop.example>"')


def _judge_recipients(instance: object, attribute: Any, values: Sequence[str]) -> None:
    if not values:
        raise ValueError("expected at least one address")
    for value in values:
        if value != _REFERENCE and not _ADDRESS.fullmatch(value):
            raise ValueError(f'expected an address such as "oncall@shop.example", got {value!r}')


def _judge_host(instance: object, attribute: Any, value: str) -> None:
    if not _HOST.fullmatch(value):
        raise ValueError('expected the name of a mail server, such as "smtp.shop.example"')


def _judge_port(instance: object, attribute: Any, value: int | None) -> None:
    if value is not None and not 1 <= value <= 65_535:
        raise ValueError(f"expected a port from 1 to 65535, got {value}")


@define(kw_only=True)
class EmailSink:
    """Sends a batch as one mail to each recipient.

    `delivered` means that the mail server took it for at least one recipient.
    """

    default_format: ClassVar[str] = "email"
    # A batch is a mail; five seconds, so that what belongs together comes together. Mail servers take their time.
    delivery: ClassVar[Mapping[str, object]] = {
        "mode": "queued",
        "spool": "256 MB",
        "batch": 100,
        "batch_wait": "5 s",
        "timeout": "30 s",
    }

    host: str = field(validator=_judge_host, metadata={"doc": "Mail server that takes the mails."})
    port: int | None = field(
        default=None,
        validator=_judge_port,
        metadata={"doc": "Its port; by default 587, with `tls` 465, with `none` 25."},
    )
    encryption: Encryption = field(
        default="starttls",
        metadata={"doc": "`starttls`, `tls` from the first byte, or `none`, for a server on this machine only."},
    )
    ca_file: Path | None = field(
        default=None, metadata={"doc": "Certificates to trust instead of the system's, as a PEM file."}
    )
    username: Secret | None = field(default=None, metadata={"doc": "For the login; by default there is none."})
    password: Secret | None = field(default=None, metadata={"doc": "Belongs to `username`."})
    sender: str = field(
        validator=_judge_sender,
        metadata={"doc": 'From: `"alerts@shop.example"`, or with a name, `"Shop <alerts@shop.example>"`.'},
    )
    to: list[str] = field(validator=_judge_recipients, metadata={"doc": "Addresses of the recipients."})
    prefix: str = field(default="", metadata={"doc": 'In front of each subject, such as `"[shop]"`.'})
    html: bool = field(default=False, metadata={"doc": "Whether mails have a part in HTML beside the plain text."})
    _server: Server | None = field(default=None, init=False, repr=False)
    _envelope: Envelope | None = field(default=None, init=False, repr=False)
    _fates: dict[tuple[str, bytes], bool] = field(factory=dict, init=False, repr=False)
    """By recipient and record: whether it was taken; not there while it waits."""
    _put_off: dict[str, float] = field(factory=dict, init=False, repr=False)
    """By recipient: since when."""
    _missing: set[str] = field(factory=set, init=False, repr=False)
    """Recipients who do not get what others get, and of whom that was told."""

    def open(self) -> None:
        """Check what one option alone cannot tell, and read the certificates; nothing is sent yet."""
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together; give both or none")
        for secret in (self.username, self.password):
            if secret is not None and not (secret.reveal().isascii() and secret.reveal().isprintable()):
                raise ValueError("username and password of SMTP are printable ASCII")
        if self.encryption == "none" and not _is_this_machine(self.host):
            raise ValueError('without encryption only a server on this machine is used; take encryption = "starttls"')
        if _REFERENCE in self.to:
            raise ValueError("a recipient is no address")
        name, address = parseaddr(self.sender)
        self._server = Server(
            host=self.host,
            port=self.port or PORTS[self.encryption],
            encryption=self.encryption,
            context=None if self.encryption == "none" else trust(self.ca_file),
            username=self.username,
            password=self.password,
        )
        self._envelope = Envelope(
            sender=address,
            shown_sender=formataddr((name, address)),
            to=self.to,
            prefix=self.prefix,
            html=self.html,
        )

    def write(self, batch: Sequence[Record], /) -> None:
        """Send *batch* to every recipient."""
        if self._server is None or self._envelope is None:
            raise Closed("the sink is closed")
        attempt = _Attempt(self, self._envelope, batch)
        trouble: Unavailable | Closed | None = None
        try:
            self._server.talk(attempt.send)
        except (Unavailable, Closed) as error:
            trouble = error.with_traceback(None)
        attempt.conclude(trouble)

    def close(self) -> None:
        """Forget the server; there is no connection between two mails."""
        self._server = None


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


class _Attempt:
    """One attempt to bring a batch to all recipients."""

    def __init__(self, sink: EmailSink, envelope: Envelope, batch: Sequence[Record]) -> None:
        self._sink = sink
        self._envelope = envelope
        self._fates = sink._fates
        self._letters: list[Letter] = [letter_of(record) for record in batch]
        self._keys = [_key(record) for record in batch]
        self._mails: dict[tuple[tuple[int, ...], int], bytes] = {}
        self._code = 0
        present = set(self._keys)
        for known in list(self._fates):
            if known[1] not in present:  # done with, or given up by the core
                del self._fates[known]

    def send(self, conversation: Conversation) -> None:
        """Send to each recipient what it has not got yet."""
        for recipient in self._sink.to:
            places = tuple(place for place, key in enumerate(self._keys) if (recipient, key) not in self._fates)
            if places:
                self._send(conversation, recipient, places)

    def _send(self, conversation: Conversation, recipient: str, places: tuple[int, ...]) -> None:
        """Send the letters at *places* as one mail, as two if it is unwanted, until it is known which one is."""
        data = self._mail(places, conversation.limit)
        if conversation.limit and len(data) > conversation.limit:
            answer, code = Answer.UNWANTED, 552
        else:
            answer, code = conversation.send(self._envelope.sender, recipient, data)
        if answer is Answer.UNWANTED and len(places) > 1:
            middle = len(places) // 2
            self._send(conversation, recipient, places[:middle])
            self._send(conversation, recipient, places[middle:])
            return
        self._note(recipient, places, answer, code)

    def _note(self, recipient: str, places: Sequence[int], answer: Answer, code: int) -> None:
        sink = self._sink
        if answer is Answer.TAKEN:
            sink._put_off.pop(recipient, None)
            sink._missing.discard(recipient)
        else:
            self._code = code
        if answer is Answer.PUT_OFF:
            sink._put_off.setdefault(recipient, monotonic())
            return
        for place in places:
            self._fates[recipient, self._keys[place]] = answer is Answer.TAKEN

    def _mail(self, places: tuple[int, ...], limit: int) -> bytes:
        known = self._mails.get((places, limit))
        if known is None:
            known = self._envelope.mail_of([self._letters[place] for place in places], limit)
            self._mails[places, limit] = known
        return known

    # -- what becomes of the batch ------------------------------------------------------------------------------------

    def conclude(self, trouble: Unavailable | Closed | None) -> None:
        """Return if every record arrived somewhere and nobody has to wait; else raise what the core understands."""
        if trouble is None:
            self._lose_patience()
        self._tell_who_is_missing()
        fates = [self._fates_of(place) for place in range(len(self._keys))]
        waiting = [None in fate for fate in fates]
        front = waiting.index(True) if True in waiting else len(fates)
        refused = [place for place, fate in enumerate(fates) if not any(fate) and None not in fate]
        if front == len(fates):
            self._fates.clear()
            if refused:
                raise Rejected(f"the server refused what was sent ({self._code})", indexes=refused)
            return
        gone = [place for place in refused if place < front]
        if isinstance(trouble, Closed) and not front:
            raise trouble
        if trouble is not None:
            # Of Closed the next attempt will tell again, when it is about a whole batch.
            after = trouble.retry_after if isinstance(trouble, Unavailable) else 0.0
            raise Unavailable(str(trouble), retry_after=after, delivered=front, rejected=gone)
        # An exact pause where somebody gets mails: the core's own would grow, and try one record at a time.
        again = _AGAIN if any(True in fate for fate in fates) else None
        text = f"the server put a recipient off ({self._code})"
        raise Unavailable(text, retry_after=again, delivered=front, rejected=gone)

    def _fates_of(self, place: int) -> list[bool | None]:
        return [self._fates.get((recipient, self._keys[place])) for recipient in self._sink.to]

    def _lose_patience(self) -> None:
        """Wait no longer for a recipient who is put off again and again, for what somebody else has got."""
        now = monotonic()
        late = [recipient for recipient, since in self._sink._put_off.items() if now - since >= _PATIENCE]
        for place, key in enumerate(self._keys):
            if True in self._fates_of(place):
                for recipient in late:
                    self._fates.setdefault((recipient, key), False)

    def _tell_who_is_missing(self) -> None:
        """Report, once, who does not get what others get: each time would be a mail about a mail, for ever."""
        missing = self._sink._missing
        for place in range(len(self._keys)):
            fates = self._fates_of(place)
            for recipient, fate in zip(self._sink.to, fates, strict=True):
                if fate is False and True in fates and recipient not in missing:
                    missing.add(recipient)
                    text = "A recipient of mails was refused; the others got them."
                    report("mail.refused", text, subject=recipient, code=self._code)


def _key(record: Record) -> bytes:
    """Return what tells a record from others, also when it comes again."""
    return hashlib.blake2b(b"%d %s" % (record.time_ns, record.data), digest_size=16).digest()
