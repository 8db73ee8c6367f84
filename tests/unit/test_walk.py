"""One bounded walk over all of an event: what it meets is copied, judged and cut."""

from __future__ import annotations

import json
from decimal import Decimal

from penstock.event import Event, Failure
from penstock.river.judge import FAILED
from penstock.river.plain import DEPTH, ITEMS, NODES, TEXT, TEXTS
from penstock.river.redact import build_redact
from penstock.secret import Secret
from penstock.types import REMOVE
from redactors import Keys, Words, walk
from strategies import HOSTILE


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


def test_an_action_can_remove_the_key() -> None:
    assert walk(Keys("token", action=lambda value: REMOVE), token=1, other=2) == {"other": 2}


def test_actions_get_the_plain_value_in_the_order_of_the_redactors() -> None:
    seen: list[object] = []

    def note(value: object) -> object:
        seen.append(value)
        return "first"

    walk(Keys("a", action=note), Keys("a", action=lambda value: seen.append(value) or "second"), a=(1, 2))

    assert seen == [[1, 2], "first"]


def test_an_action_that_raises_withholds_the_value() -> None:
    def broken(value: object) -> object:
        raise RuntimeError

    assert walk(Keys("a", action=broken), a="secret") == {"a": FAILED}


def test_the_callers_objects_are_not_touched() -> None:
    inner = {"token": "s"}
    given_fields = {"a": inner}
    walk(Keys("token"), **given_fields)

    assert inner == {"token": "s"}


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


def test_the_names_of_the_event_and_of_the_thread_are_searched_too() -> None:
    shown = build_redact([("words", Words())])(Event("shop.hush", thread="worker-hush"))

    assert (shown.name, shown.thread) == ("shop.***", "worker-***")
