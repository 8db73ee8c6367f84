"""All runs of a measure, interleaved: in each round every one once, each in a fresh process, each output checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from bench import contenders
from bench.check import Wrong, check_file
from bench.runs import Run

_LIMIT = 600.0
"""Seconds; a child that takes longer hangs, and the others go on."""

Cell: TypeAlias = tuple[str, str]
"""A row, and a column or nothing."""


@dataclass
class Results:
    """What all rounds of a measure found: figures by row and column, and reasons why there are none.

    Attributes:
        found: A figure for each round.
        absent: What cannot be measured, and why.
        failed: What wrote something wrong, or did not end.
        known: By row: what must be known of its contender.
    """

    found: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    absent: dict[Cell, str] = field(default_factory=dict)
    failed: dict[Cell, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def note(self, run: Run, answer: dict[str, Any]) -> None:
        """Keep what a run said."""
        if "figures" in answer:
            row = self.found[run.row]
            for column, value in answer["figures"].items():
                row.setdefault(column, []).append(value)
        elif "absent" in answer:
            self.absent[run.row, run.column] = answer["absent"]
        else:
            self.failed[run.row, run.column] = answer["failed"]
            if not run.column:
                self.found[run.row] = {}  # a contender whose output was wrong once has no figures at all

    def notes(self, columns: Sequence[str] = ()) -> dict[str, str]:
        """Return what must be said of rows that have no figures, or not all: of these *columns*, or of all."""
        notes: dict[str, list[str]] = {row: [text] for row, text in self.known.items()}
        failed = {cell: f"FAILED: {text.strip().splitlines()[-1]}" for cell, text in self.failed.items()}
        for (row, column), text in (*self.absent.items(), *failed.items()):
            if column in columns or not columns:
                notes.setdefault(row, []).append(text)
        return {row: "; ".join(dict.fromkeys(texts)) for row, texts in notes.items()}


def measure_all(runs: Sequence[Run], rounds: int, at_once: int, tell: Callable[[str], None]) -> Results:
    """Do each of *runs* once in each of *rounds*, and return what came out.

    Args:
        runs: In the order of the table.
        rounds: How often; each begins one run further on, so that nobody always comes behind the same.
        at_once: How many processes; more than one only where the figures do not matter.
        tell: Called with a word on what is being done.
    """
    known = {run.row: note for run in runs if (note := note_on(run))}
    results = Results(found={run.row: {} for run in runs}, known=known)
    with ThreadPoolExecutor(at_once) as pool:
        for turn in range(rounds):
            tell(f"round {turn + 1} of {rounds}")
            shift = turn % max(1, len(runs))
            hopeless = results.absent.keys() | results.failed.keys()
            left = [run for run in (*runs[shift:], *runs[:shift]) if (run.row, run.column) not in hopeless]
            for run, answer in zip(left, pool.map(one, left), strict=True):
                results.note(run, answer)
    return results


def note_on(run: Run) -> str:
    """Return what must be known of the contender of *run*."""
    try:
        return contenders.load(run.contender).form.note if run.contender else ""
    except ImportError:
        return ""  # the run itself will say so


def one(run: Run) -> dict[str, Any]:
    """Do *run* in a child process, and check what it wrote."""
    with TemporaryDirectory(prefix="penstock-bench-") as folder:
        path = Path(folder) / "out.jsonl"
        answer = ask(run, path)
        if answer.get("events") is not None:
            try:
                kind = contenders.load(run.contender)
                check_file(path, kind, run.case, answer["events"], in_order=run.threads == 1)
            except Wrong as wrong:
                return {"failed": str(wrong)}
        return answer


def ask(run: Run, path: Path) -> dict[str, Any]:
    """Return the answer of a child that does *run*."""
    paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "bench.child", run.to_json(), str(path)]
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=_LIMIT, check=False, cwd=path.parent
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"did not end within {_LIMIT:.0f} s"}
    if child.returncode or not child.stdout.strip():
        return {"failed": f"exit status {child.returncode}: {child.stderr[-2000:]}"}
    answer: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return answer
