"""Levels that are set go back where they were, whatever else was set meanwhile."""

from __future__ import annotations

import threading

from penstock.assembly.tuning import Tuning
from penstock.river.pipeline import Levels

RIVER = ("name", "")
SHOP = ("name", "shop")
SINK = ("sink", "out")


def tuned() -> tuple[Tuning, list[Levels]]:
    applied: list[Levels] = []
    return Tuning(Levels(20, {"shop": 40}), applied.append), applied


def wait_for(applied: list[Levels], count: int) -> Levels:
    for _ in range(1_000):
        if len(applied) >= count:
            break
        threading.Event().wait(0.005)
    return applied[-1]


def test_a_level_is_set_for_the_river_a_name_and_a_sink() -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 10, None)
    tuning.set(SHOP, 5, None)
    tuning.set(SINK, 50, None)

    assert applied[-1] == Levels(10, {"shop": 5}, {"out": 50})


def test_what_expires_goes_back_to_what_was_configured() -> None:
    tuning, applied = tuned()
    tuning.set(SHOP, 5, 0.01)

    assert applied[-1].names == {"shop": 5}
    assert wait_for(applied, 2) == Levels(20, {"shop": 40})


def test_what_expires_goes_back_to_what_was_set_for_good() -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 10, None)
    tuning.set(RIVER, 5, 0.01)

    assert wait_for(applied, 3) == Levels(10, {"shop": 40})


def test_a_newer_level_is_not_undone_by_the_expiry_of_an_older_one() -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 5, 0.01)
    (ends,) = [passing.ends for passing in tuning._passing.values()]
    tuning.set(RIVER, 30, 60)
    tuning._expire(RIVER, ends)  # the timer had fired already, and waited for the lock

    assert applied[-1].default == 30
    tuning.end()


def test_a_child_times_again_what_expires() -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 5, 0.02)
    for passing in tuning._passing.values():
        passing.cancel()  # the parent's timer does not run in a child
    tuning.after_fork_in_child()

    assert wait_for(applied, 2).default == 20


def test_at_the_end_nothing_expires_any_more() -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 5, 0.01)
    tuning.end()
    threading.Event().wait(0.05)

    assert len(applied) == 1
