"""Nine levels, and what other worlds call them."""

from __future__ import annotations

import logging

import pytest

from penstock.levels import LEVELS, foreign_level_number, level_name, level_number, level_of


def test_the_nine_levels_have_the_numbers_of_the_design() -> None:
    assert {level.name: level.number for level in LEVELS} == {
        "trace": 5,
        "debug": 10,
        "info": 20,
        "notice": 25,
        "warning": 30,
        "error": 40,
        "critical": 50,
        "alert": 60,
        "emergency": 70,
    }


def test_their_syslog_severities_are_those_of_rfc_5424() -> None:
    assert [level.syslog for level in LEVELS] == [7, 7, 6, 5, 4, 3, 2, 1, 0]


def test_their_opentelemetry_numbers_rise_and_stay_in_range() -> None:
    numbers = [level.otel for level in LEVELS]

    assert numbers == sorted(set(numbers)) == [1, 5, 9, 10, 13, 17, 21, 22, 23]


def test_every_level_has_a_name_that_logging_knows() -> None:
    assert all(isinstance(logging.getLevelName(level.stdlib), int) for level in LEVELS)


@pytest.mark.parametrize(("given", "number"), [("info", 20), ("ERROR", 40), (35, 35), (0, 0)])
def test_a_level_is_a_name_or_a_number(given: str | int, number: int) -> None:
    assert level_number(given) == number


@pytest.mark.parametrize("wrong", ["loud", "", -1, True])
def test_a_wrong_level_is_an_error_that_lists_the_right_ones(wrong: str | int) -> None:
    with pytest.raises(ValueError, match="level"):
        level_number(wrong)


def test_a_number_between_is_the_level_below() -> None:
    assert [level_name(number) for number in (0, 5, 24, 25, 35, 69, 1_000)] == [
        "trace",
        "trace",
        "info",
        "notice",
        "warning",
        "alert",
        "emergency",
    ]


def test_numbers_of_others_are_remembered_within_bounds() -> None:
    from penstock.levels import _levels_by_number

    for number in range(5_000):
        level_of(number)

    assert len(_levels_by_number) <= 200


@pytest.mark.parametrize(
    ("word", "number"), [("WARN", 30), ("fatal", 50), (" Err ", 40), ("info", 20), ("nonsense", None)]
)
def test_words_of_other_programs_are_understood(word: str, number: int | None) -> None:
    assert foreign_level_number(word) == number
