"""Whatever comes, whenever, through whichever stages: what was said came out, or a digest tells of it, once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digests import NOON, Pipe
from interrupts import everywhere
from penstock.plugin import Duration, Event
from penstock_digest.group import GroupStage
from penstock_digest.quiet import QuietStage
from penstock_digest.sample import SampleStage
from penstock_digest.throttle import ThrottleStage

BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""On a busy machine nothing is too slow."""
KINDS = st.tuples(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from([20, 35, 40, 50]))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), KINDS, st.integers(1, 40)),
        st.tuples(st.just("wait"), st.floats(0.1, 40_000), st.none()),
        st.tuples(st.just("set"), st.floats(-100_000, 100_000), st.none()),
    ),
    max_size=40,
)
STAGES: dict[str, Callable[[int], Any]] = {
    "group": lambda n: GroupStage(kinds=n, recovery=bool(n % 2), every=Duration(60 * n), by_message=n == 3),
    "throttle": lambda n: ThrottleStage(kinds=n, burst=n, total_burst=2 * n, tell_every=Duration(100 * n)),
    "quiet": lambda n: QuietStage(start="22:00", end="07:00", zone="UTC", kinds=n),
}


@BUSY
@given(STEPS, st.lists(st.tuples(st.sampled_from(sorted(STAGES)), st.integers(1, 6)), min_size=1, max_size=4))
def test_what_was_said_came_out_or_is_told(steps: list[Any], chosen: list[tuple[str, int]]) -> None:
    pipe = Pipe(*(STAGES[name](number) for name, number in chosen))
    for what, value, times in steps:
        if what == "say":
            pipe.say(value[0], value[1], times=times)
        elif what == "wait":
            pipe.wait(value)
        else:
            pipe.set_wall(NOON + value)
        assert pipe.account.read().balanced
    pipe.close()

    pipe.assert_nothing_is_missing()
    book = pipe.account.read()
    assert set(book.gated) <= {"held", "rate_limited"}
    assert book.accepted == len(pipe.out)


@BUSY
@given(STEPS)
def test_silence_empties_every_stage_without_a_shutdown(steps: list[Any]) -> None:
    pipe = Pipe(*(make(3) for make in STAGES.values()))
    for what, value, times in steps:
        if what == "say":
            pipe.say(value[0], value[1], times=times)
        elif what == "wait":
            pipe.wait(value)
    pipe.wait(3 * 86_400)

    pipe.assert_nothing_is_missing()
    assert pipe.env.timers == []


@pytest.mark.parametrize("make", STAGES.values(), ids=list(STAGES))
def test_emitters_timers_and_a_shutdown_at_once_lose_no_count(make: Callable[[int], Any]) -> None:
    pipe = Pipe(make(3), wall=NOON + 11 * 3_600)
    start = threading.Barrier(7)

    def emit(number: int) -> None:
        start.wait()
        for turn in range(1_000):
            pipe._carry(Event("abcd"[(turn + number) % 4], "no", 40))

    threads = [threading.Thread(target=emit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    start.wait()
    while pipe.account.read().offered < 3_000:
        pipe.wait(100)
    pipe.close()  # in the middle
    for thread in threads:
        thread.join()

    pipe.said = 6_000
    pipe.assert_nothing_is_missing()


@pytest.mark.parametrize("make", STAGES.values(), ids=list(STAGES))
def test_an_interrupt_anywhere_leaves_no_lock_behind_and_at_most_one_event_unclear(make: Callable[[int], Any]) -> None:
    pipes = []

    def prepare() -> Callable[[], object]:
        pipe = Pipe(make(3), wall=NOON + 11 * 3_600)
        pipes.append(pipe)
        pipe.say(times=5)
        return lambda: pipe.say()

    places = 0
    for _ in everywhere(prepare):
        places += 1
        pipe = pipes.pop()
        other = threading.Thread(target=pipe.say)
        other.start()
        other.join(30)
        assert not other.is_alive()
        pipe.close()
        assert abs(len(pipe.passed) + pipe.told_of() - pipe.said) <= 1
        assert pipe.account.read().balanced
    assert places > 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", STAGES.values(), ids=list(STAGES))
def test_a_forked_child_tells_of_its_own_events_only(make: Callable[[int], Any]) -> None:
    pipe = Pipe(make(2), wall=NOON + 11 * 3_600)
    pipe.say(times=30)
    holding = threading.Event()
    done = threading.Event()

    def hold() -> None:
        with pipe.stages[0]._teller.lock:
            holding.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    child = os.fork()
    if not child:
        try:
            pipe.out.clear()
            pipe.account.reset()
            pipe.said = 0
            pipe.say(times=7)
            pipe.close()
            pipe.assert_nothing_is_missing()
            assert pipe.said == 7
            os._exit(0)
        finally:
            os._exit(1)
    done.set()
    thread.join()

    assert os.waitpid(child, 0)[1] == 0
    pipe.close()
    pipe.assert_nothing_is_missing()


def test_an_event_that_cannot_be_sent_keeps_nothing_else_back(capfd: pytest.CaptureFixture[str]) -> None:
    pipe = Pipe(GroupStage(recovery=False))
    pipe.say("a", times=3)
    pipe.say("b", times=3)
    arrive = pipe.stages[0]._teller._resume

    def break_once(event: Event) -> None:
        pipe.stages[0]._teller._resume = arrive
        raise OSError("no")

    pipe.stages[0]._teller._resume = break_once
    pipe.wait(300)

    assert [event.name for event in pipe.told] == ["b"]
    assert "A digest could not be sent." in capfd.readouterr().err


def test_without_a_timer_thread_what_is_held_is_told_at_the_end() -> None:
    stage = GroupStage()
    out: list[Event] = []

    def refuse(seconds: float, function: Callable[[], None], /) -> Callable[[], None]:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    stage.open(out.append, refuse)
    for _ in range(3):
        stage.emit(Event("a"))
    stage.close()

    assert [event.fields["count"] for event in out] == [2]


# -- sample ------------------------------------------------------------------------------------------------------------


def test_a_share_of_a_level_passes_and_the_rest_is_counted() -> None:
    stage = SampleStage(rates={"info": 0.25, "debug": 0.0})
    chances = iter([0.0, 0.2499, 0.25, 0.9] * 25)
    stage._chance = lambda: next(chances)
    pipe = Pipe(stage)
    pipe.say(level=20, times=80)
    pipe.say(level=22, times=20)  # another library's level counts as the one below
    assert len(pipe.passed) == 50
    pipe.say(level=40, times=10)
    stage._chance = lambda: 0.0
    pipe.say(level=10, times=10)

    assert len(pipe.passed) == 60
    assert pipe.account.read().gated == {"sampled": 60}


def test_chance_is_fair() -> None:
    pipe = Pipe(SampleStage(rates={"error": 0.1}))
    pipe.say(times=10_000)

    assert 700 < len(pipe.passed) < 1_300  # ten standard deviations


def test_a_digest_is_never_sampled_away() -> None:
    pipe = Pipe(GroupStage(), SampleStage(rates={"error": 0.0, "notice": 0.0}))
    pipe.say(times=10)
    pipe.wait(3_600)

    assert pipe.told_of() == 9


@pytest.mark.parametrize("rates", [{"loud": 0.5}, {"info": 1.5}, {"info": -0.1}, {"info": float("nan")}])
def test_a_wrong_rate_is_refused(rates: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"unknown level|a share from 0 to 1"):
        SampleStage(rates=rates)
