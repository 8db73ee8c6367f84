"""How long `configure` takes: the first time in a process, with 0 and 100 other distributions installed, and again.

The first time also in CPU, which a machine that has other things to do does not change as much.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time

import penstock
from bench.contenders.penstock import configuration
from bench.event import Case
from bench.runs import Outcome, Run
from bench.table import Found, Table

ROUNDS = 9
_OTHERS = (0, 100)


def runs() -> Sequence[Run]:
    """Return a run for each number of distributions."""
    return [
        Run(measure="configure", row=f"{count} other distributions", column=str(count), number=count)
        for count in _OTHERS
    ]


def run(run: Run, path: Path) -> Outcome:
    """Install nothing a hundred times, and configure twice."""
    folder = path.parent / "site"
    folder.mkdir()
    for number in range(run.number):
        install(folder, f"other_{number:03}")
    sys.path.append(str(folder))
    table = configuration(path, Case(redact=True), mode="inline")
    times, cpu = [], []
    for _ in range(2):
        start, started = perf_counter(), process_time()
        penstock.configure(table, strict=True)
        times.append((perf_counter() - start) * 1e3)
        cpu.append((process_time() - started) * 1e3)
    penstock.get_logger("bench").info("configured")
    assert penstock.shutdown(10.0)
    assert path.read_bytes().count(b"\n") == 1
    return Outcome(figures={"first, ms": times[0], "first, ms CPU": cpu[0], "again, ms": times[1]})


def install(folder: Path, name: str) -> None:
    """Make the traces of an installed distribution, with an entry point as most tools have one."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[console_scripts]\n{name} = {name}:main\n")


def tables(found: Found) -> Sequence[Table]:
    """Return one table."""
    title = "configure(), imports of its own included the first time"
    columns = ("first, ms", "first, ms CPU", "again, ms")
    return [Table(title=title, columns=columns, found=found, base="0 other distributions", ratio_of=columns)]
