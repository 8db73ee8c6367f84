"""Route: the command `penstock route`; an event in, the way that it would take and every reason out; the main thread;
nothing is sent, no sink opened, no secret looked up.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from penstock_cli import manners, output, places
from penstock_cli.configured import complaint
from penstock_cli.group import Command
from penstock_cli.options import config_option, format_option, profile_option

if TYPE_CHECKING:
    from penstock.tooling import Decision, PipelineRoute, Route, SinkRoute

_STDIN: Final = "-"
_HINT: Final = """such as '{"name": "shop.sold", "level": "error", "fields": {"qty": 2}}'"""


@click.command(
    cls=Command,
    examples=[
        """penstock route '{"name": "trade.filled", "level": "error", "fields": {"qty": 2}}'""",
        """penstock route '{"name": "shop.order.paid", "measurements": {"amount": 12.5}}' --format json""",
    ],
)
@config_option
@profile_option
@format_option
@click.argument("event", metavar="EVENT")
@click.pass_context
def route(ctx: click.Context, config: str | None, profile: str | None, format: str, event: str) -> None:
    """Show which way EVENT would take: which pipelines take it, why the others do not, and what each sink would get.

    EVENT is a JSON object; `-` reads it from standard input. It needs a name; level, message, fields, context,
    measurements, metadata, error and time are what they are in the table `emit` of a [[test]]. Exit code 1 if no
    pipeline takes it.
    """
    from penstock import ConfigError, tooling  # late: brings the plugins' loader

    given = _parsed(sys.stdin.read() if event == _STDIN else event)
    try:
        document = tooling.document(config, profile)
        found = tooling.route(given, document)
    except tooling.EventError as error:
        raise click.UsageError("; ".join(str(problem) for problem in error.problems)) from None
    except ConfigError as error:
        raise complaint(error, config, "nothing was tried") from None
    if format == "json":
        output.data_json(_document(found))
    else:
        _print(found)
    ctx.exit(manners.FINE if any(one.takes for one in found.pipelines) else manners.FINDINGS)


def _parsed(text: str) -> Mapping[str, object]:
    try:
        given = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"the event is no JSON: {error}; {_HINT}") from None
    if not isinstance(given, dict):
        raise click.UsageError(f"the event is no JSON object; {_HINT}")
    return given


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


# -- for people -------------------------------------------------------------------------------------------------------


def _print(found: Route) -> None:
    for text in _lines(found):
        output.data(text)
    for problem in found.problems:
        problem.file = places.from_here(problem.file)
        output.message(f"penstock: {output.plain(str(problem))}")
    for fault in found.faults:
        output.message(output.plain(str(fault)))
    if not any(one.takes for one in found.pipelines):
        output.message("penstock: no pipeline takes it")


def _lines(found: Route) -> Iterator[str]:
    for pipeline in found.pipelines:
        takes = "takes it" if pipeline.takes else "does not take it"
        yield output.plain(f"pipeline {pipeline.name} -> sink {pipeline.sink}: {takes}")
        yield from _decisions(pipeline)
    yield ""
    for sink in found.sinks:
        if sink.records or not sink.made or _is_named(sink, found.pipelines):
            yield output.plain(f"sink {sink.name} {_gets(sink)}")
            for data in sink.records:
                yield from (f"    {line}" for line in places.lines(data))


def _decisions(pipeline: PipelineRoute) -> Iterator[str]:
    rows = [(one, output.plain(one.text), places.place(one.where)) for one in pipeline.decisions]
    text_width = max((len(text) for _, text, _ in rows), default=0)
    place_width = max((len(place) for _, _, place in rows), default=0)
    for one, text, place in rows:
        passed = "yes" if one.passed else "no"
        line = output.plain(one.where.text)
        yield f"    {one.by:<5}  {passed:<3}  {text:<{text_width}}  {place:<{place_width}}  {line}".rstrip()


def _is_named(sink: SinkRoute, pipelines: Sequence[PipelineRoute]) -> bool:
    return any(one.sink == sink.name for one in pipelines)


def _gets(sink: SinkRoute) -> str:
    if not sink.made:
        return "could not be made; its fallback gets what it would have got"
    if not sink.records:
        return "gets nothing"
    sizes = ", ".join(f"{len(data):,} bytes" for data in sink.records)
    return f"({sink.type}) gets {sizes}:"


# -- for programs -----------------------------------------------------------------------------------------------------


def _document(found: Route) -> dict[str, object]:
    return {
        "file": found.file,
        "event": {"name": found.event.name, "level": found.event.level},  # no values: one may be a secret
        "pipelines": [
            {
                "name": one.name,
                "sink": one.sink,
                "takes": one.takes,
                "decisions": [_decision(decision) for decision in one.decisions],
            }
            for one in found.pipelines
        ],
        "sinks": [
            {"name": one.name, "type": one.type, "made": one.made, "records": [places.record(r) for r in one.records]}
            for one in found.sinks
        ],
        "problems": [str(problem) for problem in found.problems],
        "faults": [str(fault) for fault in found.faults],
    }


def _decision(one: Decision) -> dict[str, object]:
    return {"by": one.by, "passed": one.passed, "text": one.text, "keys": list(one.keys), **places.as_json(one.where)}
