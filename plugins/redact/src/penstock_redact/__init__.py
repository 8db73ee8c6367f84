"""penstock-redact: redactors by key, by pattern and by path."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Redactor, hookimpl


@hookimpl
def penstock_redact() -> Mapping[str, type[Redactor]]:
    """Offer the redactors ``keys``, ``patterns`` and ``paths``."""
    from penstock_redact.keys import KeyRedactor  # late: listing plugins stays cheap and safe
    from penstock_redact.paths import PathRedactor
    from penstock_redact.patterns import PatternRedactor

    return {"keys": KeyRedactor, "patterns": PatternRedactor, "paths": PathRedactor}
