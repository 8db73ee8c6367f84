"""What is passed on without a walk is what the walk would have made."""

from __future__ import annotations

import re
from collections import UserDict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.event import Event, Failure
from penstock.river.plain import ITEMS
from penstock.river.redact import build_redact
from penstock.secret import MASK, known, secret
from penstock.types import REMOVE
from redactors import Keys, Places, Words, walk
from strategies import fields


@settings(max_examples=100, deadline=None)
@given(fields)
def test_redacting_twice_equals_once(given_fields: dict[str, object]) -> None:
    redact = build_redact([("keys", Keys("token")), ("words", Words())])
    once = redact(Event("e", fields=given_fields))

    assert redact(once).merged() == once.merged()


class Signs:
    """Hides what stands behind a sign; texts without one need not be searched."""

    anchors = ("=",)

    def redact_text(self, text: str, /) -> str:
        return re.sub("=.*", "=***", text)


SECRETS = ("hush", "1234", "token", "plain words")


calm = st.sampled_from(["", "word", "two words", "-option", "\u00e9"])


loud = st.sampled_from(["x=1", "hush", "1234", "a 1234", "plain words", "x" * 999, "x" * 1_000])


words = calm | calm | calm | calm | loud


plain = st.sampled_from([None, True, 1, 1.5, -0.0, 2**64 - 1, -(2**63)])


odd = st.sampled_from([2**64, -(2**63) - 1, float("nan"), float("inf"), ["hush"], (1,), Decimal("1.5"), b"x"])


scalars = plain | words | words | odd


members = st.dictionaries(calm | calm | st.sampled_from(["token", "user", "a hush", "x" * 300]), scalars, max_size=3)


said = st.fixed_dictionaries(
    {
        "name": words,
        "message": words,
        "thread": words,
        "fields": members,
        "context": st.sampled_from([{}, {"user": "hush"}, {"id": "1234"}, {"token": 1}]),
    },
    optional={"arguments": st.lists(scalars, max_size=3)},
)


measured = st.fixed_dictionaries({"measurements": members, "metadata": members})


failed = st.just({"error": ValueError("hush")})


events = st.builds(lambda one, other: one | other, said, st.just({}) | st.just({}) | measured | failed)


redactor = st.sampled_from([Keys("token"), Keys("user", action=lambda value: REMOVE), Words(), Signs(), Places()])


some_redactors = st.lists(redactor, max_size=1) | st.lists(redactor, max_size=3)


@settings(max_examples=500)
@given(st.lists(events | events | st.sampled_from(SECRETS), max_size=8), some_redactors)
def test_what_is_passed_on_without_a_walk_is_what_the_walk_makes(steps: list[Any], redactors: list[Any]) -> None:
    named = [(type(redactor).__name__, redactor) for redactor in redactors]
    with no_secret_known():
        redact = build_redact(named)
        for step in steps:
            if isinstance(step, str):
                secret(step)
            else:
                walked = build_redact([*named, ("places", Places())])(Event(**step))
                assert told(redact(Event(**step))) == told(walked)


@contextmanager
def no_secret_known() -> Iterator[None]:
    """What is named as secret in here is forgotten afterwards; a redaction that is made in here ends in here."""
    before = {slot: getattr(known, slot) for slot in type(known).__slots__}
    type(known).__init__(known)
    try:
        yield
    finally:
        for slot, value in before.items():
            setattr(known, slot, value)


def told(event: Event) -> str:
    error = event.error.message if isinstance(event.error, Failure) else event.error
    return repr((event.name, event.message, event.thread, error, event.merged(), event.context, event.metadata))


def test_a_context_that_was_found_innocent_while_a_secret_was_learned_is_judged_again() -> None:
    class Learns:
        def redact_text(self, text: str, /) -> str:
            if text == "hush, hush":  # as a thread may do that names a secret and says something at this moment
                secret(text)
                redact(Event("other"))
            return text

    context = {"note": "hush, hush"}
    with no_secret_known():
        redact = build_redact([("learns", Learns())])
        redact(Event("e", context=context))

        assert redact(Event("e", context=context)).context == {"note": MASK}


def test_a_million_fields_are_not_all_asked_about() -> None:
    keys = Keys()
    walk(keys, **dict.fromkeys(map(str, range(100_000)), "x"))

    assert len(keys.asked) <= ITEMS


def test_only_a_dict_that_nobody_else_has_made_is_passed_on_as_it_is() -> None:
    class Lies(dict[str, object]):
        def values(self) -> Any:
            return ["innocent"]

    redact = build_redact([("words", Words())])
    for odd in (Lies(note="hush"), MappingProxyType({"note": "hush"}), UserDict(note="hush")):
        assert redact(Event("e", fields=odd)).fields == {"note": "***"}
        assert redact(Event("e", context=odd)).context == {"note": "***"}


class Liar(str):
    """Says that it is another text; what it is shows only who does not ask it."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash("user")

    def __eq__(self, other: object) -> bool:
        return other == "user"


class RaisesWhenHashed(str):
    """Got into a dict, and lets nobody look for it there."""

    armed = False

    def __hash__(self) -> int:
        if self.armed:
            raise SystemExit
        return 1


def test_a_key_that_says_it_is_an_innocent_one_is_judged_by_what_it_is() -> None:
    redact = build_redact([("keys", Keys("token"))])
    redact(Event("e", fields={"user": 1}))
    lies: dict[str, object] = {Liar("token"): "s"}

    for part in ("fields", "context", "measurements", "metadata"):
        event = Event("e", measurements={}, metadata={})
        setattr(event, part, lies)
        event = redact(event)
        assert list(getattr(event, part).items()) == [("token", "***")], part


def test_a_key_that_raises_when_it_is_hashed_is_shown_without_asking_it() -> None:
    key = RaisesWhenHashed("note")
    fields: dict[str, object] = {key: 1}
    key.armed = True

    assert build_redact([("keys", Keys("token"))])(Event("e", fields=fields)).fields == {"note": 1}
