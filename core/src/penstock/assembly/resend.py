"""Resend: opens some sinks of a configuration, and nothing that leads to them; a document in, a Graph out; the thread
of a command; a ConfigError with every problem, if one cannot be done without.

What commands send through it was redacted and formatted long ago. So there are no pipelines, sources or stages here,
and no river is installed: what the sinks say themselves goes to standard error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.assembly.build import build
from penstock.assembly.config import Document, Table
from penstock.assembly.graph import Graph
from penstock.assembly.plugins import Plugins
from penstock.clock import monotonic
from penstock.faults import report

_LOOK: Final = 0.2
"""Seconds between two looks whether anything moves."""


def sinks_of(document: Document) -> Mapping[str, Any]:
    """Return the tables of all sinks by name; a type that a pipeline names in the place of a sink has one, too."""
    pipelines = _tables(document, "pipeline").values()
    named = [table["sink"] for table in pipelines if isinstance(table, Mapping) and isinstance(table.get("sink"), str)]
    return {**{name: {"type": name} for name in named}, **_tables(document, "sink")}


def _tables(document: Document, kind: str) -> Mapping[str, Any]:
    tables = document.table.get(kind)
    return tables if isinstance(tables, Mapping) else {}


def with_fallbacks(sinks: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the tables of *names*, and of the sinks that they fall back to."""
    kept: dict[str, Any] = {}
    for name in names:
        following: object = name
        while isinstance(following, str) and following in sinks and following not in kept:
            kept[following] = sinks[following]
            following = delivery_of(kept[following]).get("fallback")
    return kept


def delivery_of(table: Any) -> Table:
    """Return the delivery options in the table of a sink."""
    delivery = table.get("delivery") if isinstance(table, Mapping) else None
    return dict(delivery) if isinstance(delivery, Mapping) else {}


def delivered_as(table: Any, options: Mapping[str, object]) -> Any:
    """Return the table of a sink with other delivery options; those that are None are taken out."""
    if not isinstance(table, Mapping) or not isinstance(table.get("delivery", {}), Mapping):
        return table  # for `configure` to tell
    merged = {**delivery_of(table), **options}
    return {**table, "delivery": {key: value for key, value in merged.items() if value is not None}}


def open_sinks(document: Document, sinks: Mapping[str, Any], **more: object) -> Graph:
    """Open *sinks*, tables by name, and nothing else of *document*.

    Raises:
        ConfigError: If one of them cannot be made.
    """
    alone = Document({**more, "sink": dict(sinks)}, document.file, document.folder)
    built = build(alone, None, Plugins(), strict=False)
    for problem in built.problems:
        report("config.degraded", "The configuration has a problem.", subject=problem.path, problem=str(problem))
    return built.graph


def settled(graph: Graph, patience: float) -> bool:
    """Deliver what waits, for as long as any of it moves within *patience* seconds; return whether nothing waits."""
    moved, until = -1, monotonic() + patience
    while not graph.flush(min(until, monotonic() + _LOOK)):
        now = sum([account.delivered + sum(account.dropped.values()) for account in graph.read().values()])
        if now != moved:
            moved, until = now, monotonic() + patience
        elif monotonic() >= until:
            return False
    return True
