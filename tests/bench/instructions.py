"""Instructions for each event: a cost that does not depend on the machine's mood, kept per Python to compare with.

N and 2 N events are counted, each in a process of its own; the difference is N events, without start and end. `perf`
counts where the system lets it, else valgrind, which takes so long that it gets fewer events. A report, never a test.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import machine
from bench.counted import PATHS
from bench.table import columns_of

KEPT = Path(__file__).with_suffix(".json")
_EVENTS = {"perf": 100_000, "valgrind": 2_000}
_QUICK = {"perf": 1_000, "valgrind": 100}
_PERF = ("perf", "stat", "-x", ",", "-e", "instructions:u", "-o")


def report(*, update: bool, quick: bool) -> int:
    """Print the counts beside those that are kept; keep them instead if *update*."""
    counter = find_counter()
    if counter is None:
        print("neither perf nor valgrind counts here")
        return 0
    events = (_QUICK if quick else _EVENTS)[counter]
    counts = {name: count(counter, name, events) for name in PATHS}
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    print("\n".join(compared(counts, kept.get(minor, {}), counter, events)))
    if update:
        kept[minor] = {**made_with(counter, events), "instructions": counts}
        KEPT.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
    return 0


def made_with(counter: str, events: int) -> dict[str, str | int]:
    """Return what counts depend on."""
    return {
        "counter": counter,
        "events": events,
        "machine": platform.machine(),
        "python": f"{platform.python_version()}, {machine.build()}",
    }


def compared(counts: dict[str, int], kept: dict[str, object], counter: str, events: int) -> list[str]:
    """Return a table: what was counted, what is kept, the difference in percent."""
    before = kept.get("instructions", {})
    known: dict[str, int] = before if isinstance(before, dict) else {}
    lines = [["instructions per event", "now", "kept", "change", ""]]
    for name, now in counts.items():
        change = f"{(now / known[name] - 1) * 100:+.1f} %" if known.get(name) else "-"
        lines.append([name, f"{now:,}", f"{known[name]:,}" if name in known else "-", change, ""])
    differs = [
        f"{key}: {kept[key]}, now {value}"
        for key, value in made_with(counter, events).items()
        if kept.get(key, value) != value
    ]
    return [*columns_of(lines), *(["kept with another " + "; ".join(differs)] if differs else [])]


def find_counter() -> str | None:
    """Return ``perf`` if it may count, else ``valgrind`` if it is there."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "count"
        if shutil.which("perf"):
            tried = subprocess.run([*_PERF, str(log), "true"], capture_output=True, check=False)
            if not tried.returncode and _counted_line(log)[:1].isdigit():  # else: <not supported>
                return "perf"
    return "valgrind" if shutil.which("valgrind") else None


def count(counter: str, name: str, events: int) -> int:
    """Return the instructions of one event on the path *name*."""
    return round((total(counter, name, 2 * events) - total(counter, name, events)) / events)


def total(counter: str, name: str, events: int) -> int:
    """Return the instructions of a process that emits *events* events on the path *name*."""
    with TemporaryDirectory(prefix="penstock-bench-") as folder:
        log, path = Path(folder) / "count", Path(folder) / "out.jsonl"
        command = [sys.executable, "-m", "bench.counted", name, str(events), str(path)]
        paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
        if counter == "perf":
            subprocess.run([*_PERF, str(log), *command], check=True, env=environment)
            return int(_counted_line(log).split(",")[0])
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={log}", "--quiet"]
        subprocess.run([*tool, *command], check=True, env=environment)
        return int(re.search(r"^(?:summary|totals): (\d+)", log.read_text(), re.MULTILINE)[1])  # type: ignore[index]


def _counted_line(log: Path) -> str:
    """Return the line of perf's output that has the count."""
    return next((line for line in log.read_text().splitlines() if "instructions" in line), "")
