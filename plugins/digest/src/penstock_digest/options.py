"""Options: what the options of all stages have to be; a value in, nothing out; the thread that calls `configure`; a
wrong one raises ValueError with what was expected.
"""

from __future__ import annotations

from typing import Any


def at_least_one(instance: object, attribute: Any, value: int) -> None:
    """Refuse a number below 1."""
    if value < 1:
        raise ValueError(f"expected 1 or more, got {value}")


def longer_than_nothing(instance: object, attribute: Any, value: float) -> None:
    """Refuse a duration of nothing."""
    if not value > 0:
        raise ValueError('expected a time longer than nothing, such as "5 min"')
