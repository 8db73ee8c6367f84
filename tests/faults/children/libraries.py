"""Libraries: ways to say something; what the judge asked for in, a mouth out; the program under test; raises what the
library raises.

The same program, the same texts and the same injectors for Penstock and its peers: only what stands here differs.
"""

from __future__ import annotations

import logging
import logging.handlers
import queue
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TextIO

_DATED = "%(asctime)s %(levelname)s %(message)s"


class Mouth(NamedTuple):
    """How a program says something with one library."""

    say: Callable[[str], None]
    shout: Callable[[str], None]
    """Say it as an error."""
    flush: Callable[[], bool]
    """Wait until everything is where it belongs; return whether it is, as far as the library tells."""
    end: Callable[[], object]
    """What the library's documentation has a program do at its end, if it does not just end."""
    accounts: Callable[[], Mapping[str, Any]]
    """The accounts of the library, where it keeps some."""


def _nothing() -> bool:
    return True


def penstock(order: Mapping[str, Any]) -> Mouth:
    """Open Penstock as the judge configured it."""
    import penstock

    penstock.configure(order["config"])
    log = penstock.get_logger("say")

    def accounts() -> Mapping[str, Any]:
        ledger = penstock.ledger()
        sinks = {name: {**account._asdict(), "balanced": account.balanced} for name, account in ledger.items()}
        return {"sinks": sinks, "balanced": ledger.balanced}

    patience = order["patience"]
    return Mouth(log.info, log.error, lambda: penstock.flush(patience), lambda: penstock.shutdown(patience), accounts)


def _logging(order: Mapping[str, Any], handler: logging.Handler, end: Callable[[], object]) -> Mouth:
    log = logging.getLogger("say")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.addHandler(handler)
    return Mouth(log.info, log.error, _nothing, end, dict)


def _rotating(order: Mapping[str, Any]) -> logging.Handler:
    path, size = order["path"], order["max_size"]
    handler: logging.Handler
    if size:
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=size, backupCount=order["keep"])
    else:
        handler = logging.handlers.WatchedFileHandler(path)
    handler.setFormatter(logging.Formatter(_DATED))
    return handler


def stdlib(order: Mapping[str, Any]) -> Mouth:
    """Open a handler of the standard library: one that rotates, or one that watches its file."""
    return _logging(order, _rotating(order), _nothing)


def stdlib_queue(order: Mapping[str, Any]) -> Mouth:
    """Open the same handler behind the standard library's queue."""
    listener = logging.handlers.QueueListener(queue.SimpleQueue(), _rotating(order))
    listener.start()
    return _logging(order, logging.handlers.QueueHandler(listener.queue), listener.stop)


def loguru(order: Mapping[str, Any], enqueue: bool = False) -> Mouth:
    """Open a file of loguru."""
    from loguru import logger

    logger.remove()
    rotation = order["max_size"] or None
    options: dict[str, Any] = {"rotation": rotation, "retention": order["keep"]} if rotation else {"watch": True}
    logger.add(
        order["path"], format="{time:YYYY-MM-DD HH:mm:ss} {level} {message}", enqueue=enqueue, catch=True, **options
    )

    def flush() -> bool:
        logger.complete()
        return True

    return Mouth(logger.info, logger.error, flush, _nothing, dict)


def loguru_enqueue(order: Mapping[str, Any]) -> Mouth:
    """Open a file of loguru behind its queue."""
    return loguru(order, enqueue=True)


def structlog(order: Mapping[str, Any]) -> Mouth:
    """Open a file of structlog, which does not rotate."""
    import structlog

    file: TextIO = open(order["path"], "a")  # noqa: SIM115, as its documentation has it
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=file),
    )
    log = structlog.get_logger()
    return Mouth(log.info, log.error, _nothing, _nothing, dict)


LIBRARIES: Mapping[str, Callable[[Mapping[str, Any]], Mouth]] = {
    "penstock": penstock,
    "stdlib": stdlib,
    "stdlib queue": stdlib_queue,
    "loguru": loguru,
    "loguru enqueue": loguru_enqueue,
    "structlog": structlog,
}
