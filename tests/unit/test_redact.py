"""The walk: every value plain, once; every secret judged; nothing hurts the caller."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import UserDict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.event import Event, Failure
from penstock.faults import fault_counts
from penstock.river.redact import DEPTH, FAILED, ITEMS, NODES, TEXT, TEXTS, build_redact, snapshot_error
from penstock.secret import MASK, Secret, known, secret
from penstock.types import REMOVE, Action
from strategies import HOSTILE, fields


def walk(*redactors: Any, **given_fields: object) -> dict[str, object]:
    redact = build_redact([(type(redactor).__name__, redactor) for redactor in redactors])
    return redact(Event("some.event", fields=given_fields)).merged()


class Keys:
    def __init__(self, *keys: str, action: Action = lambda value: "***") -> None:
        self.keys = keys
        self.action = action
        self.asked: list[str] = []

    def redact_key(self, key: str, /) -> Action | None:
        self.asked.append(key)
        return self.action if key in self.keys else None


class Words:
    def redact_text(self, text: str, /) -> str:
        return text.replace("hush", "***")


class Places:
    def __init__(self, *paths: tuple[str, ...]) -> None:
        self.paths = paths

    def redact_path(self, path: tuple[str, ...], /) -> Action | None:
        return (lambda value: "***") if path in self.paths else None


def test_plain_values_stay_as_they_are() -> None:
    given_fields = {"a": 1, "b": 1.5, "c": True, "d": None, "e": "text", "f": [1, {"g": "h"}]}

    assert walk(**given_fields) == given_fields


def test_other_values_become_plain() -> None:
    @dataclasses.dataclass
    class Point:
        x: int
        hidden: str = dataclasses.field(repr=False, default="not shown")

    @attrs.define
    class Order:
        point: Point
        secret: str = attrs.field(repr=False, default="not shown")

    shown = walk(order=Order(Point(1)), items=(1, 2), numbers={3}, raw=b"\xffa", error=ValueError("x"))

    assert shown["order"] == {"point": {"x": 1}}
    assert shown["items"] == [1, 2]
    assert shown["numbers"] == [3]
    assert shown["raw"] == "\\xffa"
    assert shown["error"] == {"type": "ValueError", "message": "x", "stack": "ValueError: x"}


@pytest.mark.parametrize(("name", "value"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_hostile_value_costs_itself_at_most(name: str, value: object) -> None:
    shown = walk(before=1, hostile=value, after=2)

    assert (shown["before"], shown["after"]) == (1, 2)
    text = json.dumps(shown, allow_nan=False)
    assert len(text) < 400_000


def test_what_cannot_be_shown_says_why() -> None:
    hostile = dict(HOSTILE)

    assert walk(x=hostile["repr that raises"])["x"] == "<unrepresentable Raises: ValueError>"
    assert walk(x=hostile["repr that exits"])["x"] == "<unrepresentable Raises: SystemExit>"
    assert fault_counts()["value.failed", "Raises"] == 2


def test_a_real_interrupt_passes_through() -> None:
    class Interrupted:
        def __repr__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walk(x=Interrupted())


def test_numbers_that_json_does_not_have_become_text() -> None:
    assert walk(a=float("nan"), b=float("inf"), c=float("-inf")) == {"a": "NaN", "b": "Infinity", "c": "-Infinity"}


def test_a_number_beyond_64_bits_becomes_text_without_being_rounded() -> None:
    shown = walk(a=2**64 - 1, b=2**64, c=-(2**63), d=10**21, e=10**5000)

    assert shown["a"] == 2**64 - 1
    assert shown["b"] == str(2**64)
    assert shown["c"] == -(2**63)
    assert shown["d"] == "1" + "0" * 21
    assert isinstance(shown["e"], str)
    assert shown["e"].startswith("0x")


def test_limits_are_kept_and_marked() -> None:
    shown = walk(text="x" * (TEXT + 10), items=list(range(ITEMS + 7)), table={str(n): n for n in range(ITEMS + 3)})

    assert shown["text"] == "x" * TEXT + "…[+10 characters]"
    assert shown["items"] == [*range(ITEMS), "[+7 items]"]
    table = shown["table"]
    assert isinstance(table, dict)
    assert table["…"] == "[+3 items]"
    assert len(table) == ITEMS + 1


def test_depth_and_number_of_values_are_bounded() -> None:
    text = json.dumps(walk(deep=dict(HOSTILE)["depth 5,000"]))
    assert text.count("[") <= DEPTH + 2
    assert "too deep" in text

    wide: list[object] = [1]
    for _ in range(6):
        wide = [wide] * 10
    shown = json.dumps(walk(wide=wide))
    assert "too many values" in shown
    assert shown.count("1") < 2 * NODES


def test_keys_that_are_equal_as_text_are_told_apart() -> None:
    assert walk(x={1: "a", "1": "b"})["x"] == {"1": "a", "1_": "b"}


def test_a_key_that_raises_costs_itself_at_most() -> None:
    evil: object = dict(HOSTILE)["repr that raises"]
    event = build_redact([])(Event("e", measurements={"a": 1}, metadata={evil: 2, "b": 3}))  # type: ignore[dict-item]

    assert event.merged() == {"a": 1, "<unrepresentable Raises: ValueError>": 2, "b": 3}


def test_the_parts_of_a_message_are_shown_only_if_nothing_in_it_was_hidden() -> None:
    redact = build_redact([("words", Words())])

    shown = redact(Event("e", "qty=2", arguments=(2,)))
    assert shown.merged() == {"args": [2]}
    hidden = redact(Event("e", "password=hush", arguments=("hush", {"x": 1})))
    assert (hidden.message, hidden.merged()) == ("password=***", {})


def test_the_first_of_a_pair_names_the_second_and_an_option_what_follows() -> None:
    shown = walk(
        Keys("token", "--token"),
        headers=[("token", "s"), (b"token", b"s"), ("other", "o")],
        argv=["run", "--token", "s", "--other", "o"],
        three=["token", "a", "b"],
    )

    assert shown["headers"] == [["token", "***"], ["token", "***"], ["other", "o"]]
    assert shown["argv"] == ["run", "--token", "***", "--other", "o"]
    assert shown["three"] == ["token", "a", "b"]


def test_a_value_changed_after_the_call_changes_nothing() -> None:
    items = [1, 2]
    redact = build_redact([])
    shown = redact(Event("e", fields={"items": items}))
    items.append(3)

    assert shown.fields["items"] == [1, 2]


def test_a_secret_object_is_never_shown() -> None:
    assert walk(a=Secret("hunter22"), b=[Secret("hunter22")]) == {"a": "[redacted]", "b": ["[redacted]"]}


def test_a_known_secret_is_hidden_in_every_text() -> None:
    Secret("known-secret-text")
    redact = build_redact([])
    event = Event("e", "a known-secret-text b", fields={"known-secret-text": ["x known-secret-text"]})
    event.error = ValueError("known-secret-text")

    shown = redact(event)

    assert "known-secret-text" not in repr((shown.message, shown.merged()))
    assert isinstance(shown.error, Failure)
    assert "known-secret-text" not in shown.error.message + shown.error.stack


def test_a_key_is_hidden_at_any_depth_and_everywhere() -> None:
    redact = build_redact([("keys", Keys("token"))])
    event = Event(
        "e",
        fields={"token": "s", "a": [{"token": {"b": "s"}}]},
        measurements={"token": 1},
        metadata={"x": {"token": "s"}},
        context={"token": "s"},
    )

    shown = redact(event)

    assert shown.fields == {"token": "***", "a": [{"token": "***"}]}
    assert shown.measurements == {"token": "***"}
    assert shown.metadata == {"x": {"token": "***"}}
    assert shown.context == {"token": "***"}


def test_a_key_is_judged_once() -> None:
    keys = Keys("token")
    redact = build_redact([("keys", keys)])
    for _ in range(5):
        redact(Event("e", fields={"token": 1, "other": 2}))

    assert sorted(keys.asked) == ["other", "token"]


def test_texts_are_searched_in_message_values_keys_and_exceptions() -> None:
    redact = build_redact([("words", Words())])
    event = Event("e", "say hush", fields={"a": "hush", "hush": 1, "b": ["hush"]})
    event.error = ValueError("hush")

    shown = redact(event)

    assert shown.message == "say ***"
    assert shown.fields == {"a": "***", "***": 1, "b": ["***"]}
    assert isinstance(shown.error, Failure)
    assert "hush" not in shown.error.message + shown.error.stack


def test_what_a_repr_prints_is_searched_too() -> None:
    class Talker:
        def __repr__(self) -> str:
            return "Talker(hush)"

    assert walk(Words(), x=Talker())["x"] == "Talker(***)"


def test_half_a_secret_does_not_slip_through_the_cut() -> None:
    shown = walk(Words(), x="x" * (TEXT - 2) + "hush" + "y" * 10)["x"]

    assert isinstance(shown, str)
    assert "hu" not in shown


def test_a_path_is_judged_by_place_with_indexes_of_lists() -> None:
    shown = walk(Places(("a", "b"), ("items", "1")), a={"b": 1, "c": 2}, b=3, items=["x", "y"])

    assert shown == {"a": {"b": "***", "c": 2}, "b": 3, "items": ["x", "***"]}


def test_an_action_can_remove_the_key() -> None:
    assert walk(Keys("token", action=lambda value: REMOVE), token=1, other=2) == {"other": 2}


def test_actions_get_the_plain_value_in_the_order_of_the_redactors() -> None:
    seen: list[object] = []

    def note(value: object) -> object:
        seen.append(value)
        return "first"

    walk(Keys("a", action=note), Keys("a", action=lambda value: seen.append(value) or "second"), a=(1, 2))

    assert seen == [[1, 2], "first"]


@pytest.mark.parametrize("method", ["redact_key", "redact_path", "redact_text"])
def test_a_redactor_that_raises_withholds_the_value(method: str) -> None:
    def broken(self: object, about: object, /) -> None:
        raise RuntimeError("bug")

    redactor = type("Broken", (), {method: broken})()

    shown = walk(redactor, a="secret")

    assert "secret" not in str(shown)
    assert FAILED in str(shown)
    assert fault_counts()["redact.failed", "Broken"] >= 1


def test_a_redactor_that_failed_once_is_asked_again() -> None:
    class Fails:
        """Fails as it does where the stack is at its end: whatever it is asked."""

        fails = True

        def _ask(self) -> None:
            if self.fails:
                raise RecursionError

        def redact_key(self, key: str, /) -> None:
            self._ask()

        def redact_path(self, path: tuple[str, ...], /) -> None:
            self._ask()

        def redact_text(self, text: str, /) -> str:
            self._ask()
            return text

    redactor = Fails()
    redact = build_redact([("fails", redactor)])
    event = Event("some.event", "m", fields={"note": "text"}, thread="worker")
    assert FAILED in redact(event).merged().values()
    redactor.fails = False
    shown = redact(event)

    assert (shown.name, shown.thread, shown.message, shown.fields) == ("some.event", "worker", "m", {"note": "text"})


def test_an_action_that_raises_withholds_the_value() -> None:
    def broken(value: object) -> object:
        raise RuntimeError

    assert walk(Keys("a", action=broken), a="secret") == {"a": FAILED}


def test_the_callers_objects_are_not_touched() -> None:
    inner = {"token": "s"}
    given_fields = {"a": inner}
    walk(Keys("token"), **given_fields)

    assert inner == {"token": "s"}


def test_an_exception_is_told_whole_and_without_locals() -> None:
    def fail() -> None:
        local_value = "do-not-show-me"[:]  # noqa: F841
        try:
            raise KeyError("inner")
        except KeyError as error:
            error.add_note("a note")
            raise ValueError("outer") from error

    try:
        fail()
    except ValueError as error:
        failure = snapshot_error(error)

    assert failure.type == "ValueError"
    assert failure.message == "outer"
    assert "inner" in failure.stack
    assert "a note" in failure.stack
    assert "direct cause" in failure.stack


def test_an_exception_whose_text_raises_is_still_told() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    failure = snapshot_error(Mute())

    assert "Mute" in failure.type
    assert failure.stack


@settings(max_examples=200, deadline=None)
@given(fields)
def test_whatever_is_passed_becomes_plain_data(given_fields: dict[str, object]) -> None:
    shown = build_redact([])(Event("e", fields=given_fields)).merged()

    def check(value: object) -> None:
        assert type(value) in (str, int, float, bool, type(None), list, dict)
        if type(value) is dict:
            for key, inner in value.items():
                assert type(key) is str
                check(inner)
        elif type(value) is list:
            for inner in value:
                check(inner)

    check(shown)
    json.dumps(shown, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(fields)
def test_redacting_twice_equals_once(given_fields: dict[str, object]) -> None:
    redact = build_redact([("keys", Keys("token")), ("words", Words())])
    once = redact(Event("e", fields=given_fields))

    assert redact(once).merged() == once.merged()


# -- bounds of one event ----------------------------------------------------------------------------------------------


def count(value: object) -> int:
    if isinstance(value, dict):
        return sum(1 + count(member) for member in value.values())
    return sum(1 + count(item) for item in value) if isinstance(value, list) else 0


def test_plain_members_and_items_count_as_values_too() -> None:
    numbers = walk(rows=[[0] * ITEMS] * ITEMS)
    tables = walk(rows=[{str(number): None for number in range(ITEMS)}] * ITEMS)

    for shown in (numbers, tables):
        assert "[too many values: " in json.dumps(shown)
        assert count(shown) < NODES + ITEMS


def test_a_value_that_was_counted_is_shown() -> None:
    shown = walk(rows=[[Decimal(1)] * ITEMS] * 9)

    assert json.dumps(shown).count('"1"') == 9 * ITEMS


def test_texts_have_a_budget_together_and_what_is_cut_is_marked() -> None:
    shown = walk(Words(), rows=["x" * 60_000] * 1_000)

    assert len(json.dumps(shown)) < TEXTS + 100_000
    rows = shown["rows"]
    assert isinstance(rows, list)
    assert rows[0] == "x" * 60_000
    assert rows[-1] == "…[+60000 characters]"


def test_what_went_wrong_is_told_before_a_giant_takes_all_room() -> None:
    event = Event("e", "m", 40, fields={"rows": ["x" * 60_000] * 100}, error=ValueError("why"))

    shown = build_redact([])(event)

    assert isinstance(shown.error, Failure)
    assert shown.error.stack.endswith("ValueError: why")


def test_long_keys_and_giant_numbers_are_cut_as_texts_are() -> None:
    shown = walk(**{"k" * (TEXT + 10): 1, "number": 2 ** (TEXT * 8)})

    assert f"{'k' * TEXT}…[+10 characters]" in shown
    assert str(shown["number"]).endswith(" characters]")


def test_a_named_tuple_is_a_mapping_of_its_fields() -> None:
    class Login(NamedTuple):
        user: str
        password: str

    assert walk(Keys("password"), login=Login("bob", "hunter2"))["login"] == {"user": "bob", "password": "***"}


def test_the_names_of_the_event_and_of_the_thread_are_searched_too() -> None:
    shown = build_redact([("words", Words())])(Event("shop.hush", thread="worker-hush"))

    assert (shown.name, shown.thread) == ("shop.***", "worker-***")


# -- what is passed on without a walk ---------------------------------------------------------------------------------


class Signs:
    """Hides what stands behind a sign; texts without one need not be searched."""

    anchors = ("=",)

    def redact_text(self, text: str, /) -> str:
        return re.sub("=.*", "=***", text)


SECRETS = ("hush", "1234", "token", "plain words")
calm = st.sampled_from(["", "word", "two words", "-option", "\u00e9"])
loud = st.sampled_from(["x=1", "hush", "1234", "a 1234", "plain words", "x" * 999, "x" * 1_000])
words = calm | calm | calm | calm | loud
plain = st.sampled_from([None, True, 1, 1.5, -0.0, 2**64 - 1, -(2**63)])
odd = st.sampled_from([2**64, -(2**63) - 1, float("nan"), float("inf"), ["hush"], (1,), Decimal("1.5"), b"x"])
scalars = plain | words | words | odd
members = st.dictionaries(calm | calm | st.sampled_from(["token", "user", "a hush", "x" * 300]), scalars, max_size=3)
said = st.fixed_dictionaries(
    {
        "name": words,
        "message": words,
        "thread": words,
        "fields": members,
        "context": st.sampled_from([{}, {"user": "hush"}, {"id": "1234"}, {"token": 1}]),
    },
    optional={"arguments": st.lists(scalars, max_size=3)},
)
measured = st.fixed_dictionaries({"measurements": members, "metadata": members})
failed = st.just({"error": ValueError("hush")})
events = st.builds(lambda one, other: one | other, said, st.just({}) | st.just({}) | measured | failed)
redactor = st.sampled_from([Keys("token"), Keys("user", action=lambda value: REMOVE), Words(), Signs(), Places()])
some_redactors = st.lists(redactor, max_size=1) | st.lists(redactor, max_size=3)


@settings(max_examples=500)
@given(st.lists(events | events | st.sampled_from(SECRETS), max_size=8), some_redactors)
def test_what_is_passed_on_without_a_walk_is_what_the_walk_makes(steps: list[Any], redactors: list[Any]) -> None:
    named = [(type(redactor).__name__, redactor) for redactor in redactors]
    with no_secret_known():
        redact = build_redact(named)
        for step in steps:
            if isinstance(step, str):
                secret(step)
            else:
                walked = build_redact([*named, ("places", Places())])(Event(**step))
                assert told(redact(Event(**step))) == told(walked)


@contextmanager
def no_secret_known() -> Iterator[None]:
    """What is named as secret in here is forgotten afterwards; a redaction that is made in here ends in here."""
    before = {slot: getattr(known, slot) for slot in type(known).__slots__}
    type(known).__init__(known)
    try:
        yield
    finally:
        for slot, value in before.items():
            setattr(known, slot, value)


def told(event: Event) -> str:
    error = event.error.message if isinstance(event.error, Failure) else event.error
    return repr((event.name, event.message, event.thread, error, event.merged(), event.context, event.metadata))


def test_a_context_that_was_found_innocent_while_a_secret_was_learned_is_judged_again() -> None:
    class Learns:
        def redact_text(self, text: str, /) -> str:
            if text == "hush, hush":  # as a thread may do that names a secret and says something at this moment
                secret(text)
                redact(Event("other"))
            return text

    context = {"note": "hush, hush"}
    with no_secret_known():
        redact = build_redact([("learns", Learns())])
        redact(Event("e", context=context))

        assert redact(Event("e", context=context)).context == {"note": MASK}


def test_a_million_fields_are_not_all_asked_about() -> None:
    keys = Keys()
    walk(keys, **dict.fromkeys(map(str, range(100_000)), "x"))

    assert len(keys.asked) <= ITEMS


def test_only_a_dict_that_nobody_else_has_made_is_passed_on_as_it_is() -> None:
    class Lies(dict[str, object]):
        def values(self) -> Any:
            return ["innocent"]

    redact = build_redact([("words", Words())])
    for odd in (Lies(note="hush"), MappingProxyType({"note": "hush"}), UserDict(note="hush")):
        assert redact(Event("e", fields=odd)).fields == {"note": "***"}
        assert redact(Event("e", context=odd)).context == {"note": "***"}


@pytest.mark.parametrize("anchors", [None, 5, (b"=",), ("=", None), "=", ("",), ("hush",)])
def test_anchors_that_are_none_spare_no_text_the_search(anchors: object) -> None:
    class Odd(Words):
        pass

    Odd.anchors = anchors  # type: ignore[attr-defined]

    assert walk(Odd(), note="= hush")["note"] == "= ***"
    assert anchors == "=" or walk(Odd(), note="hush")["note"] == "***"
