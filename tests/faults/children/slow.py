"""Slow: a sink that takes its time for each batch, and only one thread at a time; lines in, a file out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import sleep
from typing import Any, ClassVar

from attrs import define, field


@define(kw_only=True)
class Slow:
    """Appends each record to a file, after a nap; its core's lock is nearly always held."""

    default_format: ClassVar[str] = "json"
    path: str
    nap: float = 0.001
    _fd: int = field(init=False, default=-1)

    def open(self) -> None:
        """Open the file."""
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, batch: Sequence[Any], /) -> None:
        """Write each record as a line."""
        sleep(self.nap)
        os.write(self._fd, b"".join(record.data + b"\n" for record in batch))
