"""Retry: when, and with how much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.river.modes.retry import Retry


def longest(most: float) -> float:
    return most


def test_the_limit_of_the_pause_doubles_up_to_a_minute() -> None:
    retry = Retry(longest)
    pauses = []
    for _ in range(10):
        retry.failed(0.0, None)
        pauses.append(retry.wait(0.0, None))

    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(luck=st.floats(0, 1), failures=st.integers(1, 2_000))
def test_the_pause_is_anything_below_the_limit(luck: float, failures: int) -> None:
    asked: list[float] = []

    def jitter(most: float) -> float:
        asked.append(most)
        return most * luck

    retry = Retry(jitter)
    for _ in range(failures):
        retry.failed(0.0, None)

    assert retry.wait(0.0, None) == asked[-1] * luck
    assert asked[-1] <= 60


def test_a_sink_that_says_when_is_obeyed_to_the_millisecond_and_no_longer_than_a_day() -> None:
    retry = Retry(longest)
    retry.failed(10.0, 2.345)
    assert retry.wait(10.0, None) == pytest.approx(2.345)
    assert retry.wait(12.345, None) == 0

    retry.failed(0.0, 1e300)
    assert retry.wait(0.0, None) == 86_400


@pytest.mark.parametrize("at_once", [0, -1, 0.0])
def test_at_once_is_like_no_word_at_all(at_once: float) -> None:
    retry = Retry(longest)
    retry.failed(0.0, at_once)

    assert retry.wait(0.0, None) == 0.5


def test_failures_in_a_row_leave_one_record_until_one_arrived() -> None:
    retry = Retry(longest)
    assert [retry.failed(0.0, None) for _ in range(6)] == [False, False, False, False, True, False]
    assert retry.most(500) == 1

    assert retry.succeeded() is True
    assert (retry.most(500), retry.wait(0.0, None)) == (500, 0)
    retry.failed(0.0, None)
    assert retry.wait(0.0, None) == 0.5


def test_a_sink_that_says_when_is_there_and_opens_no_breaker() -> None:
    retry = Retry(longest)

    assert not any(retry.failed(0.0, 1.0) for _ in range(20))
    assert retry.most(500) == 500


def test_when_time_is_short_it_tries_each_tenth_of_a_second() -> None:
    retry = Retry(longest)
    for _ in range(10):
        retry.failed(0.0, None)

    assert retry.wait(0.0, 5.0) == pytest.approx(0.1)
    assert retry.wait(0.04, 5.0) == pytest.approx(0.06)
    assert retry.wait(0.1, 5.0) == 0


def test_a_sink_that_must_not_be_asked_before_the_end_is_not() -> None:
    retry = Retry(longest)
    retry.failed(0.0, 60.0)

    assert retry.wait(0.0, 59.0) is None
    assert retry.wait(0.0, 61.0) == 60
