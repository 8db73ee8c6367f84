"""Pipe: a sink that writes to a pipe and waits for whoever reads; lines in, bytes out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import define, field


@define(kw_only=True)
class Pipe:
    """Writes each record as a line to a named pipe."""

    default_format: ClassVar[str] = "json"
    path: str
    _fd: int = field(init=False, default=-1)

    def open(self) -> None:
        """Open the pipe, which somebody has open for reading."""
        self._fd = os.open(self.path, os.O_WRONLY)

    def write(self, batch: Sequence[Any], /) -> None:
        """Write each record as a line, however long it takes."""
        data = b"".join(record.data + b"\n" for record in batch)
        while data:
            data = data[os.write(self._fd, data) :]

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)
