"""penstock-digest: alerts with manners, as emit stages before any sink."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.plugin import Stage, hookimpl


@hookimpl
def penstock_emit() -> Mapping[str, type[Stage]]:
    """Offer the stages ``group``, ``quiet``, ``sample`` and ``throttle``."""
    from penstock_digest.group import GroupStage  # late: listing plugins stays cheap and safe
    from penstock_digest.quiet import QuietStage
    from penstock_digest.sample import SampleStage
    from penstock_digest.throttle import ThrottleStage

    return {"group": GroupStage, "quiet": QuietStage, "sample": SampleStage, "throttle": ThrottleStage}
