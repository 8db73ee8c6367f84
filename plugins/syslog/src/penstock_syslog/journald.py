"""Sink: records as entries of the systemd journal; a batch in; its worker, or the caller; a journal that does not take
them is `Unavailable`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from attrs import define, field

from penstock.plugin import Closed, Record, level_of, time_left
from penstock_http import Deadline
from penstock_syslog.address import Address
from penstock_syslog.connect import Connector, Identity
from penstock_syslog.datagrams import Datagrams
from penstock_syslog.header import program_name
from penstock_syslog.native import entry_of, send_as_file


@define(kw_only=True)
class JournaldSink:
    """Sends each record as an entry to journald, in its own protocol.

    `delivered` means that the entry is in the queue of journald's socket, which outlives a restart of journald.
    """

    default_format: ClassVar[str] = "journald"
    delivery: ClassVar[Mapping[str, object]] = {"mode": "queued", "spool": "256 MB"}

    path: Path = field(default=Path("/run/systemd/journal/socket"), metadata={"doc": "The socket of journald."})
    _link: Datagrams | None = field(default=None, init=False, repr=False)

    def open(self) -> None:
        """Check the system; the socket is opened with the first record."""
        if sys.platform != "linux":
            raise ValueError("there is a journal on Linux alone")
        self._link = Datagrams(Connector(Address("unix", path=str(self.path)), Identity()), send_as_file)

    def write(self, batch: Sequence[Record], /) -> None:
        """Send *batch*, in order."""
        if self._link is None:
            raise Closed("the sink is closed")
        deadline = Deadline()
        deadline.start(time_left())
        self._link.send([entry_of(_fields(record)) for record in batch], deadline)

    def close(self) -> None:
        """Let go of the socket."""
        link, self._link = self._link, None
        if link is not None:
            link.close()


def _fields(record: Record) -> Mapping[str, object]:
    """Return the fields of *record*: as its format wrote them, or any other format's text as the message."""
    if record.format == "journald":
        fields: dict[str, object] = json.loads(record.data)
        return fields
    return {
        "MESSAGE": record.data.decode("utf-8", "replace"),
        "PRIORITY": level_of(record.level).syslog,
        "SYSLOG_IDENTIFIER": program_name(),
        "LOGGER": record.name,
    }
