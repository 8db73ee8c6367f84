"""Sink: finished lines to a standard stream; a batch in; the caller's thread; a reader that is behind is `Unavailable`,
one that is gone `Closed`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import define, field

from penstock.plugin import Closed, Duration, Record
from penstock_stderr.lines import STREAMS


def _not_negative(_: object, __: object, value: float) -> None:
    if value < 0:
        raise ValueError("expected 0 s or more")


@define(kw_only=True)
class _StreamSink:
    """What the two sinks have in common: all but the stream."""

    delivery: ClassVar[Mapping[str, object]] = {"mode": "inline"}
    thread_safe: ClassVar[bool] = True
    fd: ClassVar[int]

    wait: Duration = field(
        default=Duration("0 s"),
        validator=_not_negative,
        metadata={"doc": "How long a write may wait for a reader that is behind; then the line is `stalled`."},
    )
    _missing: bool = field(default=False, init=False)

    def open(self) -> None:
        """Look whether the program was started with the stream at all."""
        # Python leaves both None if the descriptor was closed at the start (`2>&-`). Its number is then given to the
        # next file that is opened, a database perhaps: never write there.
        name = {1: "stdout", 2: "stderr"}[self.fd]
        self._missing = getattr(sys, name) is None and getattr(sys, f"__{name}__") is None

    def write(self, batch: Sequence[Record], /) -> None:
        """Write each record as a line, never waiting longer than `wait`."""
        if self._missing:
            raise Closed("the program was started without this stream")
        STREAMS[self.fd].write([record.data + b"\n" for record in batch], self.wait)


@define(kw_only=True)
class StderrSink(_StreamSink):
    """Writes each record as a line to standard error."""

    default_format: ClassVar[str] = "console"
    fd: ClassVar[int] = 2


@define(kw_only=True)
class StdoutSink(_StreamSink):
    """Writes each record as a line to standard output; what `print` still holds in its buffer comes later."""

    default_format: ClassVar[str] = "stdout"
    fd: ClassVar[int] = 1
