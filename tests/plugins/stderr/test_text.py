"""Texts: durations, names, widths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.plugin import is_seen
from penstock_stderr.text import escape, pad, shorten_name, show_duration, width

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        (0, "0ns"),
        (999, "999ns"),
        (1_000, "1µs"),
        (12_345, "12.3µs"),
        (999_499, "999µs"),
        (999_500, "1ms"),
        (1_234_567, "1.23ms"),
        (999_499_999, "999ms"),
        (999_500_000, "1s"),
        (59_960_000_000, "60s"),
        (90 * SECOND - 1, "90s"),
        (90 * SECOND, "1m30s"),
        (3_599 * SECOND + 600_000_000, "1h00m00s"),
        (100 * 3_600 * SECOND, "100h00m00s"),
        (-1_500_000, "-1.5ms"),
    ],
)
def test_a_duration_has_three_digits_and_the_unit_a_person_would_choose(nanoseconds: int, shown: str) -> None:
    assert show_duration(nanoseconds) == shown


@given(st.integers(0, 2**64))
def test_a_duration_never_shows_an_exponent(nanoseconds: int) -> None:
    assert "e" not in show_duration(nanoseconds)


@given(st.text(max_size=60), st.integers(8, 40))
def test_a_shortened_name_fits_and_keeps_its_end(name: str, columns: int) -> None:
    shown = shorten_name(name, columns)

    assert len(shown) <= columns
    assert shown == name or name.endswith(shown.rpartition(".")[2].lstrip("…"))


@given(st.text(max_size=30))
def test_a_padded_text_takes_at_least_its_columns(text: str) -> None:
    assert width(pad(escape(text), 32)) >= 32 or len(escape(text)) >= 32


@given(st.text(alphabet=st.characters(categories=None)))
def test_an_escaped_text_can_be_seen_and_stays_as_it_is(text: str) -> None:
    once = escape(text)

    assert is_seen(once)
    assert escape(once) == once
    once.encode("utf-8")
