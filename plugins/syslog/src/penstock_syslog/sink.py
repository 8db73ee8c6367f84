"""Sink: records as RFC 5424 messages to a syslog server; a batch in; its worker, or the caller; what does not go out is
`Unavailable`, and what was doubtful is sent again.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from attrs import Attribute, define, field

from penstock.plugin import Closed, Record, Secret, Size, time_left
from penstock_http import Deadline
from penstock_syslog.address import HOST, Address
from penstock_syslog.connect import Connector, Identity
from penstock_syslog.datagrams import Datagrams, send_smaller
from penstock_syslog.header import Header
from penstock_syslog.message import fit
from penstock_syslog.stream import Stream
from penstock_syslog.text import on_one_line

_UDP_SIZE: Final = 1_400
"""Fits one packet of an Ethernet, with room for a tunnel: RFC 5426, section 3.2, recommends no more than that."""
_LEAST: Final = 480


def _judge_url(instance: object, attribute: Attribute[Any], url: str) -> None:
    Address.parse(url)


def _judge_name(instance: object, attribute: Attribute[Any], name: str) -> None:
    if name and (not HOST.fullmatch(name) or name.startswith(".")):
        raise ValueError("expected the name of a host, or an IP address")


def _judge_size(instance: object, attribute: Attribute[Any], size: int | None) -> None:
    if size is not None and size < _LEAST:
        raise ValueError(f"expected {_LEAST} B or more, which every receiver takes")


@define(kw_only=True)
class SyslogSink:
    """Sends each record as a message to a syslog server.

    `delivered` means that the system took every byte; no transport of syslog can say more.
    """

    default_format: ClassVar[str] = "rfc5424"
    delivery: ClassVar[Mapping[str, object]] = {"mode": "queued", "spool": "256 MB"}

    url: str = field(
        validator=_judge_url,
        metadata={"doc": "`udp://host:514`, `tcp://host:601`, `tls://host:6514`, or `unix://` and a path."},
    )
    ca: Path | None = field(
        default=None, metadata={"doc": "File with the certificates that may vouch for the server; else the system's."}
    )
    certificate: Path | None = field(
        default=None, metadata={"doc": "File with the certificate that we show the server, and perhaps its key."}
    )
    key: Path | None = field(default=None, metadata={"doc": "File with the key of `certificate`."})
    key_password: Secret | None = field(default=None, metadata={"doc": "Password of the key."})
    server_name: str = field(
        default="",
        validator=_judge_name,
        metadata={"doc": "Name in the server's certificate, if it is not the host of `url`."},
    )
    max_size: Size | None = field(
        default=None,
        validator=_judge_size,
        metadata={"doc": "Bytes of a message; 1,400 over UDP, else as many as its format has made."},
    )
    _limit: int | None = field(default=None, init=False, repr=False)
    _header: Header = field(init=False, repr=False, factory=Header)
    _link: Stream | Datagrams | None = field(default=None, init=False, repr=False)

    def open(self) -> None:
        """Check what needs no network; the connection is opened with the first record."""
        address = Address.parse(self.url)
        identity = Identity(
            ca=self.ca,
            certificate=self.certificate,
            key=self.key,
            key_password=self.key_password,
            server_name=self.server_name,
        )
        if address.scheme == "tls":
            _checked(identity)
        self._limit = _UDP_SIZE if self.max_size is None and address.scheme == "udp" else self.max_size
        connector = Connector(address, identity)
        self._link = Stream(connector) if address.scheme in ("tcp", "tls") else Datagrams(connector, send_smaller)

    def write(self, batch: Sequence[Record], /) -> None:
        """Send *batch*, in order."""
        if self._link is None:
            raise Closed("the sink is closed")
        deadline = Deadline()
        deadline.start(time_left())
        self._link.send([self._message(record) for record in batch], deadline)

    def close(self) -> None:
        """Let go of the connection."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _message(self, record: Record) -> bytes:
        """Return *record* as a message: as its format wrote it, or any other format's text behind a header of ours."""
        message = record.data
        if record.format != "rfc5424":
            # No BOM: whether the text is meant to be read by people or parsed, its format knows and we do not.
            text = on_one_line(message.decode("utf-8", "replace"))
            message = f"{self._header.write(record.level, record.time_ns, 0, record.name)}- {text}".encode()
        return message if self._limit is None else fit(message, self._limit)


def _checked(identity: Identity) -> None:
    """Raise ValueError if a file of *identity* cannot be used, without a word of what is in it."""
    if (identity.key is not None or identity.key_password is not None) and identity.certificate is None:
        raise ValueError("'key' is the key of a 'certificate', and there is none")
    try:
        identity.context()
    except OSError as error:
        wrong = "no certificate, no key, one that belongs to another, or a wrong password"
        why = wrong if isinstance(error, ssl.SSLError) else error.strerror
    else:
        return
    files = [str(path) for path in (identity.ca, identity.certificate, identity.key) if path is not None]
    raise ValueError(f"cannot use {' and '.join(files) or 'the certificates of the system'}: {why}")
