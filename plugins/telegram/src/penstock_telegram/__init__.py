"""penstock-telegram: alerts to Telegram chats."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Format, Sink, hookimpl


@hookimpl
def penstock_format() -> Mapping[str, type[Format]]:
    """Offer the format ``telegram``."""
    from penstock_telegram.format import TelegramFormat  # late: listing plugins stays cheap and safe

    return {"telegram": TelegramFormat}


@hookimpl
def penstock_sink() -> Mapping[str, type[Sink]]:
    """Offer the sink ``telegram``."""
    from penstock_telegram.sink import TelegramSink  # late: it loads an HTTP client

    return {"telegram": TelegramSink}
