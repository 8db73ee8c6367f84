"""penstock-stderr: the console, a format for people and the sinks stderr and stdout."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Format, Sink, hookimpl


@hookimpl
def penstock_format() -> Mapping[str, type[Format]]:
    """Offer the format ``console``, and under the name ``stdout`` the same with standard output in mind."""
    from penstock_stderr.format import ConsoleFormat, StdoutConsoleFormat  # late: listing plugins stays cheap and safe

    return {"console": ConsoleFormat, "stdout": StdoutConsoleFormat}


@hookimpl
def penstock_sink() -> Mapping[str, type[Sink]]:
    """Offer the sinks ``stderr`` and ``stdout``."""
    from penstock_stderr.sink import StderrSink, StdoutSink  # late, as above

    return {"stderr": StderrSink, "stdout": StdoutSink}
