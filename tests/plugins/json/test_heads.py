"""Heads: what is kept of a call site makes lines quicker, and never others."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.plugin import Event, Site
from penstock.river.redact import build_redact
from penstock_json.ecs import REQUIRED
from penstock_json.format import JsonFormat

Make = Callable[..., Event]
Read = Callable[[bytes], dict[str, Any]]

plain = build_redact(())

MARKER = "\ue000the message of a penstock head\ue000"
odd = st.sampled_from(["\ud800", "\\ud800", "\u2028", "\x7f", "\U000e0001", MARKER])
keys = st.sampled_from(
    ["qty", "note", "args", "time", "name", "old", "", "a..b", "log.level", "trace_id", "http", "severity_code"]
)
fields = st.dictionaries(keys | odd, st.integers() | st.floats() | st.text(max_size=5) | odd, max_size=3)
said = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["shop", "shop.cart"]) | odd,
        "message": st.sampled_from(["order placed", "order cancelled", "order " * 1_000]) | odd,
        "level": st.sampled_from([20, 20, 40, 70]),
        "time_ns": st.sampled_from([0, 999_999, 1_500_000_000_123_456_789, 2**70, -1]),
        "thread": st.sampled_from(["MainThread", "worker"]) | odd,
        "pid": st.sampled_from([1, 1, 2]),
        "context": st.just({}) | fields,
        "fields": st.just({}) | fields,
    },
)
captured = st.lists(st.integers() | st.text(max_size=5), max_size=3).map(lambda arguments: {"arguments": arguments})
measured = fields.map(lambda measurements: {"measurements": measurements})
failed = st.just({"error": ValueError("no")})
events = st.builds(lambda one, other: one | other, said, st.just({}) | captured | measured | failed)
options = st.fixed_dictionaries(
    {
        "style": st.sampled_from(["flat", "basic", "ecs"]),
        "severity": st.sampled_from(["name", "both"]),
        "timestamp": st.sampled_from(["ms", "us", "ns"]),
        "node": st.sampled_from([False, "web-1", "\u2028"]),
    },
    optional={
        "include": st.lists(keys, max_size=5),
        "exclude": st.lists(keys | st.sampled_from(["thread", "message", "process.thread.name"]), max_size=3),
        "rename": st.sampled_from([{"old": "new"}, {"name": "called"}]),
    },
)


def site() -> Site:
    return Site("shop.cart", "Cart.add", "/srv/shop/cart.py", 120)


def made(options: dict[str, Any]) -> JsonFormat:
    if options["style"] == "ecs" and "exclude" in options:  # the style cannot do without
        options = {**options, "exclude": [name for name in options["exclude"] if name not in REQUIRED]}
    return JsonFormat(**options)


@settings(max_examples=300)
@given(st.lists(events, max_size=5), options)
def test_no_line_depends_on_those_before_it(stream: list[dict[str, Any]], options: dict[str, Any]) -> None:
    format_, here, contexts = made(options), site(), dict[str, object]()
    for given_event in stream * 4:  # the names of fields are learned, then a head is made, then it is used
        event = plain(Event(site=here, **given_event))
        event.context = contexts.setdefault(str(event.context), event.context)  # type: ignore[assignment]  # one object
        alone = event.replace(site=site())

        assert format_.format(event) == made(options).format(alone)


def again(format_: JsonFormat, event: Event) -> bytes:
    """Return the line of *event* when all is known of it."""
    return [format_.format(event) for _ in range(4)][-1]


@pytest.mark.parametrize("style", ["flat", "ecs"])
def test_arguments_stand_in_their_own_line_alone(style: Any, event: Make, read: Read) -> None:
    format_, here = JsonFormat(style=style), site()
    names = ["one", "two", "three", "four", "five"]
    lines = [read(format_.format(event(site=here, fields={}, arguments=[name]))) for name in names]

    assert [line["args"] for line in lines] == [[name] for name in names]
    assert "args" not in read(format_.format(event(site=here, fields={})))


def test_a_logger_called_like_the_marker_is_not_the_message(event: Make, read: Read) -> None:
    format_ = JsonFormat(exclude=["message"])
    line = read(again(format_, event(name=MARKER, fields={})))

    assert line["logger"] == MARKER
    assert "order placed" not in line.values()


@pytest.mark.parametrize(("outer", "inner"), [("\ud800", "\\ud800"), ("\\ud800", "\ud800")])
def test_keys_that_become_the_same_text_stay_two(event: Make, read: Read, outer: str, inner: str) -> None:
    both = event(context={outer: "context"}, fields={inner: "field", "note": "\udc80"})
    line = read(again(JsonFormat(), both))

    assert (line["\\ud800"], line["\\ud800_"]) == ("context", "field")


@pytest.mark.parametrize("options", [{}, {"style": "ecs"}, {"exclude": ["message"]}])
@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"level": 40},
        {"pid": 2},
        {"thread": "other"},
        {"message": "other"},
        {"time_ns": 0},
        {"context": {"qty": 1}},
        {"context": {"args": 1}},
        {"fields": {"args": 1, "note": "n"}},
        {"fields": {}, "arguments": ["other"]},
    ],
)
def test_a_line_is_its_own_event_whatever_differs(event: Make, options: dict[str, Any], change: dict[str, Any]) -> None:
    format_, here = JsonFormat(**options), site()
    one = event(site=here, fields={"note": "n"}, arguments=["one"], context={"id": 1})
    other = one.replace(**change)
    for _ in range(4):
        for now in (one, other):
            assert format_.format(now) == JsonFormat(**options).format(now.replace(site=site()))


def counted(event: Make) -> tuple[JsonFormat, list[Event]]:
    """Return a format, and the events whose lines it makes of members, the long way."""
    format_, long = JsonFormat(), list[Event]()
    heads = cast("Any", format_.format).__self__
    members = heads._members
    heads._members = lambda one: (long.append(one), members(one))[1]
    format_.format(event())  # the names of the fields are known from here on
    long.clear()
    return format_, long


def test_a_call_site_that_speaks_for_many_soon_makes_no_line_the_long_way(event: Make) -> None:
    format_, long = counted(event)
    here = site()
    of_many = [
        event(site=here, name=name, level=level, thread=f"worker-{number}")
        for name in ("shop", "shop.cart")
        for level in (20, 40)
        for number in range(50)
    ]
    for one in of_many * 2:
        format_.format(one)
    long.clear()
    for one in of_many:
        format_.format(one)

    assert long == []


def test_what_is_said_once_takes_the_long_way_once(event: Make) -> None:
    format_, long = counted(event)
    here = site()
    once = [event(site=here, thread=f"request-{number}") for number in range(2_000)]
    for one in once:
        format_.format(one)

    assert long == once


def _distinct(event: Make) -> Iterator[Event]:
    for number in range(100):
        text = f"{number} " * 10_000
        site = Site("shop", "sell", "/srv/shop.py", number)
        yield event(message=text, site=site, context={"page": text[::-1]}, fields={})


def test_long_messages_and_contexts_are_not_kept(event: Make) -> None:
    format_ = JsonFormat()
    format_.format(event(fields={}, context={"page": ""}))
    tracemalloc.start()
    try:
        for one in _distinct(event):
            again(format_, one)
        del one
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 1_000_000  # of some 20 MB
