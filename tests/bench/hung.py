"""What hangs: a sink waits here until somebody lets go; then everything is thrown away at once."""

from __future__ import annotations

import threading

_released = threading.Event()


def hang() -> None:
    """Return when `let_go` was called."""
    _released.wait()


def let_go() -> None:
    """Let everything that hangs go on."""
    _released.set()
