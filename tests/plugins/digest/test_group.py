"""The first of a kind at once, its repeats in digests ever further apart, and the end of it."""

from __future__ import annotations

import threading

import pytest

from digests import Pipe
from penstock.event import Failure
from penstock.plugin import Duration
from penstock_digest.group import GroupStage

MIN = 60.0


def test_a_storm_of_100_000_is_three_messages_and_the_first_comes_at_once() -> None:
    pipe = Pipe(GroupStage())
    pipe.say()
    assert pipe.messages == ["no"]  # before any time has passed

    for _ in range(99):
        pipe.wait(0.6)
        pipe.say(times=1_000)
    pipe.say(times=999)
    pipe.wait(3_600)

    assert pipe.messages[1:] == [
        "99,999 more in 5 min, last at 12:00:59 UTC",
        "over: none for 10 min, 100,000 in all since 12:00:00 UTC",
    ]
    assert [event.level for event in pipe.out] == [40, 40, 25]
    assert pipe.account.read().gated == {"held": 99_999}
    pipe.close()
    pipe.assert_nothing_is_missing()


def test_what_goes_on_is_told_ever_more_rarely() -> None:
    pipe = Pipe(GroupStage(every=Duration("5 min"), longest=Duration("20 min")))

    for _ in range(120):  # two hours
        pipe.say()
        pipe.wait(60)

    texts = [event.message.split(",")[0] for event in pipe.told]
    assert texts == ["4 more in 5 min", *(f"{n} more in {n} min" for n in (10, 20, 20, 20, 20, 20))]


def test_what_comes_once_is_one_message() -> None:
    pipe = Pipe(GroupStage())
    for line in range(50):
        pipe.say(line=line)

    pipe.wait(3_600)
    pipe.close()

    assert pipe.messages == ["no"] * 50
    assert pipe.env.timers == []
    pipe.assert_nothing_is_missing()


def test_after_it_is_over_the_next_one_is_a_first_one() -> None:
    pipe = Pipe(GroupStage(recovery=False, over_after=Duration("1 min")))
    pipe.say(times=3)
    pipe.wait(61)
    pipe.say()

    assert pipe.messages == ["no", "2 more in 1 min, last at 12:00:00 UTC", "no"]


def test_repeats_and_the_end_can_be_one_message() -> None:
    pipe = Pipe(GroupStage(every=Duration("1 h"), over_after=Duration("10 min")))
    pipe.say(times=3)
    pipe.wait(600)

    assert pipe.messages[1:] == [
        "2 more, last at 12:00:00 UTC; over: none for 10 min, 3 in all since 12:00:00 UTC",
    ]
    assert pipe.told_of() == 2


def raised_here() -> ValueError:
    try:
        raise ValueError("x")
    except ValueError as error:
        return error


def raised_there() -> ValueError:
    try:
        raise ValueError("y")
    except ValueError as error:
        return error


def test_a_kind_is_a_name_a_level_a_type_of_error_and_two_places() -> None:
    pipe = Pipe(GroupStage())
    for _ in range(2):
        pipe.say()
        pipe.say("shop.db")
        pipe.say(level=50)
        pipe.say(line=2)
        pipe.say(error=raised_here())
        pipe.say(error=raised_there())
        pipe.say(error=KeyError("never raised"))
        pipe.say(error=Failure("KeyError", "from another process", ""))

    assert len(pipe.passed) == 7  # the last two are alike: neither says where it was raised
    pipe.wait(300)
    fields = [{key: event.fields.get(key) for key in ("error_type", "place")} for event in pipe.told]
    line = raised_here.__code__.co_firstlineno + 2
    assert {"error_type": None, "place": "till.py:2"} in fields
    assert {"error_type": "ValueError", "place": f"test_group.py:{line}"} in fields
    assert pipe.told[0].name == "shop.till"
    assert pipe.told[0].site.file == "/app/till.py"


def test_messages_may_tell_kinds_apart_but_not_by_their_numbers() -> None:
    pipe = Pipe(GroupStage(by_message=True))
    for number in range(10):
        pipe.say("nginx", text=f"worker {number} died at 0x7f{number:04x}")
        pipe.say("nginx", text="disk is full")

    assert len(pipe.passed) == 2


def test_no_message_and_no_field_is_kept() -> None:
    import gc

    pipe = Pipe(GroupStage(by_message=True))
    pipe.say(text="canary-message-1", error=ValueError("canary-error"), times=3)
    pipe.out.clear()
    pipe.env.pass_time(1)
    gc.collect()

    seen: set[int] = set()
    todo: list[object] = [pipe.stages[0]]
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, type) or callable(one):
            continue
        seen.add(id(one))
        assert "canary" not in repr(one) if isinstance(one, str) else not isinstance(one, BaseException)
        todo += gc.get_referents(one)
    assert len(seen) > 20


def test_beyond_the_table_the_kinds_of_a_level_are_one() -> None:
    pipe = Pipe(GroupStage(kinds=10))
    for number in range(1_000):
        pipe.say(f"user.{number}")
        pipe.say(f"user.{number}", level=30)

    assert len(pipe.passed) == 10 + 2
    pipe.wait(300)
    assert [(event.name, event.fields["count"]) for event in pipe.told] == [
        ("penstock.event.held", 994),
        ("penstock.event.held", 994),
    ]
    assert {event.level for event in pipe.told} == {30, 40}
    pipe.close()
    pipe.assert_nothing_is_missing()


def test_memory_is_bounded_and_comes_back() -> None:
    stage = GroupStage(kinds=100)
    pipe = Pipe(stage)
    for number in range(10_000):
        pipe.say(f"user.{number}")
        assert len(stage._groups) <= 100 + 9  # the kinds, and one of all others for each level

    pipe.wait(3_600)

    assert stage._groups == {}


def test_what_is_held_at_the_end_is_one_digest() -> None:
    pipe = Pipe(GroupStage())
    for number in range(5):
        pipe.say(f"shop.{number}", times=number + 1)

    pipe.close()
    pipe.close()

    (digest,) = pipe.told
    assert digest.name == "penstock.event.held"
    assert digest.message == (
        "10 events repeated in 1 s: 4 error shop.4 (till.py:1), 3 error shop.3 (till.py:1), "
        "2 error shop.2 (till.py:1), 1 of 1 other kind; last at 12:00:00 UTC"
    )
    assert digest.fields["kinds"] == [f"{n} error shop.{n} (till.py:1)" for n in (4, 3, 2, 1)]
    pipe.say(times=3)  # late ones pass: nobody could tell of them
    assert len(pipe.passed) == 5 + 3
    pipe.assert_nothing_is_missing()


def test_many_threads_at_once_lose_no_count() -> None:
    pipe = Pipe(GroupStage(kinds=5))
    start = threading.Barrier(8)

    def emit(number: int) -> None:
        start.wait()
        for turn in range(2_000):
            pipe._carry(_event(f"shop.{(number + turn) % 9}"))

    from penstock.event import Event

    def _event(name: str) -> Event:
        return Event(name, "no", 40)

    threads = [threading.Thread(target=emit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        pipe.wait(100)  # digests are told meanwhile, from another thread
    for thread in threads:
        thread.join()
    pipe.close()

    pipe.said = 16_000
    pipe.assert_nothing_is_missing()


@pytest.mark.parametrize("option", ["every", "longest", "over_after"])
def test_a_time_of_nothing_is_refused(option: str) -> None:
    with pytest.raises(ValueError, match="longer than nothing"):
        GroupStage(**{option: Duration(0)})  # type: ignore[arg-type]
