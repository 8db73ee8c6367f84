"""penstock-discord: alerts to Discord channels."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Format, Sink, hookimpl


@hookimpl
def penstock_format() -> Mapping[str, type[Format]]:
    """Offer the format ``discord``."""
    from penstock_discord.format import DiscordFormat  # late: listing plugins stays cheap and safe

    return {"discord": DiscordFormat}


@hookimpl
def penstock_sink() -> Mapping[str, type[Sink]]:
    """Offer the sink ``discord``."""
    from penstock_discord.sink import DiscordSink  # late: it loads an HTTP client

    return {"discord": DiscordSink}
