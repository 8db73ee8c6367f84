"""A message is taken apart as the RFC wrote it, and cut where nothing breaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_syslog.message import fit, take_apart
from rfc5424 import EXAMPLES, read


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_rfc_are_taken_apart_and_fit(example: str) -> None:
    message = example.encode()
    parts = take_apart(message)

    assert parts is not None
    data = b"".join(opening + b"".join(params) + b"]" for opening, params in parts.elements) or b"-"
    assert b" ".join(filter(None, (parts.header[:-1], data, parts.text))) == message
    assert [name for name, _ in parts.elements] == [f"[{name}".encode() for name in read(message).data]
    assert fit(message, 480) == message


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"text",
        b"<14>Oct 11 22:14:15 host su: BSD",
        b"<14>2 - - - - - - version",
        b"<14>1 - - - - -",
        b'<14>1 - - - - - [a@1 b="c] text',
        b'<14>1 - - - - - [a@1 b="c"',
        b"<14>1 - - - - - -text",
    ],
)
def test_what_is_no_message_is_cut_as_text(message: bytes) -> None:
    assert take_apart(message) is None
    cut = fit(message + "é".encode() * 1_000, 480)

    assert len(cut) <= 480
    assert cut.decode().endswith(" bytes]")


def test_a_space_behind_the_data_begins_the_text() -> None:
    """Section 6.3.5, example 3: what looks like a second element there is text."""
    parts = take_apart(b'<165>1 - - - - - [a@32473 iut="3"] [b@32473 class="high"]')

    assert parts is not None
    assert parts.text == b'[b@32473 class="high"]'


def test_a_value_without_room_is_left_out_whole_and_later_ones_that_fit_are_kept() -> None:
    message = (
        b'<14>1 - - - - - [a@1 small="1" giant="' + b"g" * 5_000 + b'" last="2"][b@1 giant="' + b"h" * 900 + b'"] text'
    )

    assert fit(message, 480) == b'<14>1 - - - - - [a@1 small="1" last="2"] text [cut: 2 values]'


def test_nothing_but_a_header_has_room_for_what_was_left_out() -> None:
    message = b'<14>1 - - - - - [a@1 giant="' + b"g" * 5_000 + b'"]'

    assert fit(message, 480) == b"<14>1 - - - - - - [cut: 1 value]"


@given(st.text(min_size=200), st.integers(480, 900))
def test_a_text_is_cut_between_two_characters(text: str, limit: int) -> None:
    text = (text * 10).encode("utf-8", "replace").decode()
    cut = fit(b"<14>1 - - - - - - " + text.encode(), limit)

    assert len(cut) <= limit
    assert cut.decode()


def test_a_long_hostile_value_is_read_in_one_go() -> None:
    """Quotes behind backslashes, and no end: what a pattern that tries again would never finish."""
    for value in (b'\\"' * 200_000, b"\\" * 400_001, b'a"' * 200_000):
        assert len(fit(b'<14>1 - - - - - [a@1 b="' + value, 480)) <= 480
