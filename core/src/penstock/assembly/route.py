"""Route: which way one event takes, and why; a document and an event in, every decision and all bytes out; the asking
thread; nothing is sent, and nothing of the process changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, final

from attrs import evolve

from penstock.assembly.cases import EventTable
from penstock.assembly.compose import LAST_RESORT
from penstock.assembly.config import Document, PipelineTable
from penstock.assembly.structure import Structurer
from penstock.assembly.trial import Passage, Trial
from penstock.assembly.where import Where, where
from penstock.clock import time_ns
from penstock.errors import ConfigError, Problem
from penstock.event import Event
from penstock.faults import Fault
from penstock.levels import level_name
from penstock.river.match import build_match, longest_prefix
from penstock.types import Record

By = Literal["match", "level", "stage"]


class EventError(ConfigError):
    """What was given is no event; ``.problems`` have no file, and their paths are those in what was given."""


class Decision(NamedTuple):
    """One of the things that decide whether a pipeline takes an event."""

    by: By
    passed: bool
    text: str
    """What decided, for a person."""
    keys: tuple[str | int, ...]
    """Where that stands in the document."""
    where: Where


class PipelineRoute(NamedTuple):
    """What one pipeline made of the event."""

    name: str
    sink: str
    takes: bool
    decisions: Sequence[Decision]
    """In the order in which they are made; the first that did not pass is the reason."""


class SinkRoute(NamedTuple):
    """What one sink would get."""

    name: str
    type: str
    records: Sequence[bytes]
    """The finished bytes; for a sink that takes events, those of a JSON object with the redacted event."""
    made: bool
    """Whether the sink could be made; else its fallback gets what it would have got."""


class Route(NamedTuple):
    """The way of one event."""

    file: str | None
    event: Event
    pipelines: Sequence[PipelineRoute]
    sinks: Sequence[SinkRoute]
    problems: Sequence[Problem]
    """What is wrong with the configuration but can be done without."""
    faults: Sequence[Fault]
    """What went wrong on the way."""


def event_of(given: Mapping[str, object]) -> EventTable:
    """Return *given* as an event.

    Raises:
        EventError: With everything that is wrong with it.
    """
    table, problems = Structurer(Path(), resolve=False).structure(given, EventTable)
    if problems:
        raise EventError(problems)
    found: EventTable = table
    return found


def route(document: Document, table: EventTable) -> Route:
    """Return the way of the event of *table* through the configuration in *document*.

    Raises:
        ConfigError: If the configuration cannot run.
    """
    trial = Trial(document, begin_ns=time_ns() if table.time_ns is None else table.time_ns)
    if table.times > 1:
        trial.emit(evolve(table, times=table.times - 1))
    before = len(trial.passages)
    (event,) = trial.emit(evolve(table, times=1))
    passages = trial.passages[before:]
    trial.end()
    reasons = _Reasons(document, trial, event, passages)
    return Route(
        document.file,
        event,
        [reasons.pipeline(name, pipeline) for name, pipeline in trial.config.pipeline.items()],
        list(_sinks(trial)),
        trial.problems,
        trial.faults,
    )


_Made = tuple[By, bool, str, tuple[str | int, ...]]
"""A decision before its place is looked up."""


@final
class _Reasons:
    """Why the pipelines of one trial take an event, or do not."""

    def __init__(self, document: Document, trial: Trial, event: Event, passages: Sequence[Passage]) -> None:
        self._document = document
        self._trial = trial
        self._passages = passages
        self._event = event
        for passage in passages:
            if passage.pipeline is None and passage.kept is not None:
                self._event = passage.kept  # a stage for all events may have changed what the rest decides by

    def pipeline(self, name: str, table: PipelineTable) -> PipelineRoute:
        """Return what the pipeline *name* made of the event."""
        made = [
            *self._by_stages(None),
            *self._by_match(name, table),
            *self._by_levels(name, table),
            *self._by_stages(name),
        ]
        decisions = [Decision(by, passed, text, keys, where(self._document, keys)) for by, passed, text, keys in made]
        return PipelineRoute(name, table.sink, all(one.passed for one in decisions), decisions)

    def _by_match(self, name: str, table: PipelineTable) -> Iterator[_Made]:
        keys = ("pipeline", name, "match")
        fitting = [
            (place, pattern)
            for place, pattern in enumerate(table.match)
            if build_match([pattern.removeprefix("!")])(self._event.name)
        ]
        excluding = [(place, pattern) for place, pattern in fitting if pattern.startswith("!")]
        including = [(place, pattern) for place, pattern in fitting if not pattern.startswith("!")]
        if excluding:
            place, pattern = excluding[0]
            yield "match", False, f"{self._event.name} is excluded by {pattern!r}", (*keys, place)
        elif including:
            place, pattern = including[0]
            yield "match", True, f"{self._event.name} matches {pattern!r}", (*keys, place)
        elif all(pattern.startswith("!") for pattern in table.match):
            text = "every name matches" if not table.match else f"{self._event.name} is not excluded"
            yield "match", True, text, keys if table.match else keys[:2]
        else:
            wanted = ", ".join(repr(pattern) for pattern in table.match if not pattern.startswith("!"))
            yield "match", False, f"{self._event.name} matches none of {wanted}", keys

    def _by_levels(self, name: str, table: PipelineTable) -> Iterator[_Made]:
        config, level = self._trial.config, self._event.level
        entry = longest_prefix(self._event.name, {one: one for one in config.levels})
        gates: list[tuple[int, str, tuple[str | int, ...]]] = []
        if entry is not None:
            gates.append((int(config.levels[entry]), f"the level of {entry!r} in [levels]", ("levels", entry)))
        if table.level is not None:
            gates.append((int(table.level), "the level of the pipeline", ("pipeline", name, "level")))
        elif entry is None:
            whose = "the level of the file" if "level" in self._document.table else "the default level"
            gates.append((int(config.level), whose, ("level",)))
        sink = self._trial.plans[table.sink].level
        if sink:
            gates.append((sink, f"the level of the sink {table.sink!r}", ("sink", table.sink, "level")))
        for wanted, whose, keys in gates:
            passed = level >= wanted
            words = "reaches" if passed else "is below"
            yield "level", passed, f"{level_name(level)} {words} {level_name(wanted)}, {whose}", keys

    def _by_stages(self, pipeline: str | None) -> Iterator[_Made]:
        for passage in self._passages:
            if passage.pipeline == pipeline:
                passed = passage.kept is not None
                text = f"passes {passage.stage!r}" if passed else f"stopped by {passage.stage!r} ({passage.gate})"
                yield "stage", passed, text, ("emit", passage.stage)


def _sinks(trial: Trial) -> Iterator[SinkRoute]:
    for name, received in trial.received.items():
        plan = trial.plans.get(name)
        declared = trial.config.sink.get(name, {}).get("type", name)
        yield SinkRoute(
            name,
            LAST_RESORT if plan is None else str(declared),
            [shown(one) for one in received],
            made=plan is None or plan.made,
        )


def shown(received: Record | Event) -> bytes:
    """Return what came to a sink as bytes: those of the record, or a JSON object with the redacted event."""
    if isinstance(received, Record):
        return received.data
    event = received
    parts = {
        "name": event.name,
        "level": level_name(event.level),
        "message": event.message,
        "fields": event.fields,
        "context": event.context,
        "measurements": event.measurements,
        "metadata": event.metadata,
        "error": None if event.error is None else getattr(event.error, "stack", str(event.error)),
    }
    return json.dumps({key: part for key, part in parts.items() if part not in (None, "", {})}, default=str).encode()
