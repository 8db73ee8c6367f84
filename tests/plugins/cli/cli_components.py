"""Components for the tests of the command line; named in documents as ``python:cli_components:Class``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from attrs import define

from penstock.plugin import Event, Record, Rejected, Resume, Secret, Unavailable


@define(kw_only=True)
class KeepSink:
    """Appends each record to a file."""

    path: Path
    delivery: ClassVar[dict[str, object]] = {"mode": "inline"}

    def write(self, batch: Sequence[Record], /) -> None:
        with self.path.open("ab") as out:
            out.writelines(record.data + b"\n" for record in batch)


@define(kw_only=True)
class RefuseSink:
    """Refuses everything."""

    token: Secret | None = None
    delivery: ClassVar[dict[str, object]] = {"mode": "inline"}

    def write(self, batch: Sequence[Record], /) -> None:
        raise Rejected("not today")


@define(kw_only=True)
class DownSink:
    """Is never there."""

    def write(self, batch: Sequence[Record], /) -> None:
        raise Unavailable("nobody answers", retry_after=0.05)


@define(kw_only=True)
class Consumer:
    """A source: it says that it was started."""

    path: Path

    def start(self, emit: Resume, /) -> None:
        self.path.write_text("started")


@define(kw_only=True)
class Stop:
    """A stage that stops everything."""

    def emit(self, event: Event, /) -> Event | None:
        return None


@define(kw_only=True)
class HideToken:
    """A redactor of one key."""

    def redact_key(self, key: str, /) -> object:
        return (lambda value: "[hidden]") if key == "token" else None


class Raw:
    """A format whose bytes are no text."""

    def format(self, event: Event, /) -> bytes:
        return b"\xff\x00\xfe"


class Broken:
    """A format that raises."""

    def format(self, event: Event, /) -> bytes:
        raise ValueError("broken")
