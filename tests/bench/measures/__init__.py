"""One module per question: its runs, what a run does in the child, its tables."""

from __future__ import annotations

from importlib import import_module

from bench.runs import Measure

NAMES = (
    "inline",
    "queued",
    "threads",
    "features",
    "capture",
    "tasks",
    "console",
    "latency",
    "disabled",
    "telemetry",
    "graphs",
    "growth",
    "processes",
    "imports",
    "configure",
    "memory",
)
"""In the order of the output."""


def load(name: str) -> Measure:
    """Return the measure called *name*."""
    measure: Measure = import_module(f"bench.measures.{name}")
    return measure
