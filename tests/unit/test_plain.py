"""Whatever is passed becomes plain data: bounded, marked where it is cut, and never the reason to lose an event."""

from __future__ import annotations

import dataclasses
import json
from typing import NamedTuple

import attrs
import pytest
from hypothesis import given, settings

from penstock.event import Event
from penstock.faults import fault_counts
from penstock.river.plain import snapshot_error
from penstock.river.redact import build_redact
from redactors import Keys, walk
from strategies import HOSTILE, fields


def test_plain_values_stay_as_they_are() -> None:
    given_fields = {"a": 1, "b": 1.5, "c": True, "d": None, "e": "text", "f": [1, {"g": "h"}]}

    assert walk(**given_fields) == given_fields


def test_other_values_become_plain() -> None:
    @dataclasses.dataclass
    class Point:
        x: int
        hidden: str = dataclasses.field(repr=False, default="not shown")

    @attrs.define
    class Order:
        point: Point
        secret: str = attrs.field(repr=False, default="not shown")

    shown = walk(order=Order(Point(1)), items=(1, 2), numbers={3}, raw=b"\xffa", error=ValueError("x"))

    assert shown["order"] == {"point": {"x": 1}}
    assert shown["items"] == [1, 2]
    assert shown["numbers"] == [3]
    assert shown["raw"] == "\\xffa"
    assert shown["error"] == {"type": "ValueError", "message": "x", "stack": "ValueError: x"}


@pytest.mark.parametrize(("name", "value"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_value_costs_itself_at_most(name: str, value: object) -> None:
    shown = walk(before=1, hostile=value, after=2)

    assert (shown["before"], shown["after"]) == (1, 2)
    text = json.dumps(shown, allow_nan=False)
    assert len(text) < 400_000


def test_what_cannot_be_shown_says_why() -> None:
    hostile = dict(HOSTILE)

    assert walk(x=hostile["repr that raises"])["x"] == "<unrepresentable Raises: ValueError>"
    assert walk(x=hostile["repr that exits"])["x"] == "<unrepresentable Raises: SystemExit>"
    assert fault_counts()["value.failed", "Raises"] == 2


def test_a_real_interrupt_passes_through() -> None:
    class Interrupted:
        def __repr__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walk(x=Interrupted())


def test_numbers_that_json_does_not_have_become_text() -> None:
    assert walk(a=float("nan"), b=float("inf"), c=float("-inf")) == {"a": "NaN", "b": "Infinity", "c": "-Infinity"}


def test_a_number_beyond_64_bits_becomes_text_without_being_rounded() -> None:
    shown = walk(a=2**64 - 1, b=2**64, c=-(2**63), d=10**21, e=10**5000)

    assert shown["a"] == 2**64 - 1
    assert shown["b"] == str(2**64)
    assert shown["c"] == -(2**63)
    assert shown["d"] == "1" + "0" * 21
    assert isinstance(shown["e"], str)
    assert shown["e"].startswith("0x")


def test_an_exception_is_told_whole_and_without_locals() -> None:
    def fail() -> None:
        local_value = "do-not-show-me"[:]  # noqa: F841
        try:
            raise KeyError("inner")
        except KeyError as error:
            error.add_note("a note")
            raise ValueError("outer") from error

    try:
        fail()
    except ValueError as error:
        failure = snapshot_error(error)

    assert failure.type == "ValueError"
    assert failure.message == "outer"
    assert "inner" in failure.stack
    assert "a note" in failure.stack
    assert "direct cause" in failure.stack


def test_an_exception_whose_text_raises_is_still_told() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    failure = snapshot_error(Mute())

    assert "Mute" in failure.type
    assert failure.stack


@settings(max_examples=200, deadline=None)
@given(fields)
def test_whatever_is_passed_becomes_plain_data(given_fields: dict[str, object]) -> None:
    shown = build_redact([])(Event("e", fields=given_fields)).merged()

    def check(value: object) -> None:
        assert type(value) in (str, int, float, bool, type(None), list, dict)
        if type(value) is dict:
            for key, inner in value.items():
                assert type(key) is str
                check(inner)
        elif type(value) is list:
            for inner in value:
                check(inner)

    check(shown)
    json.dumps(shown, allow_nan=False)


def test_a_named_tuple_is_a_mapping_of_its_fields() -> None:
    class Login(NamedTuple):
        user: str
        password: str

    assert walk(Keys("password"), login=Login("bob", "hunter2"))["login"] == {"user": "bob", "password": "***"}
