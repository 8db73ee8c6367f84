"""penstock-syslog: RFC 5424 over every transport it has, and journald's own protocol."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Format, Sink, hookimpl


@hookimpl
def penstock_format() -> Mapping[str, type[Format]]:
    """Offer the formats ``rfc5424`` and ``journald``."""
    from penstock_syslog.entry import JournaldFormat  # late: listing plugins stays cheap and safe
    from penstock_syslog.format import Rfc5424Format

    return {"journald": JournaldFormat, "rfc5424": Rfc5424Format}


@hookimpl
def penstock_sink() -> Mapping[str, type[Sink]]:
    """Offer the sinks ``syslog`` and ``journald``."""
    from penstock_syslog.journald import JournaldSink  # late: they load sockets and TLS
    from penstock_syslog.sink import SyslogSink

    return {"journald": JournaldSink, "syslog": SyslogSink}
