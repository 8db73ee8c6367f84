"""The standard library's logging: as people set it up, and as fast as its documentation allows.

Tuned is: the switches of the "Optimization" section of the logging HOWTO, the fields as one `extra`, one call of orjson
in the formatter, and one `os.write` in a handler of one's own.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from typing import Any, ClassVar

import orjson
from pythonjsonlogger.json import JsonFormatter

from bench import hung
from bench.bound import bind, context
from bench.event import LOGGER, SECRETS, Case, Contender, Form, Unsupported
from bench.stamp import Stamp

_TEXT = "%(asctime)s %(levelname)s %(name)s %(module)s:%(funcName)s:%(lineno)d %(process)d %(threadName)s %(message)s"
_JSON = "%(asctime)s %(levelname)s %(message)s %(name)s %(module)s %(funcName)s %(lineno)d %(process)d %(threadName)s"
_BY_HAND = ("module", "function", "line")
_BY_RECORD = ("module", "funcName", "lineno")

_secrets = frozenset(SECRETS)


class Tuned(logging.Handler):
    """Writes a record as one line, with one call of orjson and one of the system."""

    def __init__(self, path: Path, case: Case) -> None:
        super().__init__()
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._pid, self._node = os.getpid(), socket.gethostname()
        self._stamp = Stamp()
        self._case = case

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*."""
        fields: dict[str, object] = record.fields  # type: ignore[attr-defined]  # what `extra` brought
        if self._case.context:
            fields = {**context.get(), **fields}
        if self._case.redact and not _secrets.isdisjoint(fields):
            fields = {key: "[redacted]" if key in _secrets else value for key, value in fields.items()}
        line = {
            "time": self._stamp.text(int(record.created * 1_000)),
            "severity": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "module": record.module,
            "function": record.funcName,
            "line": record.lineno,
            "pid": self._pid,
            "node": self._node,
            "thread": record.threadName,
            **fields,
        }
        if record.exc_info:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        os.write(self._fd, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
        super().close()


def logger_with(handler: logging.Handler, case: Case) -> logging.Logger:
    """Return the event's logger, writing to *handler* only."""
    log = logging.getLogger(LOGGER)
    log.propagate = False
    log.setLevel(logging.INFO if case.wanted else logging.ERROR)
    log.addHandler(handler)
    return log


class Hung(logging.Handler):
    """Somewhere nothing ever arrives."""

    def emit(self, record: logging.LogRecord) -> None:
        """Wait."""
        hung.hang()


def json_file(path: Path, case: Case) -> logging.Handler:
    """Return a handler as python-json-logger's documentation sets it up."""
    if case.hung:
        return Hung()
    handler = logging.FileHandler(path)
    handler.setFormatter(JsonFormatter(_JSON))
    return handler


def tune(case: Case) -> None:
    """Turn off what the HOWTO says can be turned off, and is not in the line."""
    logging.logProcesses = logging.logMultiprocessing = False
    logging.logAsyncioTasks = False  # type: ignore[attr-defined]  # Python 3.12 and later
    if not case.caller:
        logging._srcfile = None  # as the HOWTO has it


def refuse(case: Case, *names: str) -> None:
    """Raise what a table can print for a case that nobody sets up like this."""
    for name in names:
        if getattr(case, name):
            raise Unsupported(f"{name}: measured with the tuned configuration")


class Text(Contender):
    """FileHandler, Formatter; the fields in the message."""

    name: ClassVar[str] = "stdlib, text"
    form: ClassVar[Form] = Form(json=False)

    def __init__(self, path: Path, case: Case) -> None:
        refuse(case, "redact", "context")
        handler = logging.FileHandler(path)
        handler.setFormatter(logging.Formatter(_TEXT))
        self._log = logger_with(handler, case)

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        text = "order filled symbol=%s side=%s qty=%d price=%s live=%s"
        for number in numbers:
            log.info(text, "BTCUSDT", "buy", number, 64000.5, True)

    def close(self) -> None:
        """Close the file."""
        logging.shutdown()


class Json(Contender):
    """FileHandler, python-json-logger; the fields as `extra`."""

    name: ClassVar[str] = "stdlib, python-json-logger"
    form: ClassVar[Form] = Form(caller=_BY_RECORD, error="exc_info")

    def __init__(self, path: Path, case: Case) -> None:
        refuse(case, "redact", "context")
        self._log = logger_with(json_file(path, case), case)

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        for number in numbers:
            fields = {"symbol": "BTCUSDT", "side": "buy", "qty": number, "price": 64000.5, "live": True}
            log.info("order filled", extra=fields)

    def emit_error(self, numbers: Iterable[int], fail: Callable[[], None]) -> None:
        """Say it with an exception."""
        log = self._log
        for number in numbers:
            fields = {"symbol": "BTCUSDT", "side": "buy", "qty": number, "price": 64000.5, "live": True}
            try:
                fail()
            except ValueError:
                log.exception("order filled", extra=fields)

    def emit_shaped(self, numbers: Iterable[int], message: str, fields: Mapping[str, object]) -> None:
        """Say another."""
        log = self._log
        for _ in numbers:
            log.info(message, extra={**fields})

    def close(self) -> None:
        """Close the file."""
        logging.shutdown()


class JsonTuned(Contender):
    """A handler of one's own: orjson, `os.write`."""

    name: ClassVar[str] = "stdlib, orjson tuned"
    form: ClassVar[Form] = Form(caller=_BY_HAND)

    def __init__(self, path: Path, case: Case) -> None:
        tune(case)
        self._log = logger_with(self._handler(path, case), case)

    def _handler(self, path: Path, case: Case) -> logging.Handler:
        return Tuned(path, case)

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        for number in numbers:
            fields = {"symbol": "BTCUSDT", "side": "buy", "qty": number, "price": 64000.5, "live": True}
            log.info("order filled", extra={"fields": fields})

    def emit_error(self, numbers: Iterable[int], fail: Callable[[], None]) -> None:
        """Say it with an exception."""
        log = self._log
        for number in numbers:
            fields = {"symbol": "BTCUSDT", "side": "buy", "qty": number, "price": 64000.5, "live": True}
            try:
                fail()
            except ValueError:
                log.exception("order filled", extra={"fields": fields})

    def emit_shaped(self, numbers: Iterable[int], message: str, fields: Mapping[str, object]) -> None:
        """Say another."""
        log = self._log
        for _ in numbers:
            log.info(message, extra={"fields": fields})

    def bound(self) -> AbstractContextManager[object]:
        """Return what binds the context."""
        return bind()

    def close(self) -> None:
        """Close the file."""
        logging.shutdown()


class Queued(Json):
    """QueueHandler and QueueListener, as the cookbook has it, before python-json-logger."""

    name = "stdlib, QueueHandler + JSON"

    def __init__(self, path: Path, case: Case) -> None:
        refuse(case, "redact", "context")
        waiting: queue.Queue[Any] = queue.Queue(-1)
        self._listener = QueueListener(waiting, json_file(path, case))
        self._log = logger_with(QueueHandler(waiting), case)
        self._listener.start()

    def close(self) -> None:
        """Write what waits."""
        hung.let_go()
        self._listener.stop()
        logging.shutdown()


class Unprepared(QueueHandler):
    """Hands the record over as it is: there is one process, and the listener formats it."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return *record*."""
        return record


class QueuedTuned(JsonTuned):
    """QueueHandler without `prepare` on a SimpleQueue, before the tuned handler."""

    name = "stdlib, SimpleQueue tuned"

    def _handler(self, path: Path, case: Case) -> logging.Handler:
        waiting: Any = queue.SimpleQueue()
        self._listener = QueueListener(waiting, Hung() if case.hung else Tuned(path, case))
        self._listener.start()
        return Unprepared(waiting)

    def close(self) -> None:
        """Write what waits."""
        hung.let_go()
        self._listener.stop()
        logging.shutdown()


CONTENDERS = (Text, Json, JsonTuned, Queued, QueuedTuned)
