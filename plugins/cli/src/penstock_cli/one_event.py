"""One event: makes a document that carries a single event and does nothing else; a document in, another out; the main
thread; what is wrong with the document stays in it, for `configure` to tell.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

Table = dict[str, Any]


class SinkChoice(ValueError):  # noqa: N818, it names the choice, not the act
    """There is no sink of that name."""


def for_one_event(document: Mapping[str, Any], sink: str | None, name: str) -> Table:
    """Return *document* without what would do more than carry one event called *name*.

    Left out are sources, which would begin to take in events that somebody else waits for, what `capture` names,
    handlers of signals, and Penstock's own events, which would be counted with the one that was sent; those go to
    standard error instead.

    Args:
        document: As read, overlays applied.
        sink: Send to this one alone: through the first pipeline to it, with its redactors and its format, but without
            its wishes for names and levels.
        name: The name of the event.

    Raises:
        SinkChoice: If there is no such sink.
    """
    table = dict(document)
    table.pop("capture", None)
    table.pop("signals", None)
    pipelines = _tables(table, "pipeline")
    if sink is not None:
        table.pop("levels", None)
        pipelines = _to_one_sink(table, pipelines, sink)
        table["sink"] = _with_fallbacks(_tables(table, "sink"), sink)
    elif name != "penstock" and not name.startswith("penstock."):
        pipelines = {key: _without_own_events(pipeline) for key, pipeline in pipelines.items()}
    if pipelines:
        table["pipeline"] = pipelines
    table["emit"] = _stages(_tables(table, "emit"), pipelines.values())
    return table


def without_spools(document: Mapping[str, Any]) -> Table:
    """Return *document* without spools: what others left is not sent along, what cannot be sent not kept for later."""
    sinks = {name: _without_spool(sink) for name, sink in _tables(document, "sink").items()}
    return {**document, "sink": sinks} if sinks else dict(document)


def _without_spool(sink: Any) -> Any:
    delivery = sink.get("delivery", {}) if isinstance(sink, Mapping) else None
    return {**sink, "delivery": {**delivery, "spool": False}} if isinstance(delivery, Mapping) else sink


def _tables(document: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    tables = document.get(kind)
    return tables if isinstance(tables, Mapping) else {}


def _to_one_sink(document: Mapping[str, Any], pipelines: Mapping[str, Any], sink: str) -> Table:
    leading = {key: one for key, one in pipelines.items() if isinstance(one, Mapping) and one.get("sink") == sink}
    known = {*_tables(document, "sink"), *leading}
    known |= {str(one["sink"]) for one in pipelines.values() if isinstance(one, Mapping) and "sink" in one}
    if sink not in known:
        near = difflib.get_close_matches(sink, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known)) or 'none'}"
        raise SinkChoice(f"there is no sink {sink!r}; {hint}")
    key, pipeline = next(iter(leading.items()), ("send", {"sink": sink}))
    kept = {name: value for name, value in pipeline.items() if name in ("sink", "redact", "format")}
    return {key: {**kept, "level": "trace", "match": ["**", "!penstock.**"]}}


def _with_fallbacks(sinks: Mapping[str, Any], sink: str) -> Table:
    """Return the table of *sink*, and those of its fallbacks: the others need not be opened."""
    kept: Table = {}
    name: object = sink
    while isinstance(name, str) and name in sinks and name not in kept:
        kept[name] = sinks[name]
        delivery = kept[name].get("delivery") if isinstance(kept[name], Mapping) else None
        name = delivery.get("fallback") if isinstance(delivery, Mapping) else None
    return kept


def _without_own_events(pipeline: Any) -> Any:
    if not isinstance(pipeline, Mapping) or not isinstance(pipeline.get("match", []), list):
        return pipeline
    return {**pipeline, "match": [*pipeline.get("match", []), "!penstock.**"]}


def _stages(tables: Mapping[str, Any], pipelines: Iterable[Any]) -> Table:
    """Return the stages among *tables*: what neither a pipeline names nor sees every event is a source."""
    named = [pipeline.get("emit") for pipeline in pipelines if isinstance(pipeline, Mapping)]
    used = {name for names in named if isinstance(names, list) for name in names if isinstance(name, str)}
    return {
        name: table
        for name, table in tables.items()
        if name in used or not isinstance(table, Mapping) or table.get("always")
    }
