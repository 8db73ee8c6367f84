"""Every span is where `tomllib` read its key and its value."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

import toml_corpus
from penstock.assembly.positions import Keys, Positions
from toml_oracle import places

FILES = toml_corpus.files()
# Valid TOML that the grammar of the oracle does not take; ours is read again all the same.
BEYOND_THE_ORACLE = {"ends-in-whitespace-escape.toml", "multiline-empty.toml", "multiline.toml"}


def leaves(value: Any, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield every value in *value* that is no table, with its path; arrays themselves included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
        return
    if not (isinstance(value, list) and value and all(isinstance(one, dict) for one in value)):
        yield path, value  # an array of tables may be written in many places
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))


def check(text: str) -> int:
    """Read each span again, and compare; return how many values there were."""
    positions = Positions(text)
    count = 0
    for path, value in leaves(tomllib.loads(text)):
        count += 1
        start, end = positions.values[path]
        again = tomllib.loads(f"value = {text[start:end]}")["value"]
        assert repr(again) == repr(value), path  # nan is not equal to itself
        if isinstance(path[-1], str):
            start, end = positions.keys[path]
            assert next(iter(tomllib.loads(f"{text[start:end]} = 0"))) == path[-1], path
    return count


@pytest.mark.parametrize(
    ("text", "keys", "key", "value"),
    [
        ("a = 1", ("a",), "a", "1"),
        ("'a b' . \"c\\u0064\"  =  1979-05-27 07:32:00 # x", ("a b", "cd"), '"c\\u0064"', "1979-05-27 07:32:00"),
        ("a = [ [1, 2], { b = 3 } ]", ("a", 1, "b"), "b", "3"),
        ("a = [\n 1, # one\n 2,\n]\r\nb = ''''x'''''\r\n", ("b",), "b", "''''x'''''"),
        ('a = """\\"x\\\n  y"""""\nb = 2', ("b",), "b", "2"),
        ("[a.b]\nc = 1", ("a", "b", "c"), "c", "1"),
        ("[a.b]\n[a]\nc = 1", ("a",), "a", "[a]"),
        ("[[a]]\n[[a.b]]\n[[a.b]]\n[[a]]\n[[a.b]]\nc = 1", ("a", 1, "b", 0, "c"), "c", "1"),
        ("[a]\nb.c.d = 1", ("a", "b", "c"), "c", None),
        ("x = {}\n[y]", ("y",), "y", "[y]"),
    ],
)
def test_a_key_and_its_value_are_where_they_stand(text: str, keys: Keys, key: str, value: str | None) -> None:
    positions = Positions(text)

    start, end = positions.keys[keys]
    assert text[start:end] == key
    found = positions.values.get(keys)
    assert (None if found is None else text[found[0] : found[1]]) == value


def test_lines_and_columns_count_from_one_in_characters() -> None:
    positions = Positions('[sink."ü"]\r\nname = "äöü"\r\nlong = """a\nb"""')

    assert positions.place(positions.values["sink", "ü", "name"])[:3] == (2, 8, 5)
    assert positions.place(positions.values["sink", "ü", "long"])[:3] == (3, 8, 4)  # to the end of the line


@pytest.mark.parametrize("text", ["a = ", "[", "[[a]", "a", "a = [1", "a = {b = 1", 'a = "x', "= 1", "a = [" * 5_000])
def test_a_text_that_is_no_toml_raises_nothing(text: str) -> None:
    assert ("b",) not in Positions(text).values


KEYS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.recursive(
    st.one_of(
        st.text(st.characters(codec="utf-8"), max_size=20),
        st.integers(-(2**63), 2**63 - 1),
        st.booleans(),
        st.floats(),
        st.datetimes(),
        st.dates(),
        st.times(),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.booleans())
def test_every_generated_document_is_read_again_from_its_spans(document: dict[str, Any], multiline: bool) -> None:
    check(tomli_w.dumps(document, multiline_strings=multiline))


@given(st.dictionaries(KEYS.filter(bool), VALUES, min_size=1, max_size=5))
def test_an_independent_parser_finds_generated_keys_and_values_at_the_same_places(document: dict[str, Any]) -> None:
    agree(tomli_w.dumps(document))


def agree(text: str) -> None:
    positions, oracle = Positions(text), places(text)

    assert {path: positions.place(span)[:2] for path, span in positions.keys.items()} == oracle.keys
    assert {path: positions.place(span)[:2] for path, span in positions.values.items()} == oracle.values


@pytest.mark.skipif(not FILES, reason="the corpus of toml-test is not here: uv run python tests/toml_corpus.py")
def test_on_the_public_toml_suite_every_span_is_read_again_and_the_independent_parser_agrees() -> None:
    values = compared = 0
    for path in FILES:
        text = path.read_bytes().decode("utf-8-sig")
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue  # TOML 1.1, which this Python does not read
        values += check(text)
        if path.name not in BEYOND_THE_ORACLE:
            agree(text)
            compared += 1

    assert compared > 200
    assert values > 1_000
