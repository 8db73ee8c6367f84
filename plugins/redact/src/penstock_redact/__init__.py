"""penstock-redact: redactors by key, by pattern, by place, and by what may leave."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Redactor, hookimpl


@hookimpl
def penstock_redact() -> Mapping[str, type[Redactor]]:
    """Offer the redactors ``allow``, ``keys``, ``patterns`` and ``paths``."""
    from penstock_redact.allow import AllowRedactor  # late: listing plugins stays cheap and safe
    from penstock_redact.keys import KeyRedactor
    from penstock_redact.paths import PathRedactor
    from penstock_redact.patterns import PatternRedactor

    return {"allow": AllowRedactor, "keys": KeyRedactor, "patterns": PatternRedactor, "paths": PathRedactor}
