"""Sizes and durations are written for people and never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.units import Duration, Level, Size


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10 MB", 10_000_000),
        ("1 MiB", 1_048_576),
        ("512KiB", 524_288),
        ("1.5 GB", 1_500_000_000),
        ("7 B", 7),
        ("2 kB", 2_000),
    ],
)
def test_a_size(text: str, number: int) -> None:
    assert Size(text) == number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("200 ms", 0.2), ("5 s", 5), ("2 min", 120), ("24 h", 86_400), ("1 w", 604_800), ("3us", 3e-6)],
)
def test_a_duration(text: str, seconds: float) -> None:
    assert Duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("wrong", ["ten", "10", "10 XB", "", "-1 MB", "1e3 MB", "MB", "1 2 MB", "10 ms"])
def test_a_wrong_size_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match="expected a size"):
        Size(wrong)


@pytest.mark.parametrize("wrong", ["soon", "10", "5 parsecs", "-1 s", "5 S", "10 MB"])
def test_a_wrong_duration_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        Duration(wrong)


@given(st.integers(0, 10**16))
def test_a_size_reads_back_as_it_is_shown(number: int) -> None:
    assert Size(str(Size(number))) == number


@given(st.sampled_from(["1 ms", "250 ms", "5 s", "90 s", "2 m", "36 h", "1 d", "2 w"]))
def test_a_duration_reads_back_as_it_is_shown(text: str) -> None:
    assert Duration(str(Duration(text))) == pytest.approx(Duration(text))


def test_a_level_option_is_a_number_with_a_name() -> None:
    assert Level("error") == 40
    assert (str(Level(25)), repr(Level(25))) == ("notice", "Level('notice')")
    with pytest.raises(ValueError, match="unknown level"):
        Level("loud")
