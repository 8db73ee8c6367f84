"""The figures to reach, as data; a full run ends with what was measured beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, NamedTuple

from bench.table import Found, number, ratio

Sense = Literal["at most", "times as fast", "times as many", "at most ns", "at most ms"]
"""How a goal is compared: ours over theirs, theirs over ours, ours over theirs and more is better, or ours alone."""


class Goal(NamedTuple):
    """One figure to reach.

    Attributes:
        measure: The measure in which both figures are.
        column: The column, the same for both.
        ours: The row that shall reach it.
        theirs: The row it is compared with; empty for an absolute figure.
        sense: How.
        limit: What to reach.
    """

    measure: str
    column: str
    ours: str
    theirs: str
    sense: Sense
    limit: float


GOALS: Sequence[Goal] = (
    Goal("inline", "wall", "penstock", "hand-written", "at most", 1.0),
    Goal("inline", "wall", "penstock", "picologging, orjson", "times as fast", 2.1),
    Goal("inline", "wall", "penstock", "stdlib, orjson tuned", "times as fast", 5.5),
    Goal("inline", "wall", "penstock", "stdlib, python-json-logger", "times as fast", 12),
    Goal("inline", "wall", "penstock", "structlog, orjson", "times as fast", 6),
    Goal("inline", "wall", "penstock", "loguru, serialize", "times as fast", 22),
    Goal("queued", "wall", "penstock queued", "picologging, QueueHandler", "times as fast", 2.4),
    Goal("queued", "wall", "penstock queued", "stdlib, SimpleQueue tuned", "times as fast", 8),
    Goal("queued", "wall", "penstock queued", "loguru, enqueue", "times as fast", 110),
    Goal("queued", "process CPU", "penstock queued", "picologging, QueueHandler", "at most", 0.35),
    Goal("queued", "wall", "penstock queued, spool", "penstock queued", "at most", 1.6),
    Goal("disabled", "ns", "penstock", "stdlib, python-json-logger", "at most", 0.6),
    Goal("telemetry", "ns", "execute, no handler", "", "at most ns", 250),
    Goal("latency", "threads p99.9", "penstock", "stdlib, python-json-logger", "at most", 0.1),
    Goal("threads", "events/s", "penstock queued", "structlog, orjson", "times as many", 20),
    Goal("threads", "events/s", "penstock queued", "stdlib, orjson tuned", "times as many", 15),
    Goal("imports", "ms", "penstock", "logging", "at most", 1.2),
    Goal("configure", "first, ms CPU", "100 other distributions", "", "at most ms", 60),
    Goal("capture", "plain wall", "penstock, capture", "stdlib, python-json-logger", "at most", 0.6),
)


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A goal, and how far it is: None where it was not measured."""

    goal: Goal
    measured: float | None

    @property
    def reached(self) -> bool | None:
        """Whether it is reached."""
        if self.measured is None:
            return None
        more = self.goal.sense in ("times as fast", "times as many")
        return self.measured >= self.goal.limit if more else self.measured <= self.goal.limit

    def cells(self) -> list[str]:
        """Return a line of the table."""
        goal = self.goal
        against = f" / {goal.theirs}" if goal.theirs else ""
        said = {None: "not measured", True: "yes", False: "no"}[self.reached]
        measured = "-" if self.measured is None else number(self.measured)
        return [f"{goal.measure}, {goal.column}: {goal.ours}{against}", f"{goal.sense} {goal.limit:g}", measured, said]


def judge(found: Mapping[str, Found]) -> list[Reached]:
    """Return every goal with what *found*, by measure, says of it."""
    return [Reached(goal=goal, measured=_measured(goal, found.get(goal.measure, {}))) for goal in GOALS]


def _measured(goal: Goal, found: Found) -> float | None:
    if not goal.theirs:
        values = found.get(goal.ours, {}).get(goal.column, ())
        return median(values) if values else None
    if goal.sense == "times as fast":
        return ratio(found, goal.theirs, goal.ours, goal.column)
    return ratio(found, goal.ours, goal.theirs, goal.column)
