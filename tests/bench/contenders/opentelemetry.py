"""The SDK of OpenTelemetry for logs: its logger, and its handler for the standard library's; one by one, and batched.

Its logger has no caller information. A batch has room for 100,000 records here: with the 2,048 of the default, a run at
full speed loses most events.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import time_ns
from typing import Any, ClassVar

import orjson
from opentelemetry._logs import SeverityNumber
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    ConsoleLogRecordExporter,
    LogRecordExporter,
    LogRecordExportResult,
    SimpleLogRecordProcessor,
)

from bench.event import LOGGER, Case, Contender, Form, Unsupported

_BODY = Form(message="body", fields="attributes", caller=("", "", ""), note="no caller information")


class OneLine(LogRecordExporter):
    """Writes records as JSON with orjson, a batch with one write."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Write *batch*."""
        self._file.write(b"".join(map(_line, batch)))
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        self._file.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Say yes: nothing waits here."""
        return True


def _line(shown: ReadableLogRecord) -> bytes:
    record = shown.log_record
    line: dict[str, Any] = {
        "time": record.timestamp,
        "severity": record.severity_text,
        "body": record.body,
        "attributes": dict(record.attributes or {}),
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def console(path: Path) -> ConsoleLogRecordExporter:
    """Return the SDK's own exporter, a record a line."""
    return ConsoleLogRecordExporter(out=path.open("a"), formatter=lambda record: record.to_json(indent=None) + "\n")


class Emit(Contender):
    """`Logger.emit`, one by one."""

    name: ClassVar[str] = "OpenTelemetry, emit"
    form: ClassVar[Form] = _BODY

    def __init__(self, path: Path, case: Case) -> None:
        if case.redact or case.context or not case.wanted:
            raise Unsupported("its logger has neither levels, nor redaction, nor fields in its context")
        self._provider = LoggerProvider()
        self._provider.add_log_record_processor(self._processor(path))
        self._log = self._provider.get_logger(LOGGER)

    def _processor(self, path: Path) -> LogRecordProcessor:
        return SimpleLogRecordProcessor(OneLine(path))

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log, info = self._log, SeverityNumber.INFO
        for number in numbers:
            fields: Any = {"symbol": "BTCUSDT", "side": "buy", "qty": number, "price": 64000.5, "live": True}
            now = time_ns()
            log.emit(timestamp=now, severity_number=info, severity_text="INFO", body="order filled", attributes=fields)

    def close(self) -> None:
        """Write what waits."""
        self._provider.shutdown()


class EmitBatch(Emit):
    """`Logger.emit`, batched."""

    name = "OpenTelemetry, emit, batch"

    def _processor(self, path: Path) -> LogRecordProcessor:
        return BatchLogRecordProcessor(OneLine(path), max_queue_size=100_000)


class Handler(Contender):
    """Its handler for the standard library's logging, and its own exporter; one by one."""

    name: ClassVar[str] = "OpenTelemetry, handler"
    form: ClassVar[Form] = Form(
        message="body",
        fields="attributes",
        caller=("attributes/code.file.path", "attributes/code.function.name", "attributes/code.line.number"),
    )

    def __init__(self, path: Path, case: Case) -> None:
        if case.redact or case.context:
            raise Unsupported("redaction, context: not what it is for")
        self._provider = LoggerProvider()
        self._provider.add_log_record_processor(self._processor(path))
        self._log = logging.getLogger(LOGGER)
        self._log.propagate = False
        self._log.setLevel(logging.INFO if case.wanted else logging.ERROR)
        self._log.addHandler(LoggingHandler(logger_provider=self._provider, log_code_attributes=case.caller))

    def _processor(self, path: Path) -> LogRecordProcessor:
        return SimpleLogRecordProcessor(console(path))

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        for number in numbers:
            fields = {"symbol": "BTCUSDT", "side": "buy", "qty": number, "price": 64000.5, "live": True}
            log.info("order filled", extra=fields)

    def close(self) -> None:
        """Write what waits."""
        self._provider.shutdown()


class HandlerBatch(Handler):
    """The same, batched."""

    name = "OpenTelemetry, handler, batch"

    def _processor(self, path: Path) -> LogRecordProcessor:
        return BatchLogRecordProcessor(console(path), max_queue_size=100_000)


CONTENDERS = (Emit, EmitBatch, Handler, HandlerBatch)
