"""The sink of docs/examples/inhouse-sink works by its entry point and by its name, with the same options."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.assembly import plugins
from repository import EXAMPLES, project_of

(EXAMPLE,) = [path for path in EXAMPLES if path.name == "inhouse-sink"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the example importable, and known by its entry point as an installation would."""
    monkeypatch.syspath_prepend(EXAMPLE / "src")
    (name, value) = next(iter(project_of(EXAMPLE)["project"]["entry-points"]["penstock"].items()))
    entries = dict(plugins._entries())
    monkeypatch.setattr(plugins, "_entries", lambda: {**entries, name: (metadata.EntryPoint(name, value, "penstock"),)})
    yield name
    for module in [module for module in sys.modules if module.startswith("acme_pager")]:
        del sys.modules[module]


@pytest.mark.parametrize("how", ["by entry point", "by name"])
def test_it_delivers(how: str, installed: str, tmp_path: Path) -> None:
    gateway = tmp_path / "gateway.txt"
    kind = installed if how == "by entry point" else "python:acme_pager.sink:PagerSink"
    penstock.configure(
        {
            "sink": {"page": {"type": kind, "gateway": str(gateway), "number": "+1"}},
            "pipeline": {"all": {"sink": "page"}},
        },
        strict=True,
    )
    penstock.get_logger("shop").error("on fire")
    assert penstock.shutdown()

    assert gateway.read_text().startswith("+1 ")
    assert gateway.read_text().endswith("shop: on fire\n")
    assert penstock.ledger()["page"].delivered == 1


def test_its_options_are_checked_like_any_others(installed: str) -> None:
    with pytest.raises(penstock.ConfigError) as caught:
        penstock.configure({"sink": {"page": {"type": installed, "numbr": "+1"}}}, strict=True)

    told = str(caught.value)
    assert "sink.page.numbr: unknown option 'numbr'; did you mean 'number'?" in told
    assert "sink.page: 'gateway' is missing" in told
