"""The time as text, made once a millisecond: what every contender that formats by hand uses."""

from __future__ import annotations

from datetime import UTC, datetime


class Stamp:
    """Remembers the text of the last millisecond; one tuple, so that threads never see half of another's."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept = (0, "")

    def text(self, millis: int) -> str:
        """Return *millis* since the epoch as ISO 8601."""
        kept = self._kept
        if kept[0] != millis:
            kept = self._kept = (millis, iso(millis))
        return kept[1]


def iso(millis: int) -> str:
    """Return *millis* since the epoch as ISO 8601, in UTC."""
    return datetime.fromtimestamp(millis / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
