"""River: the picture behind every format; a description in, boxes and arrows out; any thread; what leads nowhere is a
box that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from penstock_cli.output import plain

if TYPE_CHECKING:
    from penstock.tooling import Description, PipelineDescription, SinkDescription

Column: TypeAlias = Literal["in", "always", "match", "emit", "redact", "format", "sink"]
COLUMNS: Final[Mapping[Column, str]] = {
    "in": "emit",
    "always": "emit, always",
    "match": "match",
    "emit": "emit",
    "redact": "redact",
    "format": "format",
    "sink": "deliver -> sink",
}
"""The stages from left to right, each with the word for its head."""
_ENTRANCE: Final = "in"


class Box(NamedTuple):
    """One stage of the river, with what a person wants to know about it."""

    key: str
    column: Column
    row: int
    """Of its pipeline; sinks and what comes in belong to all, and say 0."""
    title: str
    notes: Sequence[str]
    wrong: bool


class Arrow(NamedTuple):
    """The way from one box to another."""

    start: str
    end: str
    fallback: bool = False


class River(NamedTuple):
    """A configuration as boxes and arrows."""

    title: str
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]

    def column(self, column: Column) -> list[Box]:
        """Return the boxes of one column, from the top."""
        return [box for box in self.boxes if box.column == column]


def river_of(found: Description) -> River:
    """Return the picture of a configuration."""
    return _Drawing(found).river()


def name_of(found: Description) -> str:
    """Return what a picture is headed with: the name of the file, without its folders."""
    return plain(Path(found.file).name) if found.file else "no configuration: this is what runs without one"


class _Drawing:
    def __init__(self, found: Description) -> None:
        self._found = found
        self._wrong = {problem.keys[:2] for problem in found.problems if not problem.warns}
        self._sinks = {sink.name: sink for sink in found.sinks}

    def river(self) -> River:
        ways = [list(self._way(row, pipeline)) for row, pipeline in enumerate(self._found.pipelines)]
        coming, entrance = list(self._coming()), list(self._entrance())
        sinks = list(self._all_sinks())
        arrows = [Arrow(box.key, box_in.key) for box in coming for box_in in entrance]
        doors = entrance or coming
        for pipeline, way in zip(self._found.pipelines, ways, strict=True):
            arrows += [Arrow(door.key, way[0].key) for door in doors]
            keys = [*(box.key for box in way), _key("sink", pipeline.sink)]
            arrows += [Arrow(start, end) for start, end in pairwise(keys)]
        arrows += [
            Arrow(_key("sink", sink.name), _key("sink", sink.fallback), fallback=True)
            for sink in self._found.sinks
            if sink.fallback
        ]
        boxes = [*coming, *entrance, *(box for way in ways for box in way), *sinks]
        return River(name_of(self._found), boxes, arrows)

    def _coming(self) -> Iterator[Box]:
        """Yield what says something: the program, and each source."""
        calls = ["log.info()", "execute()", "span()", *self._found.capture]
        yield Box(_ENTRANCE, "in", 0, "the program", calls, wrong=False)
        for stage in self._found.stages:
            if stage.source:
                yield Box(_key("source", stage.name), "in", 0, *self._named("emit", stage.name, stage.type))

    def _entrance(self) -> Iterator[Box]:
        """Yield what all of it goes through, in order."""
        always = [stage for stage in self._found.stages if stage.always and not stage.source]
        if always:
            wrong = any(("emit", stage.name) in self._wrong for stage in always)
            yield Box("always", "always", 0, plain(always[0].name), [plain(s.name) for s in always[1:]], wrong)

    def _way(self, row: int, pipeline: PipelineDescription) -> Iterator[Box]:
        """Yield what a pipeline does to an event, in order, without its sink."""
        name = pipeline.name
        wanted = [*(plain(pattern) for pattern in pipeline.match or ["**"]), f"from {pipeline.level}"]
        yield Box(_key("match", name), "match", row, plain(name), wanted, ("pipeline", name) in self._wrong)
        if pipeline.emit:
            yield self._listed("emit", row, name, pipeline.emit)
        if pipeline.redact:
            yield self._listed("redact", row, name, pipeline.redact)
        else:
            yield Box(_key("redact", name), "redact", row, "nothing", ["but known secrets"], wrong=False)
        if pipeline.format:
            yield self._listed("format", row, name, [pipeline.format])

    def _listed(self, kind: Literal["emit", "redact", "format"], row: int, pipeline: str, names: Sequence[str]) -> Box:
        wrong = any((kind, name) in self._wrong for name in names)
        return Box(_key(kind, pipeline), kind, row, plain(names[0]), [plain(name) for name in names[1:]], wrong)

    def _all_sinks(self) -> Iterator[Box]:
        """Yield every sink: those that pipelines lead to, in their order, then those that only catch, then the rest."""
        named = [pipeline.sink for pipeline in self._found.pipelines]
        caught = [sink.fallback for sink in self._found.sinks if sink.fallback]
        for name in dict.fromkeys([*named, *caught, *self._sinks]):
            sink = self._sinks.get(name)
            if sink is None:
                yield Box(_key("sink", name), "sink", 0, plain(name), ["there is no such sink"], wrong=True)
            else:
                unused = name not in named and name not in caught
                notes = [*delivery_of(sink)]
                notes += [plain(f"fallback {sink.fallback}")] if sink.fallback else []
                notes += ["no pipeline leads here"] if unused else []
                yield Box(_key("sink", name), "sink", 0, plain(name), notes, ("sink", name) in self._wrong)

    def _named(self, kind: str, name: str, type_name: str) -> tuple[str, Sequence[str], bool]:
        return plain(name), [] if type_name == name else [plain(type_name)], (kind, name) in self._wrong


def delivery_of(sink: SinkDescription) -> Iterator[str]:
    """Yield what a person wants to know of a sink, in a few words each."""
    if sink.type != sink.name:
        yield plain(sink.type)
    room = f", {sink.queue}" if sink.queue else ""
    yield f"{sink.mode}{room}"
    if sink.spool:
        yield f"spool {sink.spool}"
    if sink.level:
        yield f"from {plain(sink.level)}"


def _key(column: str, name: str) -> str:
    """Return what tells a box from all others: columns have no dot."""
    return f"{column}.{name}"
