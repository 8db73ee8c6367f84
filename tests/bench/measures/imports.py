"""What an import costs over bare Python: ms of wall and of CPU, and modules loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.runs import Outcome, Run
from bench.table import Found, Table

ROUNDS = 9
_PAIRS = 8
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""With what users have: modules that are compiled already."""
STATEMENTS = {
    "logging": "import logging",
    "penstock": "import penstock",
    "stdlib, python-json-logger": "import logging, pythonjsonlogger.json",
    "structlog": "import structlog",
    "loguru": "import loguru",
    "picologging": "import picologging",
    "eliot": "import eliot",
    "logbook": "import logbook",
    "OpenTelemetry": "import opentelemetry.sdk._logs",
}


def runs() -> Sequence[Run]:
    """Return a run for each library."""
    return [Run(measure="imports", row=name) for name in STATEMENTS]


def run(run: Run, path: Path) -> Outcome:
    """Start Python with and without the import, in turn."""
    statement = STATEMENTS[run.row]
    start(statement, path)  # compiles what is not compiled yet; says if it is not installed
    pairs = [(start("pass", path), start(statement, path)) for _ in range(1 if run.length == "quick" else _PAIRS)]
    count = f"import sys; bare = set(sys.modules); {statement}; print(len(set(sys.modules) - bare))"
    modules = subprocess.run([sys.executable, "-c", count], capture_output=True, text=True, check=True, cwd=path.parent)
    return Outcome(
        figures={
            "ms": median(loaded[0] - bare[0] for bare, loaded in pairs) * 1e3,
            "CPU ms": median(loaded[1] - bare[1] for bare, loaded in pairs) * 1e3,
            "modules": int(modules.stdout),
        }
    )


def start(statement: str, path: Path) -> tuple[float, float]:
    """Run *statement* in a new Python, and return the wall and the CPU time of the process."""
    began = perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", statement], _ENVIRONMENT)
    _, status, usage = os.wait4(child, 0)
    assert status == 0, statement
    return perf_counter() - began, usage.ru_utime + usage.ru_stime


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "Import, over bare Python"
    columns = ("ms", "CPU ms", "modules")
    return [Table(title=title, columns=columns, found=found, base="logging", ratio_of=("ms", "CPU ms"))]
