"""Tree: the river for a terminal; a description in, text out; any thread; nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from rich.text import Text
from rich.tree import Tree

from penstock_cli import output
from penstock_cli.graph.river import delivery_of
from penstock_cli.output import plain

if TYPE_CHECKING:
    from penstock.tooling import Description, PipelineDescription, SinkDescription

_WIDE: Final = 100
"""Columns where there is no terminal to ask."""


def drawn(found: Description, title: str) -> str:
    """Return the river as a tree: what comes in, and each pipeline with the way of its events."""
    tree = Tree(Text(title, style="bold"))
    for name, text in _coming(found):
        tree.add(Text.assemble((f"{name} ", "dim"), text))
    sinks = {sink.name: sink for sink in found.sinks}
    for pipeline in found.pipelines:
        branch = tree.add(Text.assemble("pipeline ", (plain(pipeline.name), "bold cyan")))
        for name, value in _way(pipeline, sinks):
            branch.add(Text.assemble((f"{name} ", "dim"), value))
    used = {pipeline.sink for pipeline in found.pipelines} | {sink.fallback for sink in found.sinks}
    for sink in found.sinks:
        if sink.name not in used:
            tree.add(Text.assemble(("sink ", "dim"), _sink(sink), (": no pipeline leads here", "yellow")))
    return output.drawn(tree, output.width() or _WIDE)


def _coming(found: Description) -> Iterator[tuple[str, str]]:
    if found.capture:
        yield "capture", " ".join(found.capture)
    for stage in found.stages:
        if stage.source:
            yield "source", plain(f"{stage.name}: {stage.type}")
    always = [stage.name for stage in found.stages if stage.always and not stage.source]
    if always:
        yield "emit", plain(f"{' '.join(always)} (always)")


def _way(pipeline: PipelineDescription, sinks: Mapping[str, SinkDescription]) -> Iterator[tuple[str, Text | str]]:
    yield "match", plain(f"{' '.join(pipeline.match) or '**'} from {pipeline.level}")
    if pipeline.emit:
        yield "emit", plain(" ".join(pipeline.emit))
    yield "redact", plain(" ".join(pipeline.redact)) or "nothing but known secrets"
    if pipeline.format:
        yield "format", plain(pipeline.format)
    sink = sinks.get(pipeline.sink)
    if sink is None:
        yield "sink", Text(f"{plain(pipeline.sink)}: there is no such sink", style="red")
        return
    yield "sink", _sink(sink)
    if sink.fallback:
        yield "fallback", plain(sink.fallback)


def _sink(sink: SinkDescription) -> str:
    about = ", ".join(delivery_of(sink))
    return f"{plain(sink.name)}: {about}"
