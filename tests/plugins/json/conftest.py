"""For the tests of the format `json`: a river into a list of lines, and a reader that accepts strict JSON only."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import pytest
from attrs import define, field

import penstock
from penstock.plugin import Event, Record, Site


@define(kw_only=True)
class Lines:
    """Keeps what it is given."""

    delivery: ClassVar[Mapping[str, object]] = {"mode": "inline"}
    made: ClassVar[list[Lines]] = []
    data: list[bytes] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        Lines.made.append(self)

    def write(self, batch: Sequence[Record], /) -> None:
        self.data += [record.data for record in batch]

    def take(self) -> bytes:
        """Return the one line that came since the last time."""
        (line,) = self.data
        self.data.clear()
        return line


class MakeRiver(Protocol):
    def __call__(self, **options: object) -> Any: ...


@pytest.fixture
def river() -> Iterator[MakeRiver]:
    """Configure a river of every level whose one pipeline has the format `json` with the options given."""

    def make(**options: object) -> Lines:
        document = {
            "level": "trace",
            "format": {"lines": {"type": "json", **options}},
            "sink": {"lines": {"type": f"python:{__name__}:Lines"}},
            "pipeline": {"all": {"sink": "lines", "format": "lines"}},
        }
        penstock.configure(document, strict=True)
        return Lines.made[-1]

    yield make
    Lines.made.clear()


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    assert len(members) == len(pairs), f"a key is there twice: {[key for key, _ in pairs]}"
    return members


def _no_constant(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


@pytest.fixture
def read() -> Callable[[bytes], dict[str, Any]]:
    """Return a function that reads a line and accepts nothing but one line of strict JSON in UTF-8, no key twice."""

    def read_line(line: bytes) -> dict[str, Any]:
        text = line.decode("utf-8", "strict")
        assert len(text.splitlines()) == 1
        assert {"Cc", "Cf", "Cs", "Zl", "Zp"}.isdisjoint(map(unicodedata.category, text))
        members = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        assert isinstance(members, dict)
        json.dumps(members, ensure_ascii=False).encode()  # raises for half a surrogate pair
        return members

    return read_line


@pytest.fixture
def event() -> Callable[..., Event]:
    """Return a function that makes the same event each time, but for what is given."""

    def make(**changes: Any) -> Event:
        made = Event(
            "shop.cart",
            "order placed",
            20,
            time_ns=1_500_000_000_123_456_789,
            fields={"qty": 2, "price": 12.5, "tags": ["a", None, True], "note": "zwölf"},
            site=Site("shop.cart", "Cart.add", "/srv/shop/cart.py", 120),
            pid=1234,
            thread="MainThread",
        )
        return made.replace(**changes)

    return make
