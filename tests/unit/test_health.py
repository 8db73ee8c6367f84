"""A broken check is a finding, not a crash."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import penstock
from penstock.health import _checks, _findings


@pytest.fixture(autouse=True)
def forget_checks() -> Iterator[None]:
    _checks.clear()
    _findings.clear()
    yield
    _checks.clear()
    _findings.clear()


def test_nothing_registered_is_healthy() -> None:
    penstock.configure({"sink": {"out": {"type": "last-resort"}}, "pipeline": {"all": {"sink": "out"}}})

    assert penstock.health() == (True, {"out": "ok"}, {})


def test_checks_are_asked_each_time() -> None:
    answers: list[object] = [True, None, "fine", False]
    penstock.health_check("database", lambda: answers.pop(0))

    assert [penstock.health().checks["database"] for _ in range(4)] == ["ok", "ok", "ok", "failing"]


def test_a_check_that_raises_fails_with_the_type_alone() -> None:
    def broken() -> bool:
        raise ConnectionError("postgres://user:s3cr3t@host")

    penstock.health_check("database", broken)

    health = penstock.health()
    assert not health.ok
    assert health.checks == {"database": "failing: ConnectionError"}


def test_a_name_is_one_check() -> None:
    penstock.health_check("x", lambda: False)
    penstock.health_check("x", lambda: True)

    assert penstock.health().ok
