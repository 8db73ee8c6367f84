"""Whatever an event holds, its message is one that Telegram takes, and says who said what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.plugin import Event, Failure
from penstock.testing import some_event
from penstock_telegram.format import TelegramFormat
from penstock_telegram.limits import count_entities, to_html, to_plain

NASTY = st.one_of(
    st.text(max_size=50),
    st.sampled_from(['<b>&amp;"</b>', "@channel", "a\n\nERROR forged", "</pre>", "🚰👍🏽\u202e", "\ud800", "&lt;", ""]),
    st.builds(lambda text, times: text * times, st.sampled_from(["<&🚰", "x y", "@a", "\n"]), st.integers(1, 5_000)),
)
PLAIN = st.recursive(
    st.one_of(NASTY, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NASTY, inner, max_size=3)),
    max_leaves=4,
)


def message_of(event: Event) -> str:
    data = TelegramFormat().format(event)
    assert b"\n" not in data
    document = json.loads(data)
    assert document["parse_mode"] == "HTML"
    text = document["text"]
    assert isinstance(text, str)
    return text


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        Event,
        NASTY,
        NASTY,
        st.sampled_from([5, 20, 35, 70]),
        time_ns=st.integers(-(2**62), 2**62),
        fields=st.dictionaries(NASTY, PLAIN, max_size=8),
        error=st.one_of(st.none(), st.builds(Failure, st.just("E"), NASTY, NASTY)),
    )
)
def test_whatever_an_event_holds_telegram_takes_its_message(rules: Any, event: Event) -> None:
    html = message_of(event)

    assert rules.broken_text(html, "HTML") == ""
    assert to_plain(html) == rules.visible_in(html, True), "the plain text is what a reader of the markup sees"


def test_a_message_says_level_name_message_fields_and_time() -> None:
    event = some_event("paid <late>", name="shop.till", level="error", order=7, tags=["a", 1]).replace(time_ns=0)

    assert message_of(event) == (
        "<b>ERROR</b> shop.till: paid &lt;late&gt;\norder: 7\ntags: [&quot;a&quot;, 1]\n<i>1970-01-01T00:00:00.000Z</i>"
    )


def test_telemetry_without_a_message_shows_its_name() -> None:
    event = Event("db.query.stop", level=10, measurements={"duration": 5}, metadata={"table": "t"}, time_ns=0)

    assert to_plain(message_of(event)) == "DEBUG db.query.stop\ntable: t\nduration: 5\n1970-01-01T00:00:00.000Z"


def test_a_traceback_shows_its_end_and_counts_the_rest() -> None:
    stack = "\n".join(f"  frame {number}" for number in range(2_000)) + "\nValueError: <bad>"
    html = message_of(some_event("broken").replace(error=Failure("ValueError", "<bad>", stack)))

    assert "lines]\n  frame " in html
    assert "frame 1999\nValueError: &lt;bad&gt;</pre>" in html


def test_a_long_message_fields_and_a_traceback_all_get_their_share(rules: Any) -> None:
    fields = {f"key_{number}": "v" * 300 for number in range(50)}
    event = some_event("m" * 9_000, **fields).replace(error=Failure("E", "", "line\n" * 5_000 + "E: end"))
    text = to_plain(message_of(event))

    assert "mmm… [+7" in text
    assert "key_0: vvv" in text
    assert "… +4" in text
    assert text.split("\n")[-2] == "E: end"
    assert text.count("line\n") > 200
    assert 3_500 < rules.units(text) <= 4_096


def test_a_message_cannot_forge_the_line_of_another() -> None:
    html = message_of(some_event("fine\n\nCRITICAL bank: robbed"))

    assert "fine\\n\\nCRITICAL bank: robbed" in html


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@ops look", "@\u2060ops look"),
        ("mail a@b.example", "mail a@b.example"),
        ("(@x)", "(@\u2060x)"),
        ("@ 5", "@ 5"),
    ],
)
def test_nobody_is_called(text: str, shown: str) -> None:
    assert shown in to_plain(message_of(some_event(text)))


@given(st.text())
def test_html_and_back_is_the_same(text: str) -> None:
    assert to_plain(to_html(text)) == text
    assert count_entities(to_html(text)) == 0
