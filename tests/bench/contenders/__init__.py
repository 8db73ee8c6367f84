"""One module per library, each with its configurations in `CONTENDERS`; imported only in the child that runs one."""

from __future__ import annotations

import importlib

from bench.event import Contender

NAMES = {
    "nothing": "nothing",
    "hand-written": "hand_written",
    "penstock": "penstock",
    "penstock queued": "penstock",
    "penstock queued, spool": "penstock",
    "penstock, capture": "penstock",
    "penstock queued, capture": "penstock",
    "penstock, console": "console",
    "stdlib, console": "console",
    "structlog, console": "console",
    "loguru, console": "console",
    "stdlib, text": "stdlib",
    "stdlib, python-json-logger": "stdlib",
    "stdlib, orjson tuned": "stdlib",
    "stdlib, QueueHandler + JSON": "stdlib",
    "stdlib, SimpleQueue tuned": "stdlib",
    "structlog, orjson": "structlog",
    "structlog, usual": "structlog",
    "structlog, through stdlib": "structlog",
    "structlog, QueueHandler": "structlog",
    "loguru": "loguru",
    "loguru, serialize": "loguru",
    "loguru, enqueue": "loguru",
    "loguru, orjson sink": "loguru",
    "picologging, orjson": "picologging",
    "picologging, QueueHandler": "picologging",
    "picologging, SimpleQueue": "picologging",
    "eliot": "eliot",
    "eliot, orjson": "eliot",
    "logbook, text": "logbook",
    "logbook, orjson": "logbook",
    "logbook, its thread": "logbook",
    "OpenTelemetry, emit": "opentelemetry",
    "OpenTelemetry, emit, batch": "opentelemetry",
    "OpenTelemetry, handler": "opentelemetry",
    "OpenTelemetry, handler, batch": "opentelemetry",
}
"""Every contender and its module: known here, so that one that does not install is still in the tables, as absent."""


def load(name: str) -> type[Contender]:
    """Return the contender called *name*.

    Raises:
        ImportError: If its library is not installed.
    """
    module = importlib.import_module(f"bench.contenders.{NAMES[name]}")
    found: type[Contender] = next(one for one in module.CONTENDERS if one.name == name)
    return found
