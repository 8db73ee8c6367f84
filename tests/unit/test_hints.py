"""A class made without `typing` is what `typing` would have made of it."""

from __future__ import annotations

import pickle
import typing

import pytest

from penstock import Health, PipelineLedger, SinkLedger
from penstock.hints import NamedTuple


class Place(NamedTuple):
    """Where something is."""

    row: int
    column: int = 1
    """From 1."""

    @property
    def corner(self) -> bool:
        return self.row == self.column == 1


class Typed(typing.NamedTuple):
    """Where something is."""

    row: int
    column: int = 1
    """From 1."""

    @property
    def corner(self) -> bool:
        return self.row == self.column == 1


def test_it_is_made_printed_compared_and_unpacked_as_a_tuple() -> None:
    place = Place(3, column=2)
    row, column = place

    assert (row, column) == place == (3, 2) == (place.row, place.column)
    assert repr(place) == "Place(row=3, column=2)"
    assert place._replace(row=1)._asdict() == {"row": 1, "column": 2}
    assert hash(place) == hash((3, 2))
    assert not hasattr(place, "__dict__")


def test_defaults_properties_and_the_docstring_are_kept() -> None:
    assert Place(1).corner
    assert not Place(2).corner
    assert Place.__doc__ == "Where something is."
    with pytest.raises(TypeError):
        Place()  # type: ignore[call-arg]


def test_it_says_of_itself_what_a_typed_one_says() -> None:
    for word in "_fields _field_defaults __match_args__ __module__ __slots__ __bases__".split():
        assert getattr(Place, word) == getattr(Typed, word), word
    assert typing.get_type_hints(Place) == {"row": int, "column": int}
    assert Place.__qualname__ == "Place"


def test_a_place_can_be_matched_and_pickled() -> None:
    match pickle.loads(pickle.dumps(Place(3))):
        case Place(row, column):
            assert (row, column) == (3, 1)
        case other:
            pytest.fail(repr(other))


NAMES = {
    Health: "ok sinks checks",
    PipelineLedger: "offered gated accepted",
    SinkLedger: "accepted delivered dropped pending diverted redelivered",
}


@pytest.mark.parametrize("kind", NAMES)
def test_public_tuples_name_their_places(kind: type[tuple[object, ...]]) -> None:
    names = NAMES[kind].split()

    made = kind(*range(len(names)))

    assert [getattr(made, name) for name in names] == list(made) == list(range(len(names)))
    assert repr(made) == f"{kind.__name__}({', '.join(f'{name}={value}' for value, name in enumerate(names))})"
    assert pickle.loads(pickle.dumps(made)) == made
