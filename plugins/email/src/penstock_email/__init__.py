"""penstock-email: alerts as mail, over SMTP with TLS."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Format, Sink, hookimpl


@hookimpl
def penstock_format() -> Mapping[str, type[Format]]:
    """Offer the format ``email``."""
    from penstock_email.format import EmailFormat  # late: listing plugins stays cheap and safe

    return {"email": EmailFormat}


@hookimpl
def penstock_sink() -> Mapping[str, type[Sink]]:
    """Offer the sink ``email``."""
    from penstock_email.sink import EmailSink  # late: it loads smtplib and ssl

    return {"email": EmailSink}
