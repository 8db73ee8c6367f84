"""Lines for people on standard error, in colour where the library has it by default."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import penstock
from bench.contenders.penstock import configure, shut_down
from bench.event import LOGGER, SECRETS, Case, Contender, Form


class PenstockConsole(Contender):
    """The sink `stderr` with its own format."""

    name: ClassVar[str] = "penstock, console"
    form: ClassVar[Form] = Form(json=False)

    def __init__(self, path: Path, case: Case) -> None:
        configure(
            {
                "redact": {"secrets": {"type": "keys", "keys": SECRETS}},
                "sink": {"console": {"type": "stderr"}},
                "pipeline": {"all": {"sink": "console"}},
            }
        )
        self._log = penstock.get_logger(LOGGER)

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        for number in numbers:
            log.info("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def close(self) -> None:
        """Deliver everything."""
        shut_down()


class StdlibConsole(Contender):
    """A StreamHandler with text, as `basicConfig` makes it."""

    name: ClassVar[str] = "stdlib, console"
    form: ClassVar[Form] = Form(json=False)

    def __init__(self, path: Path, case: Case) -> None:
        text = "%(asctime)s %(levelname)s %(name)s %(module)s:%(lineno)d %(message)s"
        logging.basicConfig(format=text, level=logging.INFO)
        self._log = logging.getLogger(LOGGER)

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        text = "order filled symbol=%s side=%s qty=%d price=%s live=%s"
        for number in numbers:
            log.info(text, "BTCUSDT", "buy", number, 64000.5, True)

    def close(self) -> None:
        """Write what waits."""
        logging.shutdown()


class StructlogConsole(Contender):
    """What it does without any configuration, but with the caller."""

    name: ClassVar[str] = "structlog, console"
    form: ClassVar[Form] = Form(json=False)

    def __init__(self, path: Path, case: Case) -> None:
        import structlog
        from structlog.processors import CallsiteParameter, CallsiteParameterAdder

        where = CallsiteParameterAdder({CallsiteParameter.MODULE, CallsiteParameter.LINENO})
        before = [*structlog.get_config()["processors"]]
        factory = structlog.PrintLoggerFactory(file=sys.stderr)
        structlog.configure(
            processors=[*before[:-1], where, before[-1]], logger_factory=factory, cache_logger_on_first_use=True
        )
        self._log = structlog.get_logger(LOGGER).bind()

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        for number in numbers:
            log.info("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def close(self) -> None:
        """Do nothing: each line was written at once."""


class LoguruConsole(Contender):
    """What it does without any configuration, and the fields, which it would not show."""

    name: ClassVar[str] = "loguru, console"
    form: ClassVar[Form] = Form(json=False)

    def __init__(self, path: Path, case: Case) -> None:
        from loguru import logger

        logger.remove()
        fields = " ".join(f"{key}={{extra[{key}]}}" for key in ("symbol", "side", "qty", "price", "live"))
        text = (
            "<green>{time:YYYY-MM-DD HH:mm:ss.SSS}</green> | <level>{level: <8}</level> | "
            "<cyan>{name}</cyan>:<cyan>{function}</cyan>:<cyan>{line}</cyan> - <level>{message}</level> "
        )
        logger.add(sys.stderr, format=text + fields)
        self._log = logger

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = self._log
        for number in numbers:
            log.info("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def close(self) -> None:
        """Write what waits."""
        self._log.remove()


CONTENDERS = (PenstockConsole, StdlibConsole, StructlogConsole, LoguruConsole)
