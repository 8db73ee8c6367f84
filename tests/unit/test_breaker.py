"""Breaker: closed, open, half-open, and back."""

from __future__ import annotations

from penstock.river.modes.breaker import Breaker


def test_it_opens_at_the_limit_and_says_so_once() -> None:
    breaker = Breaker(limit=3)

    assert [breaker.failed(0.0, 1.0) for _ in range(5)] == [False, False, True, False, False]
    assert breaker.is_open


def test_below_the_limit_everything_is_allowed() -> None:
    breaker = Breaker(limit=3)
    breaker.failed(0.0, 100.0)

    assert breaker.allows(0.0)


def test_open_it_allows_a_probe_when_the_pause_is_over_and_another_when_that_failed() -> None:
    breaker = Breaker(limit=1)
    breaker.failed(0.0, 5.0)
    assert [breaker.allows(now) for now in (0.0, 4.9, 5.0)] == [False, False, True]

    breaker.failed(5.0, 10.0)
    assert [breaker.allows(now) for now in (5.0, 14.9, 15.0)] == [False, False, True]


def test_a_success_closes_it_and_failures_count_from_the_start() -> None:
    breaker = Breaker(limit=2)
    breaker.failed(0.0, 5.0)
    breaker.failed(0.0, 5.0)

    assert breaker.succeeded() is True
    assert breaker.allows(0.0)
    assert breaker.failed(0.0, 5.0) is False
    assert breaker.succeeded() is False
