"""Env: the world as it is, and a bell that is not missed."""

from __future__ import annotations

import threading

from penstock.clock import monotonic
from penstock.river.env import Bell, Env


def test_a_ring_wakes_who_waits() -> None:
    bell = Bell()
    threading.Timer(0.01, bell.ring).start()
    before = monotonic()
    bell.wait(30)

    assert monotonic() - before < 20


def test_a_ring_before_the_wait_is_not_missed_and_many_rings_are_heard_as_one() -> None:
    bell = Bell()
    for _ in range(5):
        bell.ring()
    before = monotonic()
    bell.wait(30)
    assert monotonic() - before < 20

    bell.wait(0.05)
    assert monotonic() - before >= 0.05  # none of the five was left


def test_chance_stays_within_its_bounds() -> None:
    drawn = [Env().jitter(3.0) for _ in range(100)]

    assert 0 <= min(drawn) < max(drawn) <= 3.0


def test_what_is_started_runs_on_a_thread_of_that_name_and_keeps_no_process_alive() -> None:
    seen: list[threading.Thread] = []
    thread = Env().start(lambda: seen.append(threading.current_thread()), "penstock-out")
    thread.join(5)

    assert seen == [thread]
    assert (thread.name, thread.daemon) == ("penstock-out", True)


def test_what_is_to_happen_later_does_unless_it_is_cancelled() -> None:
    happened = threading.Event()
    cancel = Env().later(0.01, lambda: None)
    cancel()
    Env().later(0.02, happened.set)

    assert happened.wait(5)
