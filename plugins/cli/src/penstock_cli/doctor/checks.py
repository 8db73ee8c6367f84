"""Checks: what a supporter asks first; this machine in, findings out; the main thread; a check that fails is a finding
of its own, and stops no other.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from penstock_cli import output
from penstock_cli.doctor.finding import Finding, State
from penstock_cli.doctor.search import way_to_the_configuration
from penstock_cli.versions import versions

if TYPE_CHECKING:
    from penstock.tooling import Document

_TIMEOUT: Final = 60.0
"""Seconds until importing all plugins counts as hung; honest ones take 0.1 to 0.5 each."""
_ROOM: Final = 512 * 10**6
"""Bytes that a spool of the default size and its dead letters may need."""
_FILES: Final = 256
"""Open files that a busy program with a dozen sinks may need."""


def findings(config: str | None, profile: str | None) -> Iterator[Finding]:
    """Yield every finding, check by check."""
    for topic, check in _CHECKS.items():
        try:
            yield from check(config, profile)
        except Exception as error:  # promise: one check never stops another
            yield Finding(topic, "wrong", f"this cannot be looked at: {type(error).__qualname__}")


# -- what is installed ------------------------------------------------------------------------------------------------


def _versions(*_: object) -> Iterator[Finding]:
    *installed, python = versions()
    yield Finding("versions", "note", ", ".join(installed))
    yield Finding("python", "note", f"{python}, {platform.python_implementation()}, {sys.executable}")
    yield Finding("system", "note", platform.platform())


def _plugins(*_: object) -> Iterator[Finding]:
    command = [sys.executable, "-P", "-m", "penstock_cli.doctor.probe"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    hint = "next: penstock plugins --verify"
    try:
        done = subprocess.run(command, env=environ, capture_output=True, timeout=_TIMEOUT, stdin=subprocess.DEVNULL)
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        yield Finding("plugins", "wrong", f"importing all of them took more than {_TIMEOUT:.0f} s", hint)
        return
    except ValueError:
        yield Finding("plugins", "wrong", "importing one of them ends the interpreter", hint)
        return
    for name, error in answer["failed"].items():
        yield Finding("plugins", "wrong", f"{name}: {error}", hint)
    if not answer["failed"]:
        yield Finding("plugins", "fine", f"{answer['types']} types of {answer['distributions']} distributions load")


def _rivals(*_: object) -> Iterator[Finding]:
    """Look for what takes the place of a library: urllib3-future installs itself as `urllib3`."""
    try:
        version = importlib.metadata.version("urllib3-future")
    except importlib.metadata.PackageNotFoundError:
        return
    text = f"urllib3-future {version} (of niquests) has replaced urllib3, which sinks over HTTP use"
    yield Finding("urllib3", "warning", text, "if they fail: pip install --force-reinstall urllib3")


# -- the configuration ------------------------------------------------------------------------------------------------


def _configuration(config: str | None, profile: str | None) -> Iterator[Finding]:
    from penstock import tooling

    if config is None:
        yield Finding("search", "note", "; ".join(way_to_the_configuration()))
    found = tooling.describe(config, profile=profile, resolve=False)
    failing = [problem for problem in found.problems if not problem.warns]
    file = found.file or next((problem.file for problem in failing), None)
    name = file or config or "the configuration"
    if failing:
        next_ = f"next: penstock check{f' {config}' if config else ''}"
        yield Finding("configuration", "wrong", f"{name}: problems: {len(failing)}; the first: {failing[0]}", next_)
    elif found.file is None:
        text = "none belongs to this folder: events from info go to standard error"
        yield Finding("configuration", "note", text, "next: penstock init")
    else:
        sinks = ", ".join(sink.name for sink in found.sinks) or "none"
        pipelines = ", ".join(pipeline.name for pipeline in found.pipelines) or "none"
        text = f"{name}: sinks {sinks}; pipelines {pipelines}"
        yield Finding("configuration", "fine", text)
    if file is not None and Path(file).exists():
        yield from _permissions(Path(file))


def _permissions(file: Path) -> Iterator[Finding]:
    if sys.platform == "win32":
        return
    info = file.stat()
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        text = f"{file}: others may write it ({stat.filemode(info.st_mode)}), and it names code that runs"
        yield Finding("permissions", "warning", text, f"chmod go-w {file}")
    if info.st_uid not in (os.getuid(), 0):
        yield Finding("permissions", "warning", f"{file}: it belongs to another user (uid {info.st_uid})")


def _environment(*_: object) -> Iterator[Finding]:
    """Name the variables that change what a program does; what they say may be a secret."""
    names = sorted(name for name in os.environ if name.startswith("PENSTOCK_"))
    yield Finding("environment", "note", ", ".join(names) or "no variable PENSTOCK_* is set")


# -- what outlives a process ------------------------------------------------------------------------------------------


def _document(config: str | None, profile: str | None) -> Document | None:
    from penstock import ConfigError, tooling

    try:
        return tooling.document(config, profile)
    except ConfigError:
        return None  # told above


def _state(config: str | None, profile: str | None) -> Iterator[Finding]:
    from penstock import tooling

    for folder in tooling.state_folders(_document(config, profile)):
        yield from _folder(folder)


def _folder(folder: Path) -> Iterator[Finding]:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        text = f"{folder}: {there} may not be written: nothing outlives the process there"
        yield Finding("state", "wrong", text, 'name another folder: state = "…" in the configuration')
        return
    free = shutil.disk_usage(there).free
    room = f"{free // 10**6:,} MB free"
    if there != folder:
        yield _with_room(free, f"{folder}: will be made; {room}")
    elif sys.platform != "win32" and folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        text = f"{folder}: others may look into it ({stat.filemode(folder.stat().st_mode)})"
        yield Finding("state", "warning", text, f"chmod 700 {folder}")
    else:
        yield _with_room(free, f"{folder}: {room}")


def _with_room(free: int, text: str) -> Finding:
    state: State = "fine" if free >= _ROOM else "warning"
    return Finding("state", state, text, "" if state == "fine" else "make room: a spool may take 256 MB")


def _spools(config: str | None, profile: str | None) -> Iterator[Finding]:
    from penstock import tooling

    left = [one for one in tooling.list_waiting(_document(config, profile)) if not one.alive]
    for one in left:
        by = f" of {one.program}" if one.program else ""
        text = f"{one.records:,} records for the sink {one.sink}{by} wait since their process died"
        yield Finding("spools", "warning", text, "the next start delivers them; or: penstock recover")
    if not left:
        yield Finding("spools", "fine", "no dead process left anything")


# -- this machine -----------------------------------------------------------------------------------------------------


def _clock(*_: object) -> Iterator[Finding]:
    now = datetime.now(UTC)
    local = now.astimezone()
    zone = f"{local:%Z}, {local:%z}" if local.utcoffset() else "UTC"
    text = f"{now:%Y-%m-%d %H:%M:%S} UTC; this place: {zone}"
    installed = Path(importlib.metadata.__file__).stat().st_mtime
    if time.time() < installed:
        yield Finding("clock", "wrong", f"{text}; that is before this Python was installed", "set the clock")
    else:
        yield Finding("clock", "fine", text)


def _terminal(*_: object) -> Iterator[Finding]:
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            yield Finding("terminal", "warning", f"{name} is closed")
            continue
        kind = "a terminal" if stream.isatty() else "no terminal"
        colours = "" if name == "stdin" else f", {'colours' if output.coloured(stream) else 'no colours'}"
        encoding = (getattr(stream, "encoding", None) or "?").lower()
        state: State = "note" if encoding.replace("-", "") == "utf8" or name == "stdin" else "warning"
        hint = "" if state == "note" else "set PYTHONUTF8=1"
        yield Finding("terminal", state, f"{name}: {kind}, {encoding}{colours}", hint)
    said = [
        f"{name}={os.environ[name]}" for name in ("TERM", "NO_COLOR", "FORCE_COLOR", "COLUMNS") if name in os.environ
    ]
    yield Finding("terminal", "note", ", ".join(said) or "TERM, NO_COLOR, FORCE_COLOR and COLUMNS are not set")


def _limits(*_: object) -> Iterator[Finding]:
    if sys.platform == "win32":
        return
    import resource

    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 0 <= soft < _FILES
    hint = f"ulimit -n {_FILES}" if few else ""
    yield Finding("limits", "warning" if few else "fine", f"{soft} open files", hint)


_Check = Callable[[str | None, str | None], Iterator[Finding]]
_CHECKS: Final[dict[str, _Check]] = {
    "versions": _versions,
    "plugins": _plugins,
    "urllib3": _rivals,
    "configuration": _configuration,
    "environment": _environment,
    "state": _state,
    "spools": _spools,
    "clock": _clock,
    "limits": _limits,
    "terminal": _terminal,
}
