"""Search: why a program started here finds the configuration that it finds; the environment and folders in, words out;
any thread; what finds it is the core, this only tells the way.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def way_to_the_configuration() -> Iterator[str]:
    """Yield each step of the search, the last one that which ends it."""
    named = os.environ.get("PENSTOCK_CONFIG")
    if named:
        yield f"PENSTOCK_CONFIG names {named}"
        return
    yield "PENSTOCK_CONFIG is not set"
    start = Path.cwd()
    for folder in (start, *start.parents):
        if (folder / "penstock.toml").is_file():
            yield f"{folder}: there is a penstock.toml"
            return
        project = folder / "pyproject.toml"
        if project.is_file():
            words = "with [tool.penstock]" if _has_table(project) else "without [tool.penstock] ends the search"
            yield f"{folder}: pyproject.toml {words}"
            return
        if (folder / ".git").exists():
            yield f"{folder}: no penstock.toml; .git ends the search"
            return
        yield f"{folder}: no penstock.toml, no pyproject.toml"


def _has_table(project: Path) -> bool:
    try:
        found: Any = tomllib.loads(project.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    tool = found.get("tool", {})
    return isinstance(tool, dict) and "penstock" in tool
