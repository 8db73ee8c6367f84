"""What is printed can be seen, and is one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.text import escape_controls, is_seen


@pytest.mark.parametrize(
    "evil",
    [
        "\n",
        "\r",
        "\t",
        "\x1b",
        "\x9b",
        "\x7f",
        "\u2028",
        "\u202e",
        "\u200b",
        "\u034f",
        "\u3164",
        "\u2800",
        "\ud800",
        "\U000e0041",
    ],
)
def test_what_cannot_be_seen_is_escaped(evil: str) -> None:
    assert not is_seen(evil)
    escaped = escape_controls(f"a{evil}b")
    assert evil not in escaped
    assert escaped.startswith("a\\")
    assert escaped.endswith("b")


@pytest.mark.parametrize("text", ["plain", "grüße 你好", "😀", "☎\ufe0f", "a\\b"])
def test_what_can_be_seen_stays(text: str) -> None:
    assert escape_controls(text) == text


@given(st.text(st.characters()))
def test_the_result_can_always_be_seen_and_encoded(text: str) -> None:
    escaped = escape_controls(text)

    assert is_seen(escaped)
    assert escaped.encode("utf-8").decode("utf-8") == escaped
    assert escape_controls(escaped) == escaped
