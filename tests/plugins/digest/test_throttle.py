"""A burst, then an even trickle, of each kind and of all; the rest counted and told."""

from __future__ import annotations

from digests import Pipe
from penstock.plugin import Duration
from penstock_digest.group import GroupStage
from penstock_digest.throttle import ThrottleStage


def test_a_burst_passes_and_then_one_in_a_while() -> None:
    pipe = Pipe(ThrottleStage(burst=5, every=Duration("1 min")))
    pipe.say(times=8)
    assert len(pipe.passed) == 5

    for _ in range(4):
        pipe.wait(60)
        pipe.say(times=3)

    assert len(pipe.passed) == 5 + 4
    assert pipe.account.read().gated == {"rate_limited": 11}
    pipe.wait(300)
    (digest,) = pipe.told
    assert digest.message == "11 events over the limit in 4 min: 11 error shop.till (till.py:1); last at 12:04:00 UTC"
    pipe.close()
    pipe.assert_nothing_is_missing()


def test_who_was_silent_for_long_has_a_whole_burst_again_and_no_more() -> None:
    pipe = Pipe(ThrottleStage(burst=5, every=Duration("1 min")))
    pipe.say(times=9)
    pipe.wait(86_400)
    pipe.say(times=9)

    assert len(pipe.passed) == 10


def test_all_kinds_together_have_a_limit_too() -> None:
    pipe = Pipe(ThrottleStage(burst=5, total_burst=20, total_every=Duration("3 s")))
    for line in range(100):
        pipe.say(line=line)
    assert len(pipe.passed) == 20

    pipe.wait(60)
    for line in range(100):
        pipe.say(line=1_000 + line)

    assert len(pipe.passed) == 40
    pipe.close()
    pipe.assert_nothing_is_missing()


def test_a_kind_over_its_own_limit_takes_nothing_from_the_others() -> None:
    pipe = Pipe(ThrottleStage(burst=2, total_burst=10))
    pipe.say("storm", times=1_000)
    for line in range(8):
        pipe.say("calm", line=line)

    assert [event.name for event in pipe.passed] == ["storm"] * 2 + ["calm"] * 8


def test_no_time_means_no_limit() -> None:
    pipe = Pipe(ThrottleStage(every=Duration("0 s"), total_every=Duration("0 s")))
    pipe.say(times=1_000)

    assert len(pipe.passed) == 1_000


def test_what_is_critical_is_not_held_back_because_of_others_but_has_its_own_limit() -> None:
    pipe = Pipe(ThrottleStage(burst=3, total_burst=5))
    for line in range(100):
        pipe.say("flood", line=line)
    pipe.say("fire", level=50, times=10)
    pipe.say("other", level=40)

    assert [event.name for event in pipe.passed] == ["flood"] * 5 + ["fire"] * 3


def test_new_kinds_without_end_cost_bounded_memory_and_share_one_pace() -> None:
    stage = ThrottleStage(burst=2, kinds=50, total_every=Duration("0 s"))
    pipe = Pipe(stage)
    for number in range(5_000):
        pipe.say(f"user.{number}")
        assert len(stage._paces) <= 50 + 9
        assert len(stage._tally) <= 50 + 9

    assert len(pipe.passed) == 50 + 2
    pipe.wait(3_600)
    pipe.say("user.new")  # those that fell silent made room
    assert pipe.passed[-1].name == "user.new"
    assert len(stage._paces) == 1
    pipe.close()
    pipe.assert_nothing_is_missing()


def test_digests_count_as_what_they_stand_for() -> None:
    pipe = Pipe(GroupStage(recovery=False), ThrottleStage(total_burst=1, total_every=Duration("1 h")))
    pipe.say(times=100)
    pipe.wait(301)  # the digest of 99 is one too many
    assert pipe.told == []
    pipe.wait(301)

    (digest,) = pipe.told
    assert digest.message.startswith("99 events over the limit in 1 s: 99 error shop.till (till.py:1)")
    assert pipe.account.read().gated == {"held": 99, "rate_limited": 1}
    pipe.close()
    pipe.assert_nothing_is_missing()
