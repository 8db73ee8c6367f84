"""Levels that are set go back where they were, whatever else was set meanwhile."""

from __future__ import annotations

import threading
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.assembly import tuning as module
from penstock.assembly.tuning import Key, Tuning
from penstock.river.pipeline import Levels

RIVER = ("name", "")
SHOP = ("name", "shop")
SINK = ("sink", "out")
CONFIGURED = Levels(20, {"shop": 40}, {"out": 0})


class Clock:
    """Timers in virtual time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, list[object]]] = []

    def monotonic(self) -> float:
        return self.now

    def after(self, seconds: float, function: object, /) -> object:
        todo = [function]
        self.timers.append((self.now + seconds, todo))
        return todo.clear

    def pass_to(self, now: float) -> None:
        """Let time pass, and call what is due on the way."""
        while due := [timer for timer in self.timers if timer[0] <= now]:
            timer = min(due, key=lambda one: one[0])
            self.timers.remove(timer)
            self.now = max(self.now, timer[0])
            for function in timer[1][:]:
                function()  # type: ignore[operator]
        self.now = now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return patched(monkeypatch)


def patched(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "TIMERS", clock)
    monkeypatch.setattr(module, "monotonic", clock.monotonic)
    return clock


def tuned() -> tuple[Tuning, list[Levels]]:
    applied = [CONFIGURED]
    return Tuning(CONFIGURED, applied.append), applied


def test_a_level_is_set_for_the_river_a_name_and_a_sink() -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 10, None)
    tuning.set(SHOP, 5, None)
    tuning.set(SINK, 50, None)

    assert applied[-1] == Levels(10, {"shop": 5}, {"out": 50})


def test_what_expires_goes_back_to_what_was_configured(clock: Clock) -> None:
    tuning, applied = tuned()
    tuning.set(SHOP, 5, 10)
    clock.pass_to(9)
    assert applied[-1].names == {"shop": 5}
    clock.pass_to(10)

    assert applied[-1] == CONFIGURED


def test_what_expires_goes_back_to_what_would_hold_without_it(clock: Clock) -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 10, None)
    tuning.set(RIVER, 30, 100)
    tuning.set(RIVER, 5, 10)
    assert applied[-1].default == 5
    clock.pass_to(10)
    assert applied[-1].default == 30
    clock.pass_to(100)

    assert applied[-1].default == 10


def test_a_level_set_for_good_is_not_undone_by_the_expiry_of_an_earlier_one(clock: Clock) -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 5, 10)
    tuning.set(RIVER, 30, None)
    clock.pass_to(20)

    assert applied[-1].default == 30


@given(
    st.lists(
        st.tuples(
            st.sampled_from([RIVER, SHOP, SINK]),
            st.integers(1, 70),
            st.one_of(st.none(), st.integers(0, 50)),
            st.integers(0, 20),
        ),
        max_size=12,
    )
)
def test_at_any_time_the_last_word_holds_whose_time_is_not_over(
    words: list[tuple[Key, int, int | None, int]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = patched(patch)
        tuning, applied = tuned()
        said: list[tuple[Key, int, float]] = []

        def expected() -> Levels:
            levels = CONFIGURED
            for key, level, ends in said:
                if ends > clock.now:
                    levels = levels.with_level(*key, level)
            return levels

        for key, level, seconds, pause in words:
            tuning.set(key, level, seconds)
            said.append((key, level, inf if seconds is None else clock.now + seconds))
            clock.pass_to(clock.now + pause)
            if pause:  # what is set for no time at all ends as soon as a timer looks
                assert applied[-1] == expected()
        clock.pass_to(1_000)
        assert applied[-1] == expected()


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_time_that_is_none_changes_nothing(seconds: float) -> None:
    tuning, applied = tuned()
    with pytest.raises(ValueError, match="0 seconds or more"):
        tuning.set(RIVER, 5, seconds)

    assert applied == [CONFIGURED]


def test_several_threads_set_levels_at_once_and_all_expire() -> None:
    tuning, applied = tuned()

    def set_some(number: int) -> None:
        for turn in range(50):
            tuning.set(("name", f"shop.{number}"), turn, 0.01)

    threads = [threading.Thread(target=set_some, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for _ in range(6_000):
        if applied[-1] == CONFIGURED:
            break
        threading.Event().wait(0.005)
    assert applied[-1] == CONFIGURED


def test_what_an_interrupt_cuts_short_is_done_by_the_timers(clock: Clock) -> None:
    applied: list[Levels] = []
    interrupts = [KeyboardInterrupt()]

    def apply(levels: Levels) -> None:
        if interrupts:
            raise interrupts.pop()
        applied.append(levels)

    tuning = Tuning(CONFIGURED, apply)
    with pytest.raises(KeyboardInterrupt):
        tuning.set(RIVER, 5, 10)
    assert not applied
    clock.pass_to(1)
    assert applied[-1].default == 5
    clock.pass_to(10)

    assert applied[-1] == CONFIGURED


# -- a reload ---------------------------------------------------------------------------------------------------------


def succeeded(tuning: Tuning, configured: Levels) -> list[Levels]:
    applied: list[Levels] = []

    def swap(levels: Levels) -> bool:
        applied.append(levels)
        return True

    assert tuning.succeed(configured, applied.append, swap)
    return applied


def test_what_was_set_outlives_a_reload_and_expires_in_the_next_river(clock: Clock) -> None:
    tuning, before = tuned()
    tuning.set(SHOP, 5, 10)
    tuning.set(SINK, 50, None)
    told = len(before)
    applied = succeeded(tuning, Levels(30, {"shop": 40}, {"out": 0}))
    assert applied == [Levels(30, {"shop": 5}, {"out": 50})]
    clock.pass_to(10)

    assert applied[-1] == Levels(30, {"shop": 40}, {"out": 50})
    assert len(before) == told


@pytest.mark.parametrize(
    ("key", "configured"),
    [
        (RIVER, Levels(30, {"shop": 40}, {"out": 0})),
        (SHOP, Levels(20, {"shop": 30}, {"out": 0})),
        (SHOP, Levels(20, {}, {"out": 0})),
        (SINK, Levels(20, {"shop": 40}, {"out": 20})),
        (SINK, Levels(20, {"shop": 40}, {})),
    ],
)
def test_a_document_that_says_something_new_of_it_is_the_last_word(key: Key, configured: Levels, clock: Clock) -> None:
    tuning, _ = tuned()
    tuning.set(key, 5, 10)
    tuning.set(key, 7, 5)
    applied = succeeded(tuning, configured)
    assert applied == [configured]
    tuning.set(("name", "other"), 7, None)

    assert applied[-1] == configured.with_level("name", "other", 7)
    tuning.end()
    assert succeeded(tuning, CONFIGURED) == [CONFIGURED]  # it does not come back with what it was said against


def test_a_river_that_does_not_take_over_changes_nothing() -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 5, None)

    assert not tuning.succeed(Levels(30), lambda _: pytest.fail("it never ran"), lambda _: False)
    tuning.set(SHOP, 7, None)
    assert applied[-1] == Levels(5, {"shop": 7}, {"out": 0})


# -- the end, and a child ---------------------------------------------------------------------------------------------


def test_a_child_times_again_what_expires(clock: Clock) -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 5, 10)
    tuning.set(SHOP, 7, None)
    clock.timers.clear()  # the parent's do not run in a child
    tuning.after_fork_in_child()
    clock.pass_to(10)

    assert applied[-1] == Levels(20, {"shop": 7}, {"out": 0})


def test_at_the_end_nothing_expires_any_more(clock: Clock) -> None:
    tuning, applied = tuned()
    tuning.set(RIVER, 5, 10)
    tuning.end()
    clock.pass_to(20)

    assert len(applied) == 2
