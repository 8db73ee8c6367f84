"""The hook specs are what pluggy knows of Penstock."""

from __future__ import annotations

import pluggy

from penstock.assembly import hookspecs


def test_every_spec_is_known_to_pluggy() -> None:
    manager = pluggy.PluginManager("penstock")
    manager.add_hookspecs(hookspecs)

    assert {name for name in vars(manager.hook) if name.startswith("penstock_")} == {
        "penstock_emit",
        "penstock_redact",
        "penstock_format",
        "penstock_sink",
        "penstock_started",
        "penstock_stopping",
        "penstock_faulted",
        "penstock_routes",
    }
