"""What a test of a configuration may say, and that nothing else passes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.assembly.cases import BEGIN_NS, CaseTable, EventTable, FailTable, moment, nanoseconds, several
from penstock.assembly.structure import Structurer
from penstock.errors import Problem
from penstock.levels import DEBUG, ERROR, INFO

EVENT = {"name": "shop.sold"}


def structured(table: dict[str, Any], cls: type[Any] = CaseTable) -> tuple[Any, list[Problem]]:
    value, problems = Structurer(Path(), resolve=False).structure(table, cls, "test")
    return value, problems


def problems_of(table: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.path, problem.text) for problem in structured(table)[1]]


def test_one_event_and_several_are_both_a_sequence() -> None:
    one, _ = structured({"emit": EVENT, "expect": {"out": "nothing"}})
    two, _ = structured({"emit": [EVENT, {**EVENT, "times": 3}], "expect": {"out": {"count": 4}}})

    assert [event.name for event in one.events] == ["shop.sold"]
    assert [event.times for event in two.events] == [1, 3]


@pytest.mark.parametrize(
    ("table", "path", "text"),
    [
        ({"expect": {"out": "nothing"}}, "test", "'emit' is missing"),
        ({"emit": EVENT}, "test", "'expect' is missing"),
        ({"emit": {}, "expect": {"out": "nothing"}}, "test.emit", "'name' is missing"),
        ({"emit": [], "expect": {"out": "nothing"}}, "test.emit", "'emit' is empty: such a test could not fail"),
        ({"emit": EVENT, "expect": {}}, "test.expect", "'expect' is empty: such a test could not fail"),
        (
            {"emit": EVENT, "expect": {"out": "nothin"}},
            "test.expect.out",
            "expected a table or 'nothing', got 'nothin'",
        ),
        ({"emit": {**EVENT, "levl": "x"}, "expect": {"out": "nothing"}}, "test.emit.levl", "unknown option 'levl'"),
        (
            {"emit": [EVENT, {**EVENT, "level": "loud"}], "expect": {"out": "nothing"}},
            "test.emit[1].level",
            "expected a level, got 'loud'",
        ),
        (
            {"emit": EVENT, "expect": {"out": {"matches": "("}}},
            "test.expect.out.matches",
            "expected a regular expression, got '(': missing ), unterminated subpattern",
        ),
        (
            {"emit": EVENT, "expect": {"out": {"contians": "x"}}},
            "test.expect.out.contians",
            "unknown option 'contians'",
        ),
        ({"emit": EVENT, "expect": {"out": {"count": -1}}}, "test.expect.out.count", "expected 0 or more, got -1"),
        (
            {"emit": EVENT, "expect": {"out": {"count": "1"}}},
            "test.expect.out.count",
            "expected a whole number, got '1'",
        ),
        ({"emit": {**EVENT, "times": 0}, "expect": {"out": "nothing"}}, "test.emit.times", "expected 1 or more, got 0"),
        (
            {"emit": {**EVENT, "time": "noon"}, "expect": {"out": "nothing"}},
            "test.emit.time",
            "expected a date and time, got 'noon'",
        ),
        (
            {"emit": {**EVENT, "fields": {"a": 1}, "measurements": {"b": 2}}, "expect": {"out": "nothing"}},
            "test.emit",
            "an event has a message and fields, or measurements and metadata",
        ),
        (
            {"emit": {**EVENT, "error": {"message": "no"}}, "expect": {"out": "nothing"}},
            "test.emit.error",
            "'type' is missing",
        ),
        (
            {"emit": EVENT, "expect": {"out": "nothing"}, "fail": {"out": "dead"}},
            "test.fail.out",
            "expected a table or one of 'unavailable', 'rejected', 'closed', 'broken', got 'dead'",
        ),
        (
            {"emit": EVENT, "expect": {"out": "nothing"}, "fail": {"out": {"how": "closed", "times": 0}}},
            "test.fail.out.times",
            "expected 1 or more, got 0",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(table: dict[str, Any], path: str, text: str) -> None:
    assert (path, text) in problems_of(table)


@pytest.mark.parametrize(
    ("table", "level"),
    [
        ({}, INFO),
        ({"measurements": {}}, DEBUG),
        ({"metadata": {"a": 1}}, DEBUG),
        ({"name": "web.request.exception", "measurements": {}}, ERROR),
        ({"name": "web.request.exception"}, INFO),
        ({"level": "error"}, ERROR),
    ],
)
def test_an_event_has_the_level_that_a_program_would_give_it(table: dict[str, Any], level: int) -> None:
    event, problems = structured({**EVENT, **table}, EventTable)

    assert problems == []
    assert event.number == level


def test_an_event_carries_all_that_is_said() -> None:
    table, _ = structured(
        {
            "name": "shop.payment",
            "level": "error",
            "message": "refused",
            "fields": {"order": 17},
            "context": {"request": "a", "service": "till"},
            "error": {"type": "shop.Refused", "message": "no money"},
            "time": datetime(2026, 3, 1, 10, tzinfo=UTC),
        },
        EventTable,
    )
    event = table.event({"service": "shop", "region": "eu"}, 5)

    assert (event.name, event.level, event.message, event.fields) == ("shop.payment", 40, "refused", {"order": 17})
    assert event.context == {"service": "till", "region": "eu", "request": "a"}  # the context is over what is static
    assert event.error is not None
    assert (event.error.type, event.error.stack) == ("shop.Refused", "shop.Refused: no money")
    assert event.time_ns == 1_772_359_200_000_000_000
    assert not event.is_telemetry


def test_an_error_can_be_a_text_and_can_bring_its_stack() -> None:
    short, _ = structured({**EVENT, "error": "ValueError"}, EventTable)
    long, _ = structured({**EVENT, "error": {"type": "E", "message": "m", "stack": "Traceback …"}}, EventTable)

    assert short.event({}, 0).error.stack == "ValueError"
    assert long.event({}, 0).error.stack == "Traceback …"


def test_values_of_an_event_are_in_no_repr() -> None:
    table, _ = structured({**EVENT, "fields": {"token": "not-to-be-seen"}, "context": {"a": "neither"}}, EventTable)

    assert "not-to-be-seen" not in repr(table)
    assert "neither" not in repr(table)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_a_time_is_the_same_as_text_and_as_toml_and_exact(time: datetime) -> None:
    assert moment(time.isoformat()) == moment(time) == time
    whole, micros = divmod(nanoseconds(time), 1_000_000_000)
    assert datetime.fromtimestamp(whole, UTC).replace(microsecond=micros // 1_000) == time


def test_a_time_without_an_offset_is_utc() -> None:
    assert nanoseconds(moment("2026-01-01T00:00:00")) == BEGIN_NS


def test_one_way_to_fail_is_short_for_a_table() -> None:
    table, _ = structured(
        {"emit": EVENT, "expect": {"a": "nothing"}, "fail": {"a": "closed", "b": {"how": "broken", "times": 2}}}
    )

    assert table.failing() == {"a": FailTable(how="closed"), "b": FailTable(how="broken", times=2)}


def test_a_sink_that_is_not_there_is_told_with_the_nearest_name() -> None:
    table, _ = structured({"emit": EVENT, "expect": {"oncal": "nothing"}, "fail": {"trdes": "closed"}})
    found = list(table.dangling(("test", 0), ["oncall", "trades"]))

    assert [(problem.path, problem.hint) for problem in found] == [
        ("test[0].expect.oncal", "did you mean 'oncall'?"),
        ("test[0].fail.trdes", "did you mean 'trades'?"),
    ]
    assert all(problem.degrades for problem in found)


def test_several_is_nothing_one_or_many() -> None:
    assert (several(None), several("a"), several(["a", "b"])) == ((), ("a",), ["a", "b"])
