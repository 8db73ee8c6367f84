"""Form: how much of it runs; nothing in, numbers out; pytest's process.

The reduced form runs with all other tests, in seconds. The full one, ``PENSTOCK_FAULTS=full``, is `nox -s faults`: as
often as the figures say, the peers too, and every interesting situation has to be reached.
"""

from __future__ import annotations

import os
from typing import Final, TypeVar

import pytest

T = TypeVar("T")

FULL: Final = os.environ.get("PENSTOCK_FAULTS") == "full"


full_length: Final = pytest.mark.skipif(not FULL, reason="only at full length: nox -s faults")
"""Marks what makes sense in the full form alone: figures of time, and what becomes of others."""


def either(reduced: T, full: T) -> T:
    """Return what belongs to the form that runs."""
    return full if FULL else reduced


def among(*peers: str) -> list[str]:
    """Return the libraries of a test: Penstock, in the full form *peers* too."""
    return ["penstock", *either((), peers)]
