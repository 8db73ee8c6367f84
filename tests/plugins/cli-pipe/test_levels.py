"""What other programs call their levels, and what we call them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_cli.pipe.levels import Scale, level_number_of


@pytest.mark.parametrize(
    ("value", "scale", "number"),
    [
        # pino, docs/api.md: trace 10, debug 20, info 30, warn 40, error 50, fatal 60
        (10, "tens", 5), (20, "tens", 10), (30, "tens", 20), (40, "tens", 30), (50, "tens", 40), (60, "tens", 50),
        (35, "tens", 20), ("30", "tens", 20), (30.0, "tens", 20), (70, "tens", 50),
        # RFC 5424, 6.2.1
        (0, "syslog", 70), (1, "syslog", 60), (2, "syslog", 50), (3, "syslog", 40), (4, "syslog", 30),
        (5, "syslog", 25), (6, "syslog", 20), (7, "syslog", 10), ("6", "syslog", 20),
        # the standard library's logging
        (10, "python", 10), (20, "python", 20), (30, "python", 30), (40, "python", 40), (50, "python", 50),
    ],
)  # fmt: skip
def test_a_number_is_read_on_its_scale(value: object, scale: Scale, number: int) -> None:
    assert level_number_of(value, scale) == number


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("INFO", 20), (" WARN ", 30), ("fatal", 50), ("err", 40), ("notice", 25), ("Information", 20), ("SEVERE", 40),
        ("http", 10), ("silly", 5), ("dpanic", 50), ("INFO+2", 25), ("DEBUG-4", 5), ("ERROR+4", 50), ("WARN+1", 32),
        ("emerg", 70),
    ],
)  # fmt: skip
def test_words_of_many_loggers_are_known(word: str, number: int) -> None:
    assert level_number_of(word) == number


def test_the_same_word_may_mean_something_else_to_one_logger() -> None:
    assert level_number_of("Verbose") == 10
    assert level_number_of("Verbose", words={"verbose": 5}) == 5


@pytest.mark.parametrize("value", ["purple", "", None, True, [], 3, -1, 0, 101, float("nan"), "9" * 50, "²"])
def test_what_is_no_level_is_none(value: object) -> None:
    assert level_number_of(value) is None


@given(
    st.text() | st.integers() | st.floats() | st.from_regex(r"(info|WARN)[+-][0-9]{1,3}", fullmatch=True),
    st.sampled_from(["tens", "syslog", "python"]),
)
def test_no_value_makes_it_fail(value: object, scale: Scale) -> None:
    number = level_number_of(value, scale)

    assert number is None or number > 0
