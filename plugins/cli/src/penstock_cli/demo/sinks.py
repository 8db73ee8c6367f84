"""Sinks: the demo's own sink, for a service that it can take down; a batch in; the sink's worker; `Unavailable` while
the service is down.

The service is pretended, the sink is not: it raises what any sink raises, and the core does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import define

from penstock.plugin import Record, Unavailable

_RETRY_AFTER = 0.1
"""Seconds; what a busy service would ask for."""


class Service:
    """A service that takes alerts, while it is up.

    Attributes:
        up: Whether it answers.
        refused: How many attempts found it down.
        received: What it took, in order.
    """

    def __init__(self) -> None:
        self.up = True
        self.refused = 0
        self.received: list[bytes] = []

    def post(self, lines: Sequence[bytes]) -> bool:
        """Take *lines* and return True, or return False while it is down."""
        if not self.up:
            self.refused += 1
            return False
        self.received.extend(lines)
        return True


SERVICE = Service()
"""The one service there is; the demo takes it down and up again."""


@define(kw_only=True)
class FlakySink:
    """Brings alerts to `SERVICE`."""

    delivery: ClassVar[Mapping[str, object]] = {"mode": "queued"}
    default_format: ClassVar[str] = "plain"

    def write(self, batch: Sequence[Record], /) -> None:
        """Post *batch*."""
        if not SERVICE.post([record.data for record in batch]):
            raise Unavailable("the alert service does not answer", retry_after=_RETRY_AFTER)
