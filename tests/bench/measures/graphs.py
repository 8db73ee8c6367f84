"""What more pipelines and more sinks cost: of 1, 5 and 20 pipelines one matches; or all match, and share a format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.check import check_file
from bench.contenders.penstock import Penstock
from bench.event import Case
from bench.runs import Outcome, Run
from bench.table import Found, Table
from bench.timing import time_events

ROUNDS = 5
_ONE_OF = (1, 5, 20)
_ALL_OF = (2, 5, 10)


def runs() -> Sequence[Run]:
    """Return a run for each graph."""
    one_of = [_run(f"1 of {count} pipelines matches", "pipelines", count) for count in _ONE_OF]
    return [*one_of, *(_run(f"{count} pipelines match, a file each", "files", count) for count in _ALL_OF)]


def _run(row: str, column: str, number: int) -> Run:
    return Run(measure="graphs", row=row, column=column, contender="penstock", case=Case(redact=True), number=number)


class Graph(Penstock):
    """Penstock with more than one pipeline."""

    def __init__(self, path: Path, case: Case, files: Sequence[Path], others: int) -> None:
        self._files, self._others = files, others
        super().__init__(path, case)

    def table(self, path: Path, case: Case) -> dict[str, Any]:
        """Return the configuration with a file for each that matches, and pipelines that do not match."""
        table = super().table(path, case)
        file, sinks, pipelines = table["sink"]["file"], table["sink"], table["pipeline"]
        for number in range(self._others):
            pipelines[f"other-{number}"] = {"match": [f"other.{number}.**"], "sink": "file", "format": "line"}
        for another in self._files:
            sinks[another.stem] = {**file, "path": str(another)}
            pipelines[another.stem] = {"match": ["bench.**"], "sink": another.stem, "format": "line"}
        return table


def run(run: Run, path: Path) -> Outcome:
    """Time the event, and look into every file."""
    more = run.number - 1
    files = [path.with_name(f"more-{number}.jsonl") for number in range(more)] if run.column == "files" else []
    graph = Graph(path, run.case, files, 0 if files else more)
    figures, events = time_events(graph, run, path)
    for file in files:
        check_file(file, Penstock, run.case, events, in_order=True)
    return Outcome(figures={"wall": figures["wall"]}, events=events)


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "Pipelines and files: wall µs per event, inline"
    return [Table(title=title, columns=("wall",), found=found, base="1 of 1 pipelines matches")]
