"""penstock-json: one line of strict JSON for each event."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Format, hookimpl


@hookimpl
def penstock_format() -> Mapping[str, type[Format]]:
    """Offer the format ``json``."""
    from penstock_json.format import JsonFormat  # late: listing plugins stays cheap and safe

    return {"json": JsonFormat}
