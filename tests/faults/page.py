"""Page: the figures of a full run in the documentation; a page in, the same page with other figures out; pytest's
process; a page without the two marks is an error.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import capabilities
import sometimes
import table

BEGIN: Final = "<!-- figures: begin -->"
END: Final = "<!-- figures: end -->"
"""Between these lines of the page stand the figures."""
_LIBRARIES: Final = ("penstock", "penstock-file-rotate", "loguru", "structlog")


def write(page: Path, before: tuple[float, float, float]) -> None:
    """Put the figures of this run between the marks of *page*; *before* is the machine's load when it began."""
    head, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise ValueError(f"{page}: there are no lines {BEGIN} and {END} for the figures to stand between")
    page.write_text("\n".join([head + BEGIN, "", *_lines(before), END]) + tail, encoding="utf-8")


def _lines(before: tuple[float, float, float]) -> Iterator[str]:
    yield from table.rows_of(("", ""), machine(before).items())
    yield from ("", "### Promises", "", *table.promises(), "", *table.figures())
    yield from ("### Situations", "", f"{len(sometimes.reached)} situations were named by tests, and reached:", "")
    rows = [(name, f"{count:,}") for name, count in sorted(sometimes.reached.items())]
    yield from (*table.rows_of(("situation", "times"), rows), "")
    skipped = sorted(capabilities.skipped.items())
    yield from [f"Not injected there, so not tested: {reason} ({count} tests).\n" for reason, count in skipped]


def machine(before: tuple[float, float, float]) -> Mapping[str, str]:
    """Return what the figures were made with."""
    names = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (names.read_text().splitlines() if names.exists() else [])
        if line.startswith("model name")
    ]
    processor = models[0] if models else platform.processor()
    return {
        "machine": f"{processor} ({platform.machine()}), {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}",
        "load before and after": f"{_load(before)}; {_load(os.getloadavg())}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _load(load: tuple[float, float, float]) -> str:
    return ", ".join(f"{one:.2f}" for one in load)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
