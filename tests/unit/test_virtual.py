"""Time passes only when somebody says so, and what is to be done later is done in order."""

from __future__ import annotations

import threading
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from penstock.assembly.virtual import VirtualEnv


def test_time_stands_still_until_somebody_sleeps() -> None:
    env = VirtualEnv()

    assert (env.now(), env.now()) == (0.0, 0.0)
    env.sleep(86_400.0)
    assert env.now() == 86_400.0


@given(st.lists(st.floats(0, 1e6), max_size=20))
def test_timers_are_due_in_the_order_of_their_times(seconds: list[float]) -> None:
    env = VirtualEnv()
    called: list[int] = []
    for place, wait in enumerate(seconds):
        env.timer(wait, lambda place=place: called.append(place))  # type: ignore[misc]
    while env.next_timer() < inf:
        env.time = env.next_timer()
        for function in env.due():
            function()

    assert called == sorted(range(len(seconds)), key=lambda place: seconds[place])


def test_a_cancelled_timer_is_never_due() -> None:
    env = VirtualEnv()
    cancel = env.timer(1.0, lambda: None)
    cancel()
    cancel()

    assert env.next_timer() == inf
    env.time = 2.0
    assert env.due() == []


def test_no_thread_is_started() -> None:
    before = threading.active_count()
    thread = VirtualEnv().start(lambda: None, "worker")

    assert thread.is_alive()
    thread.join()
    assert threading.active_count() == before


def test_chance_is_the_same_each_time() -> None:
    assert VirtualEnv().jitter(3.0) == VirtualEnv().jitter(3.0) == 1.5


def test_a_delivery_has_nothing_to_watch() -> None:
    env = VirtualEnv()
    env.later(1.0, lambda: None)()

    assert env.next_timer() == inf
