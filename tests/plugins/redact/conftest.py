"""A real river with redactors, and what comes out of it; the real log files, where they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import penstock

HERE = Path(__file__).parent
LOGHUB = Path(os.environ.get("PENSTOCK_LOGHUB") or HERE.parents[3] / "shared/data/loghub")


@pytest.fixture
def river(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that configures a river with redactors and returns the sink at its end."""
    monkeypatch.syspath_prepend(str(HERE))

    def configure(
        format: str = "json", sink: str = "Lines", capture: Sequence[str] = (), **redact: dict[str, object]
    ) -> Any:
        import redact_sinks

        document = {
            "level": "trace",
            "capture": list(capture),
            "redact": redact,
            "sink": {"out": {"type": f"python:redact_sinks:{sink}"}},
            "pipeline": {"all": {"sink": "out", **({"format": format} if sink == "Lines" else {})}},
        }
        penstock.configure(document, strict=True)
        return redact_sinks.made[-1]

    return configure


@pytest.fixture(params=["Apache", "Linux", "OpenSSH", "OpenStack"])
def real_lines(request: pytest.FixtureRequest) -> list[str]:
    """Return the lines of a real log file."""
    path = LOGHUB / f"{request.param}.log"
    if not path.exists():
        pytest.skip(f"{path.name} of loghub is not here; name its folder in PENSTOCK_LOGHUB")
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
