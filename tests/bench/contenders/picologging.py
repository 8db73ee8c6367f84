"""picologging: the standard library's logging, rewritten in C, with orjson.

It drops `extra` (https://github.com/microsoft/picologging/issues/195), so the fields are the message's one argument. It
deadlocks with more than one thread (https://github.com/microsoft/picologging/issues/207), so it is in no measure with
threads. It names its caller's caller: there is a function and a line in its output, but not the right ones.
"""

from __future__ import annotations

import queue
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import orjson
import picologging
from picologging.handlers import QueueHandler, QueueListener

from bench import hung
from bench.event import LOGGER, Case, Contender, Form, Unsupported
from bench.stamp import Stamp

_FORM = Form(caller=("", "", ""), note="wrong caller; deadlocks with more than one thread that logs")


class OneLine(picologging.Formatter):  # type: ignore[misc,unused-ignore]  # it has no types where it does not install
    """Writes a record as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self._stamp = Stamp()
        self._node = socket.gethostname()

    def format(self, record: Any) -> str:
        """Return the line."""
        line = {
            "time": self._stamp.text(int(record.created * 1_000)),
            "severity": record.levelname,
            "message": record.msg,
            "logger": record.name,
            "module": record.module,
            "function": record.funcName,
            "line": record.lineno,
            "pid": record.process,
            "node": self._node,
            "thread": record.threadName,
            **record.args,
        }
        return orjson.dumps(line).decode()


def refuse(case: Case) -> None:
    """Raise what a table can print for what the library does not have."""
    for name in ("redact", "context"):
        if getattr(case, name):
            raise Unsupported(f"{name}: it has no such thing, and no `extra`")
    if not case.caller:
        raise Unsupported("caller: it always looks for it")


class Hung(picologging.Handler):  # type: ignore[misc,unused-ignore]
    """Somewhere nothing ever arrives."""

    def emit(self, record: Any) -> None:
        """Wait."""
        hung.hang()


class Picologging(Contender):
    """FileHandler, a formatter with orjson."""

    name: ClassVar[str] = "picologging, orjson"
    form: ClassVar[Form] = _FORM

    def __init__(self, path: Path, case: Case) -> None:
        refuse(case)
        self._case = case
        self._file = picologging.FileHandler(str(path))
        self._file.setFormatter(OneLine())
        self._log = picologging.getLogger(LOGGER)
        self._log.setLevel(picologging.INFO if case.wanted else picologging.ERROR)
        self._log.addHandler(self._handler())

    def _handler(self) -> Any:
        return self._file

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        for number in numbers:
            fields = {"symbol": "BTCUSDT", "side": "buy", "qty": number, "price": 64000.5, "live": True}
            log.info("order filled", fields)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Queued(Picologging):
    """Its QueueHandler, which formats on the caller, on a Queue; its QueueListener writes the text."""

    name = "picologging, QueueHandler"

    def _handler(self) -> Any:
        waiting: Any = queue.Queue(-1)
        handler = QueueHandler(waiting)
        handler.setFormatter(OneLine())
        self._file.setFormatter(picologging.Formatter("%(message)s"))
        self._listener = QueueListener(waiting, self._file)
        self._listener.start()
        return handler

    def close(self) -> None:
        """Write what waits."""
        hung.let_go()
        self._listener.stop()
        super().close()


class Unprepared(QueueHandler):  # type: ignore[misc,unused-ignore]
    """Hands the record over as it is: its `prepare` would lose the fields."""

    def prepare(self, record: Any) -> Any:
        """Return *record*."""
        return record


class QueuedTuned(Queued):
    """Its QueueHandler without `prepare` on a SimpleQueue: the worker formats."""

    name = "picologging, SimpleQueue"

    def _handler(self) -> Any:
        waiting: Any = queue.SimpleQueue()
        self._listener = QueueListener(waiting, Hung() if self._case.hung else self._file)
        self._listener.start()
        return Unprepared(waiting)


CONTENDERS = (Picologging, Queued, QueuedTuned)
