"""Options: what the options of all stages have to be; a value in, nothing out; the thread that calls `configure`; a
wrong one raises ValueError with what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# What stages tell of the options that they share.
BY_MESSAGE: Final[Mapping[str, str]] = {
    "doc": "Whether messages are compared too, without the numbers in them; only a hash is kept."
}
KINDS: Final[Mapping[str, str]] = {"doc": "So many are told apart at once; those beyond are one kind for each level."}


def at_least_one(instance: object, attribute: Any, value: int) -> None:
    """Refuse a number below 1."""
    if value < 1:
        raise ValueError(f"expected 1 or more, got {value}")


def longer_than_nothing(instance: object, attribute: Any, value: float) -> None:
    """Refuse a duration of nothing."""
    if not value > 0:
        raise ValueError('expected a time longer than nothing, such as "5 min"')
