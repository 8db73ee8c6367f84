"""structlog: as its documentation on performance has it, as its start page has it, and through the standard library."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from typing import Any, ClassVar

import orjson
import structlog
from structlog.processors import CallsiteParameter, CallsiteParameterAdder
from structlog.typing import EventDict, Processor, WrappedLogger

from bench.event import CONTEXT, LOGGER, SECRETS, Case, Contender, Form

_FORM = Form(message="event", caller=("module", "func_name", "lineno"), error="exception")
_secrets = frozenset(SECRETS)


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Hide the values of secret keys: a processor as people write it."""
    for key in event:
        if key in _secrets:
            event[key] = "[redacted]"
    return event


def processors(case: Case) -> list[Processor]:
    """Return what stands before the renderer, and no more than the case asks for."""
    found: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if case.context:
        found.insert(0, structlog.contextvars.merge_contextvars)
    if case.redact:
        found.append(redact)
    if case.caller:
        where = {CallsiteParameter.MODULE, CallsiteParameter.FUNC_NAME, CallsiteParameter.LINENO}
        found.append(CallsiteParameterAdder(where))
    return found


class Fast(Contender):
    """orjson, BytesLogger, cached, filtering by level."""

    name: ClassVar[str] = "structlog, orjson"
    form: ClassVar[Form] = _FORM

    def __init__(self, path: Path, case: Case) -> None:
        self._open = ExitStack()
        self._configure(path, case)
        self._log = structlog.get_logger(LOGGER).bind(logger=LOGGER)

    def _configure(self, path: Path, case: Case) -> None:
        self._file = self._open.enter_context(path.open("ab"))
        structlog.configure(
            processors=[*processors(case), structlog.processors.JSONRenderer(serializer=orjson.dumps)],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if case.wanted else logging.ERROR),
            logger_factory=structlog.BytesLoggerFactory(file=self._file),
            cache_logger_on_first_use=True,
        )

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        for number in numbers:
            log.info("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def emit_error(self, numbers: Iterable[int], fail: Callable[[], None]) -> None:
        """Say it with an exception."""
        log = self._log
        for number in numbers:
            try:
                fail()
            except ValueError:
                log.exception("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def emit_shaped(self, numbers: Iterable[int], message: str, fields: Mapping[str, object]) -> None:
        """Say another."""
        log = self._log
        for _ in numbers:
            log.info(message, **fields)

    def bound(self) -> AbstractContextManager[object]:
        """Return what binds the context."""
        return structlog.contextvars.bound_contextvars(**CONTEXT)

    def close(self) -> None:
        """Close the file."""
        self._open.close()
        logging.shutdown()


class Usual(Fast):
    """`json.dumps`, WriteLogger, what else the defaults bring."""

    name = "structlog, usual"

    def _configure(self, path: Path, case: Case) -> None:
        file = self._open.enter_context(path.open("a"))
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.StackInfoRenderer(),
                *processors(case),
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if case.wanted else logging.ERROR),
            logger_factory=structlog.WriteLoggerFactory(file=file),
            cache_logger_on_first_use=True,
        )


def through_stdlib(case: Case, handler: logging.Handler, last: Processor) -> None:
    """Send what structlog makes through the standard library's *handler*."""
    log = logging.getLogger(LOGGER)
    log.propagate = False
    log.setLevel(logging.INFO if case.wanted else logging.ERROR)
    log.addHandler(handler)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            *processors(case),
            last,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class ThroughStdlib(Fast):
    """ProcessorFormatter on a FileHandler, as the documentation on the standard library has it."""

    name = "structlog, through stdlib"

    def _configure(self, path: Path, case: Case) -> None:
        handler = logging.FileHandler(path)
        rendered = structlog.processors.JSONRenderer()
        only = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[only, rendered]))
        through_stdlib(case, handler, structlog.stdlib.ProcessorFormatter.wrap_for_formatter)


class Queued(Fast):
    """Rendered with orjson on the caller, through QueueHandler and QueueListener to a FileHandler."""

    name = "structlog, QueueHandler"

    def _configure(self, path: Path, case: Case) -> None:
        def dumps(value: Any, **options: Any) -> str:
            return orjson.dumps(value, **options).decode()

        waiting: queue.Queue[Any] = queue.Queue(-1)
        self._listener = QueueListener(waiting, logging.FileHandler(path))
        through_stdlib(case, QueueHandler(waiting), structlog.processors.JSONRenderer(serializer=dumps))
        self._listener.start()

    def close(self) -> None:
        """Write what waits."""
        self._listener.stop()
        super().close()


CONTENDERS = (Fast, Usual, ThroughStdlib, Queued)
