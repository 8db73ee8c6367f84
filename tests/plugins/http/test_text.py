"""Text within limits: never over, never cut inside what belongs together, never silent about what is missing."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock_http import as_lines, as_text, last_lines, shorten, utf16_length

ESCAPES = {ord("&"): "&amp;", ord("*"): "\\*"}
MARK = re.compile(r"… \[\+(\d+) characters\]$")
TEXTS = st.text(
    st.one_of(
        st.sampled_from("ab &*\n🚰é👍🏽🇩🇪\u0301\ufe0f\u200d"), st.characters(exclude_categories=["Cs"]), st.characters()
    ),
    max_size=300,
)


@settings(max_examples=400)
@given(TEXTS, st.integers(40, 200))
def test_a_short_text_is_whole_and_a_long_one_says_how_much_is_missing(text: str, room: int) -> None:
    short = shorten(text, room, ESCAPES)

    assert utf16_length(short) <= room
    mark = MARK.search(short)
    if utf16_length(text.translate(ESCAPES)) <= room:
        assert short == text.translate(ESCAPES)
    else:
        assert mark is not None
        kept = short[: mark.start()]
        assert text.translate(ESCAPES).startswith(kept)
        assert text[: len(text) - int(mark[1])].translate(ESCAPES) == kept, "no escape is cut"


@settings(max_examples=200)
@given(TEXTS, st.integers(0, 30))
def test_even_a_tiny_room_is_kept(text: str, room: int) -> None:
    assert utf16_length(shorten(text, room, ESCAPES)) <= room


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(["é", "e\u0301", "👍🏽", "🇩🇪", "👩\u200d👩\u200d👧", "✔\ufe0f", "x"]), max_size=60),
    st.integers(30, 90),
)
def test_what_a_reader_sees_as_one_character_is_not_cut(seen: list[str], room: int) -> None:
    text = "".join(seen)
    short = shorten(text, room)
    mark = MARK.search(short)
    kept = short[: mark.start()] if mark else short
    ends = {len("".join(seen[:count])) for count in range(len(seen) + 1)}

    assert len(kept) in ends


def test_a_heap_of_accents_is_cut_somewhere() -> None:
    zalgo = "a" + "\u0301" * 500

    short = shorten(zalgo, 60)

    assert utf16_length(short) <= 60
    assert MARK.search(short) is not None


@settings(max_examples=300)
@given(TEXTS, st.integers(40, 200))
def test_the_last_lines_are_whole_and_the_others_counted(text: str, room: int) -> None:
    shown = last_lines(text, room, ESCAPES)

    assert utf16_length(shown) <= room
    whole = text.translate(ESCAPES)
    if shown == whole:
        return
    counted = re.match(r"\[\+(\d+) lines\]\n", shown)
    if counted:
        assert shown[counted.end() :].split("\n") == whole.split("\n")[int(counted[1]) :]
    else:
        assert MARK.search(shown) is not None


@settings(max_examples=150)
@given(st.recursive(st.one_of(st.text(), st.integers(), st.none()), lambda inner: st.lists(inner), max_leaves=4))
def test_a_value_is_one_line_that_hides_nothing_and_is_utf_8(value: object) -> None:
    text = as_text(value)

    text.encode("utf-8")
    assert all(character == " " or unicodedata.category(character)[0] not in "CZ" for character in text)


def test_a_block_keeps_its_lines_and_escapes_the_rest() -> None:
    assert as_lines("a\x1b[31m\nb\u202ec") == "a\\x1b[31m\nb\\u202ec"
