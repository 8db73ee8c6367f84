"""logbook: its FileHandler with text, a handler of one's own with orjson, and that behind its thread."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import logbook
import orjson
from logbook.queues import ThreadedWrapperHandler

from bench.event import CONTEXT, LOGGER, SECRETS, Case, Contender, Form, Unsupported

_TEXT = (
    "{record.time:%Y-%m-%dT%H:%M:%S} {record.level_name} {record.channel} {record.module}:{record.func_name}:"
    "{record.lineno} {record.process} {record.thread_name} {record.message}"
)
_secrets = frozenset(SECRETS)


class OneLine(logbook.Handler):  # type: ignore[misc]  # the library has no types
    """Writes a record as JSON."""

    def __init__(self, path: Path, case: Case) -> None:
        super().__init__()
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._pid, self._node = os.getpid(), socket.gethostname()
        self._case = case

    def emit(self, record: Any) -> None:
        """Write *record*."""
        fields = record.extra
        if self._case.redact and not _secrets.isdisjoint(fields):
            fields = {key: "[redacted]" if key in _secrets else value for key, value in fields.items()}
        line = {
            "time": record.time.isoformat(timespec="milliseconds"),
            "severity": record.level_name,
            "message": record.message,
            "logger": record.channel,
            "pid": self._pid,
            "node": self._node,
            "thread": record.thread_name,
            **fields,
        }
        if self._case.caller:
            line.update(module=record.module, function=record.func_name, line=record.lineno)
        if record.exc_info:
            line["error"] = record.formatted_exception
        os.write(self._fd, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class Text(Contender):
    """FileHandler; the fields in the message."""

    name: ClassVar[str] = "logbook, text"
    form: ClassVar[Form] = Form(json=False)

    def __init__(self, path: Path, case: Case) -> None:
        self._handler = self._handler_for(path, case)
        self._handler.push_application()
        self._log = logbook.Logger(LOGGER, level=logbook.INFO if case.wanted else logbook.ERROR)

    def _handler_for(self, path: Path, case: Case) -> Any:
        if case.redact or case.context:
            raise Unsupported("redaction, context: measured with orjson")
        return logbook.FileHandler(str(path), format_string=_TEXT)

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        text = "order filled symbol={} side={} qty={} price={} live={}"
        for number in numbers:
            log.info(text, "BTCUSDT", "buy", number, 64000.5, True)

    def close(self) -> None:
        """Write what waits."""
        self._handler.pop_application()
        self._handler.close()


class Orjson(Text):
    """The handler of one's own."""

    name = "logbook, orjson"
    form = Form()

    def _handler_for(self, path: Path, case: Case) -> Any:
        return OneLine(path, case)

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        for number in numbers:
            fields = {"symbol": "BTCUSDT", "side": "buy", "qty": number, "price": 64000.5, "live": True}
            log.info("order filled", extra=fields)

    def bound(self) -> AbstractContextManager[object]:
        """Return what binds the context."""
        bound: AbstractContextManager[object] = logbook.Processor(self._inject).contextbound()
        return bound

    def _inject(self, record: Any) -> None:
        record.extra.update(CONTEXT)


class Threaded(Orjson):
    """The same in ThreadedWrapperHandler."""

    name = "logbook, its thread"
    form = Form(caller=("", "", ""), note="loses the caller")

    def _handler_for(self, path: Path, case: Case) -> Any:
        return ThreadedWrapperHandler(OneLine(path, case))


CONTENDERS = (Text, Orjson, Threaded)
