"""Hook specs: what a plugin may tell Penstock; asked when a configuration is composed, never per event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pluggy

from penstock.faults import Fault
from penstock.ledger import Ledger

hookspec = pluggy.HookspecMarker("penstock")
hookimpl = pluggy.HookimplMarker("penstock")


class Running(Protocol):
    """A running configuration, as far as plugins may use it."""

    def ledger(self) -> Ledger:
        """Return every account."""
        ...

    def status(self) -> Mapping[str, str]:
        """Return the status of each sink."""
        ...

    def reload(self) -> bool:
        """Read the configuration again and let it take over; return whether it did."""
        ...


@hookspec
def penstock_emit() -> Mapping[str, type]:
    """Return emit stages and sources by TOML `type`.

    Called:
        When: once, when a configuration names one of the entry point's types; never per event.
        Thread: the thread that calls `configure`.
        May block: no; files and sockets are opened in `open` or `start`.
        If it raises: reported, and the stage is left out; `strict` raises instead.
    """
    return {}  # pluggy never calls a spec


@hookspec
def penstock_redact() -> Mapping[str, type]:
    """Return redactors by TOML `type`.

    Called:
        When: once, when a configuration names one of the entry point's types; never per event.
        Thread: the thread that calls `configure`.
        May block: no.
        If it raises: `configure` raises: without its redactor a pipeline would tell secrets.
    """
    return {}  # pluggy never calls a spec


@hookspec
def penstock_format() -> Mapping[str, type]:
    """Return formats by TOML `type`.

    Called:
        When: once, when a configuration or a sink's `default_format` names one of the entry point's types.
        Thread: the thread that calls `configure`.
        May block: no.
        If it raises: reported, and the plain format takes its place; `strict` raises instead.
    """
    return {}  # pluggy never calls a spec


@hookspec
def penstock_sink() -> Mapping[str, type]:
    """Return sinks by TOML `type`.

    Called:
        When: once, when a configuration names one of the entry point's types; never per event.
        Thread: the thread that calls `configure`.
        May block: no; files and sockets are opened in `open`.
        If it raises: reported, and the sink's fallback takes its place; `strict` raises instead.
    """
    return {}  # pluggy never calls a spec


@hookspec
def penstock_started(runtime: Running) -> None:
    """Hear that a river is installed.

    Called:
        When: once for each `configure` and reload, of the plugins the configuration names.
        Thread: the thread that calls `configure`.
        May block: no.
        If it raises: a fault, counted.
    """


@hookspec
def penstock_stopping(runtime: Running) -> None:
    """Hear that a river is about to be drained and closed.

    Called:
        When: once, before `shutdown` drains, and before a reload closes the old river.
        Thread: the thread that shuts down.
        May block: shortly.
        If it raises: a fault, counted.
    """


@hookspec
def penstock_faulted(fault: Fault) -> None:
    """Hear of a fault of Penstock's own.

    Called:
        When: each time a fault is told: at most once in ten seconds for each kind and subject.
        Thread: the one in which it happened.
        May block: no.
        If it raises: ignored; a fault about a fault would never end.
    """


@hookspec
def penstock_routes() -> Mapping[str, object]:
    """Return pages for the admin plugin, by path.

    Called:
        When: once, when the admin plugin starts.
        Thread: the thread that starts it.
        May block: no.
        If it raises: a fault; the other pages are there.
    """
    return {}  # pluggy never calls a spec
