"""acme-pager: pages whoever is on duty."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Sink, hookimpl


@hookimpl
def penstock_sink() -> Mapping[str, type[Sink]]:
    """Offer the sink ``pager``."""
    from acme_pager.sink import PagerSink  # late: listing plugins stays cheap and safe

    return {"pager": PagerSink}
