"""Timers run in order, survive what they call, and can be cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import time_ns

import pytest

from penstock import clock
from penstock.clock import TIMERS, Elsewhere, Timers, now_ns
from penstock.event import Event
from penstock.faults import fault_counts


def fail() -> None:
    raise ZeroDivisionError


def wait_for(event: threading.Event) -> bool:
    return event.wait(30)


@contextmanager
def time_stands_still() -> Iterator[None]:
    """Let no timer become due while some are set, however long that takes."""
    now = clock.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "monotonic", lambda: now)
        yield


def test_functions_run_in_the_order_of_their_time() -> None:
    timers, ran, done = Timers(), [], threading.Event()
    with time_stands_still():
        timers.after(0.03, done.set)
        timers.after(0.02, lambda: ran.append("second"))
        timers.after(0.01, lambda: ran.append("first"))

    assert wait_for(done)
    assert ran == ["first", "second"]


def test_a_cancelled_timer_does_not_run_and_cancelling_twice_is_fine() -> None:
    timers, ran, done = Timers(), [], threading.Event()
    with time_stands_still():
        cancel = timers.after(0.01, lambda: ran.append(1))
        cancel()
        cancel()
        timers.after(0.02, done.set)

    assert wait_for(done)
    assert ran == []


def test_a_function_that_raises_costs_nobody_else_their_timer() -> None:
    failures: list[BaseException] = []
    timers, done = Timers(failures.append), threading.Event()
    timers.after(0.0, fail)
    timers.after(0.01, done.set)

    assert wait_for(done)
    assert [type(error) for error in failures] == [ZeroDivisionError]


def test_no_thread_runs_before_the_first_timer_and_a_child_starts_anew() -> None:
    timers = Timers()
    assert timers._thread is None
    timers.after(60, lambda: None)
    assert timers._thread is not None

    timers.after_fork_in_child()

    assert timers._thread is None
    done = threading.Event()
    timers.after(0.0, done.set)
    assert wait_for(done)


def test_a_thread_of_the_generation_before_touches_nothing_of_this_one() -> None:
    timers, before = Timers(), threading.Event()
    timers.after(0.05, before.set)
    timers.after_fork_in_child()
    timers.after(60, fail)

    assert wait_for(before)


def test_a_timer_for_never_costs_nobody_else_theirs() -> None:
    timers, done = Timers(), threading.Event()
    timers.after(float("inf"), fail)
    timers.after(10**400, fail)
    timers.after(threading.TIMEOUT_MAX * 2, fail)
    assert timers._thread is not None
    timers._thread.join(0.05)  # it waits for the three
    timers.after(0.0, done.set)

    assert wait_for(done)


def test_not_a_number_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="NaN"):
        Timers().after(float("nan"), fail)


def test_a_function_that_exits_costs_nobody_else_their_timer() -> None:
    def leave() -> None:
        raise SystemExit

    failures: list[BaseException] = []
    timers, done = Timers(failures.append), threading.Event()
    timers.after(0.0, leave)
    timers.after(0.01, done.set)

    assert wait_for(done)
    assert [type(error) for error in failures] == [SystemExit]


def test_what_a_timer_of_the_process_raises_is_a_fault() -> None:
    done = threading.Event()
    TIMERS.after(0.0, fail)
    TIMERS.after(0.01, done.set)

    assert wait_for(done)
    assert fault_counts()["timer.failed", ""] == 1


class Standing:
    """A world in which time stands still."""

    def __init__(self, nanoseconds: int) -> None:
        self.nanoseconds = nanoseconds

    def now_ns(self) -> int:
        return self.nanoseconds


def test_elsewhere_a_thread_has_the_time_of_there_and_the_others_have_ours() -> None:
    others: list[int] = []
    before = time_ns()
    with Elsewhere(Standing(5)):
        thread = threading.Thread(target=lambda: others.append(now_ns()))
        thread.start()
        thread.join()
        with Elsewhere(Standing(7)):
            assert now_ns() == 7
        assert Event("a").time_ns == 5

    assert before <= others[0] <= now_ns()
