"""Capabilities: what can be injected on this machine; a name in, nothing out; pytest's thread; what cannot is a skip
that says why, and is counted.

Each is tried for real, once: a container may have the program and refuse what it does.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from penstock.files import memory_backed

skipped: Final[Counter[str]] = Counter()
"""How many tests were skipped, by reason."""
_TRY: Final = 20.0


def need(*names: str) -> None:
    """Skip the test unless this machine can do all of *names*."""
    for name in names:
        reason = missing(name)
        if reason:
            skipped[f"{name}: {reason}"] += 1
            pytest.skip(f"cannot inject ({name}): {reason}")


@cache
def missing(name: str) -> str:
    """Return why this machine cannot do *name*, or an empty text."""
    return _PROBES[name]()


def _fails(*command: str, needs_root: bool = False) -> str:
    """Try a command; return what is wrong with it, or an empty text."""
    if needs_root and os.geteuid() != 0:
        return "needs root"
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed"
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TRY, check=False)
    return (done.stderr.strip().splitlines() or ["it failed"])[-1] if done.returncode else ""


def _linux() -> str:
    return "" if sys.platform == "linux" else "needs Linux"


def _forks() -> str:
    return "" if hasattr(os, "fork") else "nothing forks here"


def _mounts() -> str:
    if _linux():
        return _linux()
    with tempfile.TemporaryDirectory() as folder:
        failed = _fails("mount", "-t", "tmpfs", "-o", "size=64k", "none", folder, needs_root=True)
        return failed or _fails("umount", folder)


def _freezes() -> str:
    for program in ("mkfs.ext4", "fsfreeze"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return _mounts() or ("" if os.path.exists("/dev/loop-control") else "there are no loop devices")


def _traces() -> str:
    return _linux() or _fails("strace", "-o", "/dev/null", "-e", "inject=getppid:retval=1", "true")


def _compiles() -> str:
    if _linux():
        return _linux()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "nothing.c"
        source.write_text("int nothing;\n")
        return _fails("cc", "-shared", "-fPIC", "-o", str(source.with_suffix(".so")), str(source))


def _memory() -> str:
    return "" if memory_backed("/dev/shm") else "no file system here is known to have no disk behind it"


def _logrotate() -> str:
    return _fails("logrotate", "--version")


def _peer(name: str) -> Callable[[], str]:
    return lambda: "" if importlib.util.find_spec(name) else f"{name} is not installed"


_PROBES: Final[Mapping[str, Callable[[], str]]] = {
    "linux": _linux,
    "fork": _forks,
    "mount": _mounts,
    "fsfreeze": _freezes,
    "strace": _traces,
    "compiler": _compiles,
    "memory-backed files": _memory,
    "logrotate": _logrotate,
    "loguru": _peer("loguru"),
    "structlog": _peer("structlog"),
}
