"""A pseudonym is the same for the same value, says nothing without the key, and names the key it was made with."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock
from penstock.plugin import MASK, Secret
from penstock.tooling import check
from penstock_redact.keys import KeyRedactor
from penstock_redact.paths import PathRedactor
from penstock_redact.patterns import PatternRedactor
from penstock_redact.pseudonyms import Pseudonyms

KEY = "an example, and no key"


def pseudonyms(key: str = KEY, key_id: str = "k1", length: int = 16) -> Pseudonyms:
    return Pseudonyms(Secret(key), key_id, length)


@given(st.text(), st.integers(8, 64))
def test_it_is_the_hmac_that_any_other_tool_makes(text: str, length: int) -> None:
    shown = pseudonyms(length=length).digits(text)

    assert shown == hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()[:length]


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans() | st.lists(st.text(), max_size=2))
def test_made_twice_it_is_made_once(value: object) -> None:
    once = pseudonyms()(value)

    assert pseudonyms()(once) == once
    assert pseudonyms()(value) == once


def test_a_number_and_its_text_have_the_same_one() -> None:
    assert pseudonyms()(42) == pseudonyms()("42") != pseudonyms()(43)


@pytest.mark.parametrize(
    "value",
    [True, None, ["bob"], {"a": "bob"}, MASK, "[redacted:jwt]", "user [redacted] of two", "[redaction failed]"],
)
def test_what_has_parts_or_is_hidden_in_part_is_masked(value: object) -> None:
    assert pseudonyms()(value) == MASK


def test_another_key_gives_another_one_and_another_name() -> None:
    old, new = pseudonyms(key_id=""), pseudonyms("another example, no key", key_id="")
    shown = [str(made("bob")).strip("[]").split(":") for made in (old, new)]

    assert shown[0][0] == shown[1][0] == "hash"
    assert shown[0][1] != shown[1][1]
    assert shown[0][2] != shown[1][2]


def test_fields_paths_texts_and_patterns_have_the_same_one(river: Callable[..., Any]) -> None:
    hashed = {"hash_key": KEY, "hash_key_id": "k1"}
    out = river(
        names={"type": "keys", "keys": ["user"], "action": "hash", **hashed},
        places={"type": "paths", "paths": ["who.*"], "action": "hash", **hashed},
        shapes={
            "type": "patterns",
            "detect": [],
            "patterns": {"c": "C-[0-9]+"},
            "replace": "<{name}:{hash}>",
            **hashed,
        },
    )
    penstock.get_logger("app").info("user=bob bought as C-17", user="bob", who=["bob"], client="C-17")

    line = json.loads(out.lines[-1])
    digits = pseudonyms().digits
    assert line["message"] == f"user=[hash:k1:{digits('bob')}] bought as <c:k1:{digits('C-17')}>"
    assert line["user"] == line["who"][0] == f"[hash:k1:{digits('bob')}]"
    assert line["client"] == f"<c:k1:{digits('C-17')}>"
    assert "bob" not in out.lines[-1]


def test_redacting_a_line_again_changes_no_pseudonym(river: Callable[..., Any]) -> None:
    hashed = {"hash_key": KEY, "hash_length": 64}
    out = river(
        sink="Events",
        names={"type": "keys", "action": "hash", **hashed},
        shapes={"type": "patterns", "detect": ["default", "email"], "replace": "[{name}:{hash}]", **hashed},
    )
    log = penstock.get_logger("app")
    log.info("password=hunter2 for a@b.org", token="s3cr3t", x="a@b.org", password="a@b.org")
    once = out.events[-1]
    log.info(once.message, **dict(once.fields))

    assert out.events[-1].message == once.message
    assert dict(out.events[-1].fields) == dict(once.fields)


def problem(**options: object) -> str:
    with pytest.raises(penstock.ConfigError) as raised:
        penstock.configure(
            {"redact": {"r": options}, "sink": {"out": {"type": "stderr"}}, "pipeline": {"all": {"sink": "out"}}},
            strict=True,
        )
    assert "redact.r" in str(raised.value)
    return str(raised.value)


def test_a_missing_or_weak_key_is_told_and_not_shown() -> None:
    assert "needs a key" in problem(type="keys", action="hash")
    assert "needs a key" in problem(type="paths", paths=["a"], action="hash")
    assert "needs a key" in problem(type="patterns", replace="{hash}")
    told = problem(type="keys", action="hash", hash_key="hush-hush")
    assert "at least 16 characters" in told
    assert "hush-hush" not in told
    assert "number from 8 to 64" in problem(type="keys", action="hash", hash_key=KEY, hash_length=7)
    assert "at most 16 letters" in problem(type="keys", action="hash", hash_key=KEY, hash_key_id="a b")
    assert "is itself hidden" in problem(
        type="patterns", patterns={"hex": "[0-9a-f]{8}"}, replace="{hash}", hash_key=KEY
    )


def test_a_file_whose_key_is_elsewhere_can_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HASH_KEY", raising=False)
    document = {
        "redact": {"r": {"type": "keys", "action": "hash", "hash_key": {"env": "HASH_KEY"}}},
        "sink": {"out": {"type": "stderr"}},
        "pipeline": {"all": {"sink": "out"}},
    }
    assert check(document, resolve=False) == []


@pytest.mark.parametrize("kind", [KeyRedactor, PathRedactor, PatternRedactor])
def test_the_key_is_in_no_repr(kind: Any) -> None:
    more = {"paths": ["a"]} if kind is PathRedactor else {}

    assert KEY not in repr(kind(hash_key=Secret(KEY), **more))
