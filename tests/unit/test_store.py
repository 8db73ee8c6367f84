"""What a store promises is told where it is declared."""

from __future__ import annotations

import inspect

import pytest

from penstock.river.store import Store

METHODS = ["put", "make_room", "take", "settle", "close"]


@pytest.mark.parametrize("method", METHODS)
def test_each_method_says_when_by_whom_and_what_if_it_fails(method: str) -> None:
    told = inspect.getdoc(getattr(Store, method)) or ""

    assert [line.strip().split(":")[0] for line in told.split("Called:")[1].splitlines() if line[4:5].strip()] == [
        "When",
        "Thread",
        "May block",
        "If it raises",
    ]
