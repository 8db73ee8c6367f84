"""A secret appears in no output."""

from __future__ import annotations

import copy
import json
import pickle
import re
import sys
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock
from interrupts import everywhere
from penstock import secret as _function  # noqa: F401, the function; the module is below
from penstock.secret import MASK, Secret, hide_known


@pytest.fixture(autouse=True)
def forget_secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = sys.modules["penstock.secret"]
    monkeypatch.setattr(module, "known", module._Known())
    return iter([None])


def test_no_text_of_it_shows_it() -> None:
    token = Secret("s3cr3t-value")

    shown = [repr(token), str(token), f"{token}", f"{token!r:>40}", "%s" % token, repr([token]), repr({"a": token})]  # noqa: UP031
    assert not any("s3cr3t" in text for text in shown)
    assert token.reveal() == "s3cr3t-value"


def test_it_is_not_pickled_copied_or_encoded() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("s3cr3t-value"))
    with pytest.raises(TypeError):
        copy.deepcopy(Secret("s3cr3t-value"))
    with pytest.raises(TypeError):
        json.dumps(Secret("s3cr3t-value"))


def test_it_compares_by_value_and_is_false_when_empty() -> None:
    assert Secret("s3cr3t") == Secret("s3cr3t") != Secret("other")
    assert hash(Secret("s3cr3t")) == hash(Secret("s3cr3t"))
    assert not Secret("")


def test_a_known_secret_is_hidden_wherever_it_turns_up_the_longest_first() -> None:
    penstock.secret("short")
    penstock.secret("short-and-long")
    penstock.secret(b"bytes too")

    assert hide_known("a short-and-long b short c bytes too") == f"a {MASK} b {MASK} c {MASK}"


def test_secret_returns_what_it_is_given() -> None:
    value = "a password"
    assert penstock.secret(value) is value


def test_very_short_texts_are_not_searched_for() -> None:
    penstock.secret("abc")

    assert not sys.modules["penstock.secret"].known.learned
    assert hide_known("abcdef") == "abcdef"


def test_the_forms_of_a_text_that_is_too_short_are_not_known_either() -> None:
    penstock.secret("…")

    assert hide_known("wait… \\u2026 %E2%80%A6") == "wait… \\u2026 %E2%80%A6"


def test_the_traceback_of_an_error_about_it_shows_nothing() -> None:
    token = Secret("s3cr3t-value")
    try:
        raise ValueError(f"bad token {token}")
    except ValueError as error:
        assert "s3cr3t" not in "".join(traceback.format_exception(error))


def test_the_ways_in_which_it_is_written_elsewhere_are_known_too() -> None:
    text = penstock.secret("pa'ss\\wo\"rd-é\tx")
    for shown in (
        repr(text),
        json.dumps(text),
        json.dumps(text, ensure_ascii=False),
        quote(text, safe=""),
        quote(text),
    ):
        assert "wo" not in hide_known(f"[{shown}]"), shown


def test_bytes_are_known_however_they_are_decoded() -> None:
    raw = penstock.secret(b"\xff\x00key\xfe12345")
    for shown in (raw.decode("utf-8", "replace"), raw.decode("utf-8", "backslashreplace"), repr(raw)):
        assert "key" not in hide_known(f"[{shown}]"), shown


def test_naming_many_makes_a_pattern_only_when_something_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    compiled = re.compile

    def compile_noted(pattern: str) -> re.Pattern[str]:
        made.append(pattern)
        return compiled(pattern)

    monkeypatch.setattr(re, "compile", compile_noted)
    for number in range(50):
        penstock.secret(f"token-{number:04}")

    assert made == []
    assert hide_known("a token-0007") == hide_known("a token-0049") == f"a {MASK}"
    assert len([pattern for pattern in made if "token" in pattern]) == 1


def test_of_many_each_is_found_and_the_longest_first() -> None:
    for number in range(3_000):
        penstock.secret(f"token-{number:05}")
        penstock.secret(f"token-{number:05}-and-more")

    assert hide_known("token-00000 token-02999-and-moretoken-01234, token-9 tok") == f"{MASK} {MASK}{MASK}, token-9 tok"
    assert hide_known("token-x") == "token-x"


def test_their_number_is_bounded_and_the_oldest_gives_way() -> None:
    for number in range(12_000):
        penstock.secret(f"token-{number:05}")

    assert len(sys.modules["penstock.secret"].known.texts) <= 10_000
    assert hide_known("token-00000") == "token-00000"
    assert hide_known("token-11999") == MASK


def test_a_secret_named_later_is_searched_for() -> None:
    penstock.secret("first-one")
    assert hide_known("first-one second-one") == f"{MASK} second-one"
    penstock.secret("second-one")
    assert hide_known("first-one second-one") == f"{MASK} {MASK}"


def test_an_interrupt_anywhere_leaves_nothing_half_known() -> None:
    known = sys.modules["penstock.secret"].known

    def prepare() -> Callable[[], object]:
        known.__init__()
        return lambda: penstock.secret("token-1")

    for where in everywhere(prepare):
        penstock.secret("token-1")
        assert hide_known("it is token-1") == f"it is {MASK}", where


def test_what_a_signal_handler_names_while_others_are_made_ready_is_known_too(monkeypatch: pytest.MonkeyPatch) -> None:
    escape = re.escape

    def interrupted(text: str) -> str:
        penstock.secret("the second")
        return escape(text)

    penstock.secret("the first")
    monkeypatch.setattr(re, "escape", interrupted)
    hide_known("whatever")

    assert hide_known("the first and the second") == f"{MASK} and {MASK}"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=6, max_size=40), st.binary(max_size=7), st.binary(max_size=7))
def test_it_is_hidden_in_base64_wherever_it_begins_and_in_hexadecimal_digits(
    text: str, before: bytes, after: bytes
) -> None:
    sys.modules["penstock.secret"].known.__init__()
    penstock.secret(text)
    raw = text.encode("utf-8", "surrogatepass")

    assert hide_known(raw.hex()) == hide_known(raw.hex().upper()) == MASK
    assert hide_known((b"x" + raw).hex()) == f"78{MASK}"
    for encode in (b64encode, urlsafe_b64encode):
        assert hide_known(encode(raw).decode()) == hide_known(encode(raw).decode().rstrip("=")) == MASK
        shown = encode(before + raw + after).decode()
        # All but what stands for neighbours too is gone: at most one character on either side.
        left, mask, right = hide_known(shown).partition(MASK)
        assert mask
        assert len(left) <= -(-8 * len(before) // 6)
        assert len(right) <= len(shown) - (len(before) + len(raw)) * 8 // 6


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=4, max_size=40), st.text(max_size=5))
def test_it_is_hidden_as_addresses_json_and_a_repr_write_it(text: str, around: str) -> None:
    sys.modules["penstock.secret"].known.__init__()
    penstock.secret(text)

    for shown in (text, quote(text, errors="replace"), quote(text, "", errors="replace"), json.dumps(text), repr(text)):
        assert MASK in hide_known(f"{around}{shown}{around}")


def test_where_nothing_is_known_nothing_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["penstock.secret"]
    monkeypatch.setattr(module._Known, "hide", None)

    assert hide_known("x" * 100) == "x" * 100
    assert module.known.pattern is None
