"""Health: how the program and its sinks are; checks in, one report out; the asking thread; a check that raises is a
failing check, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final, TypeAlias

_MOST: Final = 1_000
"""Findings kept at once: names come from programs, and a thousand things that are broken say enough."""

Check: TypeAlias = Callable[[], object]
"""Returns False or raises if something is wrong; anything else means that all is well."""

_checks: dict[str, Check] = {}
_findings: dict[str, str] = {}
_sinks: Callable[[], Mapping[str, str]] | None = None


class Health(NamedTuple):
    """How everything is at one moment."""

    ok: bool
    sinks: Mapping[str, str]
    """Status of each sink: ``ok``, ``degraded`` or ``failed``."""
    checks: Mapping[str, str]
    """What each registered check says, ``ok`` or why it is not; and what Penstock found to be broken by itself."""


def health_check(name: str, check: Check, /) -> None:
    """Register *check* under *name*, in the place of an earlier one of that name.

    Called:
        When: *check* is called for each `health`.
        Thread: the asking thread.
        May block: shortly; who asks waits for it.
        If it raises: the check counts as failing, with the type of the exception.

    Example:
        >>> health_check("disk", lambda: True)
        >>> health().checks["disk"]
        'ok'
    """
    _checks[name] = check


def found(name: str, finding: str | None, /) -> None:
    """Let `health` show *finding* under *name* from now on; with None, no longer."""
    if finding is None:
        _findings.pop(name, None)
    elif len(_findings) < _MOST:
        _findings[name] = finding


def watch_sinks(status: Callable[[], Mapping[str, str]] | None) -> None:
    """Let `health` ask *status* for the sinks; the runtime calls this when it installs a river."""
    global _sinks
    _sinks = status


def health() -> Health:
    """Ask every sink and every check, and return the report."""
    sinks = _sinks() if _sinks is not None else {}
    checks = {**_findings, **{name: _ask(check) for name, check in list(_checks.items())}}
    ok = all(status == "ok" for status in (*sinks.values(), *checks.values()))
    return Health(ok, sinks, checks)


def _ask(check: Check) -> str:
    try:
        return "failing" if check() is False else "ok"
    except Exception as error:  # promise: a broken check is a finding, not a crash
        return f"failing: {type(error).__qualname__}"
