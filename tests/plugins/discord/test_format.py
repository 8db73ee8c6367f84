"""Whatever an event holds, its embed is one that Discord takes, and calls nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.plugin import Event, Failure, Site
from penstock.testing import some_event
from penstock_discord.format import DiscordFormat
from penstock_discord.limits import CODE

NASTY = st.one_of(
    st.text(max_size=50),
    st.sampled_from(
        ["@everyone", "<@123>", "[x](http://evil)", "```py\n```", "**`_~|", "\\", "🚰👍🏽\u202e", "\ud800", "", " "]
    ),
    st.builds(
        lambda text, times: text * times, st.sampled_from(["`*🚰", "x y", "\\", "<@1>", "\n"]), st.integers(1, 5_000)
    ),
)
PLAIN = st.recursive(
    st.one_of(NASTY, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NASTY, inner, max_size=3)),
    max_leaves=4,
)


def embed_of(event: Event) -> dict[str, Any]:
    data = DiscordFormat().format(event)
    assert b"\n" not in data
    embed = json.loads(data)
    assert isinstance(embed, dict)
    return embed


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        Event,
        NASTY,
        NASTY,
        st.sampled_from([5, 20, 35, 70]),
        time_ns=st.integers(-(2**62), 2**62),
        fields=st.dictionaries(NASTY, PLAIN, max_size=30),
        error=st.one_of(st.none(), st.builds(Failure, st.just("E"), NASTY, NASTY)),
        site=st.builds(Site, st.text(max_size=300), st.text(max_size=300), st.just(""), st.integers(0, 9)),
    )
)
def test_whatever_an_event_holds_discord_takes_its_embed(rules: Any, event: Event) -> None:
    assert rules.broken_embed(embed_of(event)) == ""


def test_an_embed_says_level_name_message_fields_place_and_time() -> None:
    event = some_event("paid *late*", name="shop.till", level="error", order_id=7).replace(
        time_ns=0, site=Site("shop.till", "close", "till.py", 12)
    )

    assert embed_of(event) == {
        "title": "ERROR shop.till",
        "description": "paid \\*late\\*",
        "color": 0xE74C3C,
        "fields": [{"name": "order\\_id", "value": "7", "inline": True}],
        "footer": {"text": "shop.till.close:12"},
        "timestamp": "1970-01-01T00:00:00.000Z",
    }


def test_each_level_has_its_colour() -> None:
    levels = ["debug", "info", "notice", "warning", "error", "critical", "alert"]

    assert len({embed_of(some_event("x", level=level))["color"] for level in levels}) == len(levels)


def test_a_traceback_is_code_that_nothing_in_it_can_end() -> None:
    stack = "Traceback\n  x = ```\nValueError: *bad* ```"
    description = embed_of(some_event("broken").replace(error=Failure("ValueError", "", stack)))["description"]

    before, code, after = description.split("```")
    assert (before, after) == ("broken\n", "")
    assert code == "\nTraceback\n  x = `\u200b`\u200b`\u200b\nValueError: *bad* `\u200b`\u200b`\u200b\n"


def test_a_long_message_fields_and_a_traceback_all_get_their_share(rules: Any) -> None:
    fields = {f"key {number}": "v" * 300 for number in range(50)}
    event = some_event("m" * 9_000, **fields).replace(error=Failure("E", "", "line\n" * 5_000 + "E: end"))
    embed = embed_of(event)

    assert "mmm… [+70" in embed["description"]
    assert embed["description"].endswith("line\nE: end\n```")
    assert embed["description"].count("line\n") > 250
    assert embed["fields"][0] == {"name": "key 0", "value": "v" * 300, "inline": False}
    assert embed["fields"][-1]["value"].endswith("more fields")
    assert 5_000 < rules.length(embed) <= 6_000


@pytest.mark.parametrize(("count", "shown", "last"), [(25, 25, "v"), (26, 25, "+2 more fields")])
def test_fields_beyond_25_are_counted(count: int, shown: int, last: str) -> None:
    fields = embed_of(some_event("x", **{f"k{number}": "v" for number in range(count)}))["fields"]

    assert (len(fields), fields[-1]["value"]) == (shown, last)


def test_a_message_of_blanks_is_left_out() -> None:
    assert "description" not in embed_of(some_event("  "))


def test_a_value_of_which_nothing_can_be_seen_is_quoted() -> None:
    fields = embed_of(some_event("x", **{"": "", " ": "  "}))["fields"]

    assert [(field["name"], field["value"]) for field in fields] == [('""', '""'), ('" "', '"  "')]


@given(st.text())
def test_no_code_holds_three_backticks_in_a_row(text: str) -> None:
    assert "``" not in text.translate(CODE)
