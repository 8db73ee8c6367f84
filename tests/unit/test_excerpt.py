"""The line that is wrong is shown, and nothing on it that the message does not tell."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.assembly.excerpt import excerpt, excerpt_of_no_toml
from penstock.assembly.positions import Keys, Positions


def shown(text: str, keys: Keys, told: str = "", key: bool = False, plain: bool = False) -> list[str]:
    positions = Positions(text)
    span = (positions.keys if key else positions.values)[keys]
    return list(excerpt(text, positions, positions.place(span), told, plain))


@pytest.mark.parametrize(
    ("text", "keys", "told", "line", "marks"),
    [
        ('a = "x"', ("a",), "got 'x'", 'a = "x"', "    ^^^"),
        ('a = "x"', ("a",), "a secret is written out", 'a = "…"', "    ^^^"),
        ("a = 12 # 12", ("a",), "got 12", "a = 12", "    ^^"),
        ("a = 12", ("a",), "got 3.12 or 123", "a = …", "    ^"),
        ("a = true", ("a",), "", "a = true", "    ^^^^"),
        ('x = { t = "s3cr3t", a = 5 }', ("x", "a"), "got 5", 'x = { t = "…", a = 5 }', "                   ^"),
        ('a = [\n "s3cr3t", 1\n]', ("a", 1), "got 1", ' "…", 1', "      ^"),
        ('a = """s3\ncr3t"""\nb = 1', ("a",), "", 'a = "…"', "    ^^^"),
        ('a = ["""s3\ncr3t""", 1]', ("a", 1), "got 1", "…, 1]", "   ^"),
        ('[sink."é日"]\na = 1', ("sink", "é日"), "", '[sink."é日"]', "^^^^^^^^^^^^"),
        ('"日" = 1', ("日",), "got 1", '"日" = 1', "       ^"),
    ],
)
def test_a_value_is_shown_only_if_the_message_tells_it(text: str, keys: Keys, told: str, line: str, marks: str) -> None:
    assert shown(text, keys, told) == [line, marks]


def test_what_can_be_no_secret_is_shown_but_not_what_stands_beside_it() -> None:
    assert shown('x = { a = "b", t = "s3cr3t" }', ("x", "a"), plain=True)[0] == 'x = { a = "b", t = "…" }'


def test_of_a_long_line_what_is_around_the_mark_is_shown() -> None:
    text = f"{'k' * 200} = {{ {'x' * 150} = 1 }}"

    line, marks = shown(text, ("k" * 200, "x" * 150), key=True)

    assert len(line) <= 102
    assert line[marks.index("^")] == "x"


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("level = info", 1, 12, ["level = info", "           ^"]),
        ("a = yes", 1, 5, ["a = yes", "    ^"]),
        ("token = 123:ABC def # old: xyz", 1, 12, ["token = … …", "        ^"]),
        ('token = "abc', 1, 13, ['token = "…"', "           ^"]),
        ("[sink.x", 1, 8, ["[sink.x", "       ^"]),
        ('a = """\nhush == hush\\q', 2, 5, ["… == …", " ^"]),
        ("hush", 1, 5, ["…", " ^"]),
    ],
)
def test_of_a_text_that_is_no_toml_no_value_is_shown(text: str, line: int, column: int, expected: list[str]) -> None:
    assert list(excerpt_of_no_toml(text, line, column)) == expected


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=4), st.integers(1, 40))
def test_no_broken_line_tells_what_stands_in_quotes(secret: str, column: int) -> None:
    text = f"token = 'hushhush{secret}"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        line, marks = excerpt_of_no_toml(text, 1, min(column, len(text) + 1))
        assert "hushhush" not in line
        assert set(marks.strip()) == {"^"}
