"""A run: what one child process does for one cell or row of a table, and what it says when it is done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from bench.event import Case
from bench.table import Found, Table


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run.

    Attributes:
        measure: Whose `run` the child calls.
        row: Where its figures belong in the table.
        column: The same, where a row needs several runs.
        contender: Which library in which configuration; empty where the measure itself knows what to do.
        case: What is asked of the contender.
        seconds: How long a run may take, about; the number of events is chosen to fit.
        threads: How many threads, or processes, emit at once.
        number: What only this measure understands.
        length: ``quick`` if it only has to run, ``long`` if time does not matter.
    """

    measure: str
    row: str
    column: str = ""
    contender: str = ""
    case: Case = field(default_factory=Case)
    seconds: float = 0.3
    threads: int = 1
    number: int = 0
    length: Literal["quick", "full", "long"] = "full"

    def to_json(self) -> str:
        """Return this run as text, for the child's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Run:
        """Return the run that *text* describes."""
        members = json.loads(text)
        shape = members["case"]["shape"]
        case = Case(**{**members["case"], "shape": tuple(shape) if shape else None})
        return cls(**{**members, "case": case})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run found out.

    Attributes:
        figures: By the name of a column.
        events: How many events must be in the file, numbered from 0; None if there is no such file.
    """

    figures: Mapping[str, float]
    events: int | None = None


class Measure(Protocol):
    """A module that answers one question; its docstring says which."""

    __name__: str
    ROUNDS: int

    def runs(self) -> Sequence[Run]:
        """Return all runs of a round, in the order of the table."""
        ...

    def run(self, run: Run, path: Path, /) -> Outcome:
        """Do one, in the child."""
        ...

    def tables(self, found: Found, /) -> Sequence[Table]:
        """Return what came out of all rounds."""
        ...
