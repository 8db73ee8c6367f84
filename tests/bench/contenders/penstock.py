"""Penstock, through its public surface: a configuration as a mapping, a logger; the ledger is always on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from attrs import define

import penstock
from bench import hung
from bench.event import CONTEXT, LOGGER, SECRETS, Case, Contender, Form, Unsupported
from penstock.plugin import Record

_CALLER = ["module", "function", "line"]


def configuration(path: Path, case: Case, **delivery: object) -> dict[str, Any]:
    """Return what a program would have in its TOML: JSON lines, keys redacted, a file that rotates."""
    file = {"type": "file-rotate", "path": str(path), "max_size": "4 GB", "delivery": delivery}
    table: dict[str, Any] = {
        "level": "info" if case.wanted else "error",
        "format": {"line": {"type": "json", "style": "flat", "exclude": [] if case.caller else _CALLER}},
        "sink": {
            "file": {"type": "python:bench.contenders.penstock:HungSink", "delivery": delivery} if case.hung else file
        },
        "pipeline": {"all": {"sink": "file", "format": "line"}},
    }
    if case.redact:
        table["redact"] = {"secrets": {"type": "keys", "keys": SECRETS}}
    return table


def configure(table: Mapping[str, Any]) -> None:
    """Configure Penstock.

    Raises:
        Unsupported: If this version cannot do that yet.
    """
    try:
        penstock.configure(table, strict=True)
    except penstock.ConfigError as error:
        if "not in this version" in str(error):
            raise Unsupported(str(error)) from None
        raise


@define(kw_only=True)
class HungSink:
    """Somewhere nothing ever arrives."""

    def write(self, batch: Sequence[Record], /) -> None:
        """Wait."""
        hung.hang()


def shut_down() -> None:
    """Deliver everything, and look whether the ledger agrees."""
    hung.let_go()
    assert penstock.shutdown(60.0)
    books = penstock.ledger()
    assert books.balanced, books


class Penstock(Contender):
    """Flat JSON, file-rotate, inline: one write for each event."""

    name: ClassVar[str] = "penstock"
    form: ClassVar[Form] = Form(error="error/stack")
    delivery: ClassVar[dict[str, object]] = {"mode": "inline"}

    def __init__(self, path: Path, case: Case) -> None:
        configure(self.table(path, case))
        self._log = penstock.get_logger(LOGGER)

    def table(self, path: Path, case: Case) -> dict[str, Any]:
        """Return the configuration."""
        return configuration(path, case, **self.delivery)

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
        return penstock.context(**CONTEXT)

    def close(self) -> None:
        """Deliver everything."""
        shut_down()


class PenstockQueued(Penstock):
    """The same, behind a queue and a worker."""

    name = "penstock queued"
    delivery: ClassVar[dict[str, object]] = {"mode": "queued", "queue": "64 MB"}


class PenstockSpooled(Penstock):
    """The same, and what waits survives a crash."""

    name = "penstock queued, spool"
    delivery: ClassVar[dict[str, object]] = {"mode": "queued", "queue": "64 MB", "spool": "64 MB"}


class Captured(Contender):
    """The standard library's logging, through `capture = ["logging"]`."""

    name: ClassVar[str] = "penstock, capture"
    form: ClassVar[Form] = Form(error="error/stack")
    delivery: ClassVar[dict[str, object]] = {"mode": "inline"}

    def __init__(self, path: Path, case: Case) -> None:
        configure({**configuration(path, case, **self.delivery), "capture": ["logging"]})
        self._log = logging.getLogger(LOGGER)

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

    def close(self) -> None:
        """Deliver everything."""
        shut_down()


class CapturedQueued(Captured):
    """The same, behind a queue and a worker."""

    name = "penstock queued, capture"
    delivery: ClassVar[dict[str, object]] = {"mode": "queued", "queue": "64 MB"}


CONTENDERS = (Penstock, PenstockQueued, PenstockSpooled, Captured, CapturedQueued)
