"""What a run leaves behind: text on the terminal, all figures as JSON, a page and a picture for the documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.goals import Reached
from bench.plot import draw
from bench.table import Found, Table, as_markdown, columns_of, markdown_rows

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
"""Between these lines of the page stand the figures."""


def keep(path: Path, machine: Mapping[str, str], found: Mapping[str, Found], goals: Sequence[Reached]) -> None:
    """Write all figures of all rounds as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    judged = [{**one.goal._asdict(), "measured": one.measured, "reached": one.reached} for one in goals]
    path.write_text(json.dumps({"machine": machine, "found": found, "goals": judged}, indent=1) + "\n")


def machine_text(machine: Mapping[str, str]) -> str:
    """Return the header of the output."""
    return "\n".join(f"{key:12} {value}" for key, value in machine.items())


def goals_text(goals: Sequence[Reached]) -> str:
    """Return the table that ends the output."""
    return "\n".join(["## Goals", *columns_of([["", "goal", "measured", "reached"], *(one.cells() for one in goals)])])


def into_page(page: Path, machine: Mapping[str, str], tables: Sequence[Table], goals: Sequence[Reached]) -> None:
    """Put all tables between the marks of *page*."""
    head, rest = page.read_text().split(BEGIN)
    tail = rest.split(END)[1]
    parts = [markdown_rows([["", ""], *([key, value] for key, value in machine.items())])]
    parts += [f"### {table.title}\n\n{as_markdown(table)}" for table in tables]
    parts.append(
        "### Goals\n\n" + markdown_rows([["", "goal", "measured", "reached"], *(one.cells() for one in goals)])
    )
    page.write_text(head + BEGIN + "\n\n" + "\n\n".join(parts) + "\n\n" + END + tail)


def picture(found: Mapping[str, Found]) -> str:
    """Return the plot: the two main tables."""
    titles = {
        "inline": "Inline: µs per event until it is in the file",
        "queued": "Queued: µs per event until the caller goes on",
    }
    return draw([(title, found[name], "wall") for name, title in titles.items() if name in found])
