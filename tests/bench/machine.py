"""What the figures were made with: the machine, the Python and how it was built, the versions of all libraries."""

from __future__ import annotations

import os
import platform
import sysconfig
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import gettempdir

_LIBRARIES = (
    "penstock penstock-json penstock-file-rotate penstock-redact msgspec orjson python-json-logger structlog loguru "
    "picologging eliot logbook opentelemetry-sdk"
).split()


def describe() -> dict[str, str]:
    """Return what a table says above itself."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "load": ", ".join(f"{load:.2f}" for load in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown",
        "file system": _file_system(Path(gettempdir())),
        "python": f"{platform.python_implementation()} {platform.python_version()}, {build()}",
        "versions": ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES),
        "date": datetime.now(UTC).date().isoformat(),
    }


def build() -> str:
    """Return how this Python was built: without profile-guided optimisation, calls are a third slower."""
    options = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    if not options:
        return "build unknown"
    guided = "with PGO" if "--enable-optimizations" in options else "without PGO"
    linked = "with LTO" if "--with-lto" in options else "without LTO"
    return f"{guided}, {linked}, {platform.python_compiler()}"


def _processor() -> str:
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor()} ({platform.machine()})"


def _file_system(folder: Path) -> str:
    """Return the kind of file system that *folder* is on: the longest mount point that it is below."""
    mounts = Path("/proc/mounts")
    found = [line.split()[1:3] for line in mounts.read_text().splitlines()] if mounts.exists() else []
    inside = [(point, kind) for point, kind in found if folder.is_relative_to(point)]
    return max(inside, key=lambda mount: len(mount[0]))[1] if inside else "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
