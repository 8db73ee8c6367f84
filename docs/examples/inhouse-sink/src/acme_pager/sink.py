"""Sink: pages whoever is on duty; a batch in, one line a page appended to a file; the worker's thread; a missing folder
is `Unavailable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import define, field

from penstock.plugin import Record, Unavailable


@define(kw_only=True)
class PagerSink:
    """Pages somebody, by way of the file that the paging gateway reads."""

    gateway: Path = field(metadata={"doc": "File that the gateway reads."})
    number: str = field(metadata={"doc": "Whom to page."})

    def write(self, batch: Sequence[Record], /) -> None:
        """Append a line for each record."""
        try:
            with self.gateway.open("ab") as file:
                file.writelines(b"%s %s\n" % (self.number.encode(), record.data) for record in batch)
        except FileNotFoundError:
            raise Unavailable("the gateway is not mounted") from None
