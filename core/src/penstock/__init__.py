"""Penstock: logging and telemetry under control.

    emit -> match -> redact -> format -> deliver -> sink

What a program has to say becomes an event, and a TOML file decides where each goes, what is hidden and how it is
written; plugins do the work. Everything up to the finished bytes happens in the caller's thread, and nothing that goes
wrong ever gets back to it. Read `penstock.river.pipeline` first.
"""

from __future__ import annotations

from penstock.context import bind_context, clear_context, context, unbind_context
from penstock.errors import (
    AlreadyAttachedError,
    Closed,
    ConfigError,
    PenstockError,
    PluginConflictError,
    PluginError,
    PluginLoadError,
    Problem,
    Rejected,
    SinkError,
    Unavailable,
    UnknownTypeError,
)
from penstock.health import Health, health, health_check
from penstock.hints import TYPE_CHECKING
from penstock.ledger import Ledger, PipelineLedger, SinkLedger, ledger
from penstock.logger import Logger, catch, get_logger
from penstock.river.early import Early as _Early
from penstock.river.emit import slot as _slot
from penstock.secret import Secret, secret
from penstock.spans import Span, span
from penstock.telemetry import attach, define_event, detach, event_definitions, execute, list_handlers

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Any

    from penstock import testing
    from penstock.assembly.runtime import Runtime

__all__ = [
    "AlreadyAttachedError",
    "Closed",
    "ConfigError",
    "Health",
    "Ledger",
    "Logger",
    "PenstockError",
    "PipelineLedger",
    "PluginConflictError",
    "PluginError",
    "PluginLoadError",
    "Problem",
    "Rejected",
    "Secret",
    "SinkError",
    "SinkLedger",
    "Span",
    "Unavailable",
    "UnknownTypeError",
    "attach",
    "bind_context",
    "catch",
    "clear_context",
    "configure",
    "context",
    "define_event",
    "detach",
    "event_definitions",
    "execute",
    "flush",
    "get_logger",
    "health",
    "health_check",
    "ledger",
    "list_handlers",
    "secret",
    "set_level",
    "shutdown",
    "span",
    "testing",
    "unbind_context",
]

_slot.inlet = _Early()


def configure(
    source: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    /,
    *,
    profile: str | None = None,
    strict: bool | None = None,
) -> Runtime:
    """Compose a configuration and let it run from now on, in the place of any earlier one.

    Called:
        When: once at the start of a program; a library never calls it.
        Thread: any.
        May block: as long as opening the sinks takes, and draining those of an earlier configuration.
        If it raises: nothing has changed.

    Args:
        source: Path of a TOML file, or a dict of the same shape. If omitted: the file that ``PENSTOCK_CONFIG`` names,
            else ``penstock.toml`` or ``[tool.penstock]`` in ``pyproject.toml``, looked for from the working directory
            up to the project's root; if there is none, events at info and above go to standard error.
        profile: Name of a ``[profile.NAME]`` table to lay over the rest; else ``PENSTOCK_PROFILE``.
        strict: Raise for what could be done without, too: an unknown key, a plugin that does not load. Default:
            whether ``PENSTOCK_STRICT`` is ``1``.

    Raises:
        ConfigError: With every problem of the configuration.

    Example:
        >>> runtime = configure({"sink": {"out": {"type": "last-resort"}}, "pipeline": {"all": {"sink": "out"}}})
        >>> shutdown()
        True
    """
    from penstock.assembly import runtime  # late: a library that only emits pays for none of it

    return runtime.configure(source, profile=profile, strict=strict)


def flush(timeout: float = 5.0) -> bool:
    """Deliver what waits; return whether all of it was delivered within *timeout* seconds. Never raises."""
    return _slot.inlet.flush(timeout)


def shutdown(timeout: float = 5.0) -> bool:
    """Deliver what waits, count what is left after *timeout* seconds as dropped, and let go of everything.

    Calling it twice is fine; it is called at exit. Later events are kept for the next `configure`, or printed at exit.

    Returns:
        Whether nothing was left.
    """
    return _slot.inlet.shutdown(timeout)


def set_level(
    level: str | int, *, name: str | None = None, sink: str | None = None, seconds: float | None = None
) -> None:
    """Change a level of the running configuration; it is gone after *seconds*, and always after a restart.

    Args:
        level: Name or number.
        name: Change it for events of this name and below it, as an entry of ``[levels]`` would.
        sink: Change it for this sink. Without *name* and *sink*: for pipelines that have no level of their own.
        seconds: Go back after so long; never, if None.

    Raises:
        ValueError: If there is no such level or sink.

    Example:
        >>> set_level("debug", name="shop.payment", seconds=600)
    """
    _slot.inlet.set_level(level, name, sink, seconds)


def __getattr__(name: str) -> Any:
    if name == "testing":
        from importlib import import_module  # late: tests need it, programs do not

        return import_module("penstock.testing")
    raise AttributeError(f"module 'penstock' has no attribute {name!r}")
