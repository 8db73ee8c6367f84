"""penstock-file-rotate: finished lines into files that rotate by size and time."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Sink, hookimpl


@hookimpl
def penstock_sink() -> Mapping[str, type[Sink]]:
    """Offer the sink ``file-rotate``."""
    from penstock_file_rotate.sink import FileRotateSink  # late: listing plugins stays cheap and safe

    return {"file-rotate": FileRotateSink}
