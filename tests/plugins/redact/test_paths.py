"""Paths are compared segment by segment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock
from penstock.plugin import MASK, REMOVE
from penstock_redact.paths import PathRedactor, Segment, Star, matches, parse_path


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("ssn", ("ssn",), True),
        ("ssn", ("user", "ssn"), False),
        ("user.email", ("user", "email"), True),
        ("user.email", ("user.email",), False),
        (r"user\.email", ("user.email",), True),
        (r"user\.email", ("user", "email"), False),
        ("user.*.email", ("user", "home", "email"), True),
        ("user.*.email", ("user", "email"), False),
        ("user.*.email", ("user", "a.b", "email"), True),
        ("user.*.email", ("user", "a", "b", "email"), False),
        ("**.ssn", ("ssn",), True),
        ("**.ssn", ("a", "0", "b.c", "ssn"), True),
        ("**.ssn", ("a", "ssn", "b"), False),
        ("items.*.card", ("items", "0", "card"), True),
        ("items.0.card", ("items", "1", "card"), False),
        ("a.**.b.**.c", ("a", "b", "x", "b", "c"), True),
        ("a.**.b.**.c", ("a", "c"), False),
        ("a.**.**.b", ("a", "b"), True),
        ("a.**", ("a",), True),
        ("a.**", ("a", "b", "c"), True),
        ("a.*", ("a",), False),
        ("*", ("anything",), True),
        ("**", ("a", "b"), True),
        (r"a.\*", ("a", "*"), True),
        (r"a.\*", ("a", "b"), False),
        (r"a\\b", ("a\\b",), True),
        ("a b.ü", ("a b", "ü"), True),
        ("User", ("user",), False),
    ],
)
def test_a_path_describes_places(pattern: str, path: tuple[str, ...], found: bool) -> None:
    assert (PathRedactor(paths=[pattern]).redact_path(path) is not None) is found


def naive(pattern: tuple[Segment, ...], path: tuple[str, ...]) -> bool:
    if not pattern:
        return not path
    first, rest = pattern[0], pattern[1:]
    if first == Star(many=True):
        return any(naive(rest, path[at:]) for at in range(len(path) + 1))
    return bool(path) and first in (Star(many=False), path[0]) and naive(rest, path[1:])


segments = st.sampled_from(["a", "b", "a.b", "*", "", "\\"])


@given(
    st.lists(segments.filter(bool) | st.sampled_from([Star(many=True), Star(many=False)]), min_size=1, max_size=6),
    st.lists(segments, min_size=1, max_size=7).map(tuple),
)
def test_compiled_paths_say_what_naive_ones_say(wanted: list[Segment], path: tuple[str, ...]) -> None:
    written = ".".join(
        ("**" if one.many else "*")
        if isinstance(one, Star)
        else one.replace("\\", "\\\\").replace(".", "\\.").replace("*", "\\*")
        for one in wanted
    )

    assert matches(parse_path(written), path) is naive(tuple(wanted), path)
    assert (PathRedactor(paths=[written]).redact_path(path) is not None) is naive(tuple(wanted), path)


@pytest.mark.timeout(20)
def test_many_stars_take_no_more_than_polynomial_time() -> None:
    pattern = ".".join(["**", "a"] * 30) + ".b"

    assert not matches(parse_path(pattern), ("a",) * 33)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", "the path '' has an empty segment"),
        ("a..b", "has an empty segment"),
        ("a.", "has an empty segment"),
        (".a", "has an empty segment"),
        ("user_*", "a star does not stand alone"),
        ("a.***", "a star does not stand alone"),
        ("a\\", "ends in a backslash"),
    ],
)
def test_a_wrong_path_is_told_by_its_place(path: str, text: str) -> None:
    with pytest.raises(penstock.ConfigError) as raised:
        penstock.configure(
            {
                "redact": {"r": {"type": "paths", "paths": ["fine", path]}},
                "sink": {"out": {"type": "stderr"}},
                "pipeline": {"all": {"sink": "out"}},
            },
            strict=True,
        )

    assert "redact.r.paths" in str(raised.value)
    assert text in str(raised.value)


def test_paths_know_the_actions_of_keys() -> None:
    def shown(value: object, **options: object) -> object:
        action = PathRedactor(paths=["a"], **options).redact_path(("a",))  # type: ignore[arg-type]
        assert action is not None
        return action(value)

    assert shown("s3cr3t") == MASK
    assert shown("s3cr3t", action="remove") is REMOVE
    assert shown("4111111111111111", action="keep_last", keep_last=2) == "[redacted]11"
