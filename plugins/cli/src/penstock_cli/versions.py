"""Versions: which distributions of Penstock are installed; metadata in, lines out; the main thread; broken metadata
cost a line.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator

from penstock_cli.foreign import GROUP

_FIRST = ("penstock", "penstock-cli")


def versions() -> Iterator[str]:
    """Yield a line for the core, this command, every distribution that offers a plugin, and Python."""
    found = {name: importlib.metadata.version(name) for name in _FIRST}
    for group in ("penstock", GROUP):
        for entry in importlib.metadata.entry_points(group=group):
            try:
                if entry.dist is not None and entry.dist.metadata["Name"]:
                    found.setdefault(entry.dist.metadata["Name"], entry.dist.version or "?")
            except Exception:  # promise: one broken distribution hides no other
                continue
    yield from (f"{name} {found[name]}" for name in _FIRST)
    yield from (f"{name} {version}" for name, version in sorted(found.items()) if name not in _FIRST)
    yield f"Python {platform.python_version()}"
