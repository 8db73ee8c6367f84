"""Hypothesis strategies: names, fields and values that programs pass, plain and hostile."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any

from hypothesis import strategies as st


class Colour(enum.Enum):
    """Some enum."""

    RED = 1
    DEEP = (1, 2)


class Raises:
    """Raises from everything a formatter might call."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error("no repr")

    __str__ = __repr__

    def __len__(self) -> int:
        raise self.error("no len")

    def __iter__(self) -> Any:
        raise self.error("no iter")

    def __eq__(self, other: object) -> bool:
        raise self.error("no eq")

    def __hash__(self) -> int:
        return 1

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise self.error("no class")


def cycle() -> list[object]:
    """Return a list that holds itself."""
    loop: list[object] = [1]
    loop.append(loop)
    return loop


def dict_cycle() -> dict[str, object]:
    """Return a dict that holds itself."""
    loop: dict[str, object] = {}
    loop["me"] = loop
    return loop


def deep(levels: int = 5_000) -> object:
    """Return a list in a list in a list …"""
    value: object = "bottom"
    for _ in range(levels):
        value = [value]
    return value


# Name and value; the table of peers.md, M16.
HOSTILE: list[tuple[str, object]] = [
    ("repr that raises", Raises(ValueError)),
    ("repr that exits", Raises(SystemExit)),
    ("class that raises", Raises(AttributeError)),
    ("huge number", 10**5000),
    ("negative huge number", -(10**400)),
    ("beyond 64 bits", 2**70),
    ("depth 5,000", deep()),
    ("cycle", cycle()),
    ("dict cycle", dict_cycle()),
    ("lone surrogate", "a\ud800b"),
    ("tuple keys", {(1, 2): "x", None: "y", b"k": "z", 1: "one", "1": "text one"}),
    ("NaN", float("nan")),
    ("infinity", float("-inf")),
    ("bytes", b"\xff\xfe"),
    ("bytearray", bytearray(b"abc")),
    ("decimal", decimal.Decimal("1.1")),
    ("decimal NaN", decimal.Decimal("sNaN")),
    ("earliest date", datetime.datetime.min),
    ("set", {1, 2}),
    ("generator", (n for n in range(3))),
    ("enum", Colour.DEEP),
    ("uuid", uuid.UUID(int=1)),
    ("type", type),
    ("exception", ValueError("x")),
    ("lines", "a\nb\r\n\x1b[31m\u2028\u202e\x00\x85"),
    ("a million characters", "x" * 1_000_000),
    ("a million items", list(range(1_000_000))),
]

keys = st.text(min_size=1, max_size=20) | st.sampled_from(
    ["message", "time", "level", "event", "self", "name", "token"]
)
plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=50)
    | st.binary(max_size=20)
    | st.decimals()
    | st.dates()
    | st.datetimes()
    | st.uuids()
    | st.sampled_from(Colour)
)
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.dictionaries(keys | st.integers() | st.none(), inner, max_size=5)
        | st.frozensets(st.integers(), max_size=3)
    ),
    max_leaves=20,
)
# The objects that raise are not among them: hypothesis itself would not survive printing one.
fields = st.dictionaries(keys, values, max_size=8)
names = st.lists(st.text("abcdef", min_size=1, max_size=5), min_size=1, max_size=4).map(".".join)
