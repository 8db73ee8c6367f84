"""loguru: plain, `serialize`, `enqueue`, and a sink of one's own with orjson, which its recipes advise for speed."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import orjson
from loguru import logger

from bench.event import CONTEXT, SECRETS, Case, Contender, Form, Unsupported

if TYPE_CHECKING:
    from loguru import Message, Record

_TEXT = (
    "{time:YYYY-MM-DDTHH:mm:ss.SSS} {level} {name}:{function}:{line} {message} symbol={extra[symbol]} "
    "side={extra[side]} qty={extra[qty]} price={extra[price]} live={extra[live]}"
)
_secrets = frozenset(SECRETS)


def redact(record: Record) -> None:
    """Hide the values of secret keys: a patcher as people write it."""
    extra = record["extra"]
    for key in extra:
        if key in _secrets:
            extra[key] = "[redacted]"


class Loguru(Contender):
    """A file, a format with the fields in it."""

    name: ClassVar[str] = "loguru"
    form: ClassVar[Form] = Form(json=False)

    def __init__(self, path: Path, case: Case) -> None:
        if not case.caller:
            raise Unsupported("caller: loguru always looks for it")
        logger.remove()
        self._add(path, "INFO" if case.wanted else "ERROR")
        if case.redact:
            logger.configure(patcher=redact)

    def _add(self, path: Path, level: str) -> None:
        logger.add(path, format=_TEXT, level=level)

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        for number in numbers:
            logger.info("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def emit_error(self, numbers: Iterable[int], fail: Callable[[], None]) -> None:
        """Say it with an exception."""
        for number in numbers:
            try:
                fail()
            except ValueError:
                logger.exception("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def emit_shaped(self, numbers: Iterable[int], message: str, fields: Mapping[str, object]) -> None:
        """Say another."""
        for _ in numbers:
            logger.info(message, **fields)

    def bound(self) -> AbstractContextManager[object]:
        """Return what binds the context."""
        return logger.contextualize(**CONTEXT)

    def close(self) -> None:
        """Write what waits, and close the file."""
        logger.remove()


class Serialize(Loguru):
    """`serialize=True`."""

    name = "loguru, serialize"
    form = Form(
        message="record/message",
        fields="record/extra",
        caller=("record/name", "record/function", "record/line"),
        error="text",
    )

    def _add(self, path: Path, level: str) -> None:
        logger.add(path, serialize=True, level=level)


class Enqueue(Serialize):
    """`serialize=True, enqueue=True`."""

    name = "loguru, enqueue"

    def _add(self, path: Path, level: str) -> None:
        logger.add(path, serialize=True, enqueue=True, level=level)


class Orjson(Loguru):
    """A function as the sink: orjson and `os.write`; no text is formatted."""

    name = "loguru, orjson sink"
    form = Form()

    def _add(self, path: Path, level: str) -> None:
        fd = self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        pid, node = os.getpid(), socket.gethostname()

        def write(message: Message) -> None:
            record = message.record
            line = {
                "time": record["time"].isoformat(timespec="milliseconds"),  # a subclass, which orjson refuses
                "severity": record["level"].name,
                "message": record["message"],
                "logger": record["name"],
                "module": record["name"],
                "function": record["function"],
                "line": record["line"],
                "pid": pid,
                "node": node,
                "thread": record["thread"].name,
                **record["extra"],
            }
            if record["exception"] is not None:
                line["error"] = str(message)
            os.write(fd, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

        shape = "{exception}"  # which is empty where there is none
        logger.add(write, format=lambda _: shape, level=level, backtrace=False, diagnose=False)

    def close(self) -> None:
        """Close the file."""
        super().close()
        os.close(self._fd)


CONTENDERS = (Loguru, Serialize, Enqueue, Orjson)
