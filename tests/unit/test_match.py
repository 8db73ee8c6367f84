"""A compiled match equals a naive one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.river.match import build_match, longest_prefix
from strategies import names


def naive(pattern: list[str], name: list[str]) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "**":
        return any(naive(pattern[1:], name[index:]) for index in range(len(name) + 1))
    return bool(name) and pattern[0] in ("*", name[0]) and naive(pattern[1:], name[1:])


patterns = st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=5).map(".".join)
short_names = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5).map(".".join)


@given(st.lists(st.tuples(st.booleans(), patterns), max_size=4), short_names)
def test_it_equals_a_naive_one(given_patterns: list[tuple[bool, str]], name: str) -> None:
    include = [p for negative, p in given_patterns if not negative]
    exclude = [p for negative, p in given_patterns if negative]
    expected = (not include or any(naive(p.split("."), name.split(".")) for p in include)) and not any(
        naive(p.split("."), name.split(".")) for p in exclude
    )

    assert build_match([*include, *(f"!{p}" for p in exclude)])(name) == expected


@pytest.mark.parametrize("wrong", ["", "a..b", "a*", "a.*b", ".a", "!", "a.!b"])
def test_a_wrong_pattern_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        build_match([wrong])


def test_other_characters_stand_for_themselves() -> None:
    assert build_match(["a+b.c?"])("a+b.c?")
    assert not build_match(["a+b"])("aab")


@given(names, st.dictionaries(names, st.integers(0, 70)))
def test_the_longest_prefix_wins(name: str, levels: dict[str, int]) -> None:
    fitting = [prefix for prefix in levels if f"{name}.".startswith(f"{prefix}.")]

    assert longest_prefix(name, levels) == (levels[max(fitting, key=len)] if fitting else None)


def test_names_from_users_cannot_make_it_slow() -> None:
    wanted = build_match(["**.a.**.a.**.a.**.b"])

    assert not wanted("a." * 300 + "c")


def test_many_stars_do_not_make_it_slow() -> None:
    wanted = build_match([".".join(["**.a"] * 20) + ".**.b"])

    assert not wanted(".".join("a" * 500))  # an expression that tries every way would take longer than the universe
    assert wanted(".".join("a" * 500) + ".b")
