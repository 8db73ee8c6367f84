"""The floor: what a program would write for itself, with orjson and one write for each line, as well as one can.

The line has what Penstock's has. There are no levels by name, no handlers, no safety: what `orjson` cannot encode, or
a full disk, raises into the caller.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from time import time_ns
from typing import ClassVar

import orjson

from bench.bound import bind, context
from bench.event import LOGGER, SECRETS, Case, Contender, Form
from bench.stamp import iso

_secrets = frozenset(SECRETS)


def build_info(fd: int, case: Case) -> Callable[..., None]:
    """Return the function that writes a line; each case has its own, as nobody writes code for what is not wanted."""
    frame_of, thread, dumps, write = sys._getframe, threading.current_thread, orjson.dumps, os.write
    pid, node, newline = os.getpid(), socket.gethostname(), orjson.OPT_APPEND_NEWLINE
    stamp = (0, "")

    def now() -> str:
        nonlocal stamp
        millis = time_ns() // 1_000_000
        kept = stamp
        if kept[0] != millis:
            kept = stamp = (millis, iso(millis))
        return kept[1]

    def info(message: str, /, **fields: object) -> None:
        nonlocal stamp
        frame = frame_of(1)
        millis = time_ns() // 1_000_000
        kept = stamp
        if kept[0] != millis:
            kept = stamp = (millis, iso(millis))
        line = {
            "time": kept[1],
            "severity": "info",
            "message": message,
            "logger": LOGGER,
            "module": frame.f_globals["__name__"],
            "function": frame.f_code.co_qualname,
            "line": frame.f_lineno,
            "pid": pid,
            "node": node,
            "thread": thread().name,
            **fields,
        }
        write(fd, dumps(line, option=newline))

    def info_without_caller(message: str, /, **fields: object) -> None:
        line = {
            "time": now(),
            "severity": "info",
            "message": message,
            "logger": LOGGER,
            "pid": pid,
            "node": node,
            "thread": thread().name,
            **fields,
        }
        write(fd, dumps(line, option=newline))

    def info_with_more(message: str, /, **fields: object) -> None:
        if case.context:
            fields = {**context.get(), **fields}
        if case.redact and not _secrets.isdisjoint(fields):
            fields = {key: "[redacted]" if key in _secrets else value for key, value in fields.items()}
        frame = frame_of(1)
        line = {
            "time": now(),
            "severity": "info",
            "message": message,
            "logger": LOGGER,
            "module": frame.f_globals["__name__"],
            "function": frame.f_code.co_qualname,
            "line": frame.f_lineno,
            "pid": pid,
            "node": node,
            "thread": thread().name,
            **fields,
        }
        write(fd, dumps(line, option=newline))

    def exception(message: str, /, **fields: object) -> None:
        frame = frame_of(1)
        line = {
            "time": now(),
            "severity": "error",
            "message": message,
            "logger": LOGGER,
            "module": frame.f_globals["__name__"],
            "function": frame.f_code.co_qualname,
            "line": frame.f_lineno,
            "pid": pid,
            "node": node,
            "thread": thread().name,
            **fields,
            "error": traceback.format_exc(),
        }
        write(fd, dumps(line, option=newline))

    def disabled(message: str, /, **fields: object) -> None:
        pass

    if not case.wanted:
        return disabled
    if case.frames:
        return exception
    if case.redact or case.context:
        return info_with_more
    return info if case.caller else info_without_caller


class HandWritten(Contender):
    """orjson and `os.write`."""

    name: ClassVar[str] = "hand-written"
    form: ClassVar[Form] = Form()

    def __init__(self, path: Path, case: Case) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._info = build_info(self._fd, case)

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        info = self._info
        for number in numbers:
            info("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def emit_error(self, numbers: Iterable[int], fail: Callable[[], None]) -> None:
        """Say it with an exception."""
        exception = self._info
        for number in numbers:
            try:
                fail()
            except ValueError:
                exception("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def emit_shaped(self, numbers: Iterable[int], message: str, fields: Mapping[str, object]) -> None:
        """Say another."""
        info = self._info
        for _ in numbers:
            info(message, **fields)

    def bound(self) -> AbstractContextManager[object]:
        """Return what binds the context."""
        return bind()

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


CONTENDERS = (HandWritten,)
