"""Command: `penstock graph`; a configuration in, its picture out; the main thread; opens no sink, and draws as much of
a wrong configuration as there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from penstock_cli import manners, output
from penstock_cli.group import Command
from penstock_cli.options import profile_option

if TYPE_CHECKING:
    from penstock import Problem
    from penstock.tooling import Description

_FORMATS: Final = ("tree", "mermaid", "dot", "svg", "json")


@click.command(
    cls=Command,
    examples=["penstock graph", "penstock graph --format svg > river.svg", "penstock graph --format dot | dot -Tpdf"],
)
@click.argument("file", required=False, type=click.Path())
@profile_option
@click.option("--format", type=click.Choice(_FORMATS), default="tree", help="How it is drawn; default: tree.")
@click.option(
    "--theme",
    type=click.Choice(["auto", "light", "dark"]),
    default="auto",
    help="Colours of an SVG; default: as the page that it is on asks for.",
)
@click.pass_context
def graph(ctx: click.Context, file: str | None, profile: str | None, format: str, theme: str) -> None:
    """Draw the river that FILE describes: every pipeline, and the way of its events.

    Without FILE: the configuration that a program started here would find. No reference to a secret is followed, no
    sink is opened. Exit code 1 if there is a problem; what can be drawn is drawn.
    """
    from penstock import tooling  # late: brings the plugins' loader

    found = tooling.describe(file, profile=profile, resolve=False)
    wrong = [problem for problem in found.problems if not problem.warns]
    if found.pipelines or found.sinks or not wrong:
        _show(found, format, theme)
    _tell(wrong)
    ctx.exit(manners.FINDINGS if wrong else manners.FINE)


def _show(found: Description, format: str, theme: str) -> None:
    from penstock_cli.graph import dot, mermaid, river, svg  # late: --help needs none of it

    if format == "tree":
        from penstock_cli.graph import tree  # later still: brings rich

        output.data(tree.drawn(found, river.name_of(found)))
        return
    picture = river.river_of(found)
    if format == "json":
        boxes = [box._asdict() for box in picture.boxes]
        output.data_json({"file": found.file, "boxes": boxes, "arrows": [arrow._asdict() for arrow in picture.arrows]})
    elif format == "svg":
        output.data(svg.drawn(picture, theme))  # type: ignore[arg-type]
    else:
        output.data((mermaid if format == "mermaid" else dot).drawn(picture))


def _tell(problems: list[Problem]) -> None:
    for problem in problems:
        output.message(output.plain(f"penstock: {problem}"))
    if problems:
        file = problems[0].file
        output.message(output.plain(f"penstock: next: penstock check{f' {file}' if file else ''}"))
