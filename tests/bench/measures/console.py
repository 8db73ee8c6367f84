"""What a line for people costs on a terminal: standard error is a pseudo-terminal, and another process reads it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import contenders
from bench.event import Unsupported
from bench.measures.inline import run_of
from bench.runs import Outcome, Run
from bench.table import Found, Table
from bench.timing import time_events

ROUNDS = 5
ROWS = ("penstock, console", "stdlib, console", "structlog, console", "loguru, console")
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def runs() -> Sequence[Run]:
    """Return a run for each contender."""
    return [run_of("console", name) for name in ROWS]


def run(run: Run, path: Path) -> Outcome:
    """Time the contender, and leave what the terminal got, without its colours, as the file."""
    raw = path.with_suffix(".raw")
    with terminal_on_stderr(raw):
        contender = contenders.load(run.contender)(path, run.case)
        figures, events = time_events(contender, run, raw)
    path.write_bytes(_COLOUR.sub(b"", raw.read_bytes()).replace(b"\r\n", b"\n"))
    return Outcome(figures={"wall": figures["wall"], "process CPU": figures["process CPU"]}, events=events)


@contextmanager
def terminal_on_stderr(raw: Path) -> Iterator[None]:
    """Put a pseudo-terminal in the place of standard error; what it gets goes to *raw*."""
    if sys.platform == "win32":
        raise Unsupported("no pseudo-terminals here")
    ours, theirs = os.openpty()
    with raw.open("wb") as file, subprocess.Popen(["cat"], stdin=ours, stdout=file, stderr=subprocess.DEVNULL):
        os.close(ours)
        before = os.dup(2)
        os.dup2(theirs, 2)
        os.close(theirs)
        try:
            yield
        finally:
            os.dup2(before, 2)  # the last end of the terminal is closed: `cat` ends
            os.close(before)


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "Console: µs per event, a line for people on a terminal"
    return [Table(title=title, columns=("wall", "process CPU"), found=found, base="stdlib, console")]
