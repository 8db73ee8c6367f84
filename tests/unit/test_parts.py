"""What stays over a reload is what was made of the same; what cannot be compared is made anew."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from penstock.assembly.parts import AfterAnother, Onward, Part, made_alike, made_of
from penstock.clock import monotonic
from penstock.secret import Secret
from penstock.testing import some_event
from penstock.units import Duration


@define(kw_only=True)
class Inner:
    """Options inside options."""

    hosts: list[str] = field(factory=list)


@define(kw_only=True, eq=False)
class Chat:
    """A component; two of them are never equal."""

    token: Secret = field(factory=lambda: Secret("a token"))
    path: Path = Path("/tmp")
    every: Duration = Duration("5 s")
    flags: dict[str, Any] = field(factory=dict)
    inner: Inner = field(factory=Inner)
    socket: object = field(factory=object, init=False)


class Bare:
    """A component without options."""


class Uncomparable:
    """A value like an array."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value of an array is ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_the_same_options_of_the_same_class_are_the_same_whatever_the_class_compares() -> None:
    assert made_alike(Chat()) == made_alike(Chat())
    assert made_alike(Bare()) == made_alike(Bare())
    assert made_alike(Chat()) != made_alike(Bare())


@pytest.mark.parametrize(
    "options",
    [
        {"token": Secret("another token")},
        {"path": Path("/var")},
        {"every": Duration("6 s")},
        {"flags": {"a": True}},
        {"inner": Inner(hosts=["a"])},
    ],
)
def test_any_other_option_makes_another_one(options: dict[str, Any]) -> None:
    assert made_alike(Chat(**options)) != made_alike(Chat())
    assert made_alike(Chat(**options)) == made_alike(Chat(**options))


def test_true_is_not_one() -> None:
    assert made_alike(Chat(flags={"a": 1})) != made_alike(Chat(flags={"a": True}))


def test_what_a_component_does_to_its_options_later_does_not_count() -> None:
    chat = Chat(inner=Inner(hosts=["a"]))
    made = made_alike(chat)
    chat.inner.hosts.append("b")
    chat.flags["opened"] = True

    assert made == made_alike(Chat(inner=Inner(hosts=["a"])))


def test_no_secret_can_be_read_off_it() -> None:
    assert "a token" not in repr(made_alike(Chat()))


def test_what_cannot_be_compared_does_not_stay() -> None:
    assert not Part(made_of(Uncomparable()), None).is_made(made_of(Uncomparable()))
    assert Part(1, None).is_made(1)


# -- the way on behind a stage ----------------------------------------------------------------------------------------


def test_the_way_on_leads_where_it_was_led_last() -> None:
    first: list[object] = []
    second: list[object] = []
    onward = Onward(first.append)
    onward(some_event("1"))
    onward.lead(second.append)
    onward(some_event("2"))

    assert (len(first), len(second)) == (1, 1)


def test_whoever_is_on_an_earlier_way_is_waited_for() -> None:
    entered, go = threading.Event(), threading.Event()

    def slow(event: object) -> None:
        entered.set()
        go.wait()

    onward = Onward(slow)
    thread = threading.Thread(target=onward, args=(some_event("1"),))
    thread.start()
    entered.wait()
    assert onward.wait_until_left(monotonic())  # it is on the way that is the present one
    onward.lead(lambda event: None)

    assert not onward.wait_until_left(monotonic() + 0.01)
    go.set()
    assert onward.wait_until_left(monotonic() + 60)
    thread.join()


def test_what_a_way_raises_leaves_nobody_on_it() -> None:
    def fail(event: object) -> None:
        raise ZeroDivisionError

    onward = Onward(fail)
    with pytest.raises(ZeroDivisionError):
        onward(some_event("1"))
    onward.lead(lambda event: None)

    assert onward.wait_until_left(monotonic())


# -- the worker after another -----------------------------------------------------------------------------------------


def test_a_worker_begins_when_the_one_before_it_is_gone_and_takes_over_what_that_left() -> None:
    gone = threading.Event()
    steps: list[str] = []
    env = AfterAnother(gone, lambda: steps.append("adopt"))
    thread = env.start(lambda: steps.append("run"), "worker")
    thread.join(0.02)
    assert steps == []
    gone.set()
    thread.join()
    env.start(lambda: steps.append("again"), "worker").join()

    assert steps == ["adopt", "run", "again"]


def test_in_a_child_it_waits_for_nobody() -> None:
    steps: list[str] = []
    env = AfterAnother(threading.Event(), lambda: steps.append("adopt"))
    env.after_fork_in_child()
    env.start(lambda: steps.append("run"), "worker").join()

    assert steps == ["run"]
