"""Redactors are asked once for what depends on a key alone, and one that fails withholds what it was asked about."""

from __future__ import annotations

import pytest

from penstock.event import Event, Failure
from penstock.faults import fault_counts
from penstock.river.judge import FAILED
from penstock.river.redact import build_redact
from penstock.types import REMOVE, Action
from redactors import Keys, Places, Words, walk


def test_a_key_is_judged_once() -> None:
    keys = Keys("token")
    redact = build_redact([("keys", keys)])
    for _ in range(5):
        redact(Event("e", fields={"token": 1, "other": 2}))

    assert sorted(keys.asked) == ["other", "token"]


def test_a_path_is_judged_by_place_with_indexes_of_lists() -> None:
    shown = walk(Places(("a", "b"), ("items", "1")), a={"b": 1, "c": 2}, b=3, items=["x", "y"])

    assert shown == {"a": {"b": "***", "c": 2}, "b": 3, "items": ["x", "***"]}


@pytest.mark.parametrize("method", ["redact_key", "redact_path", "redact_text"])
def test_a_redactor_that_raises_withholds_the_value(method: str) -> None:
    def broken(self: object, about: object, /) -> None:
        raise RuntimeError("bug")

    redactor = type("Broken", (), {method: broken})()

    shown = walk(redactor, a="secret")

    assert "secret" not in str(shown)
    assert FAILED in str(shown)
    assert fault_counts()["redact.failed", "Broken"] >= 1


def test_a_redactor_that_failed_once_is_asked_again() -> None:
    class Fails:
        """Fails as it does where the stack is at its end: whatever it is asked."""

        fails = True

        def _ask(self) -> None:
            if self.fails:
                raise RecursionError

        def redact_key(self, key: str, /) -> None:
            self._ask()

        def redact_path(self, path: tuple[str, ...], /) -> None:
            self._ask()

        def redact_text(self, text: str, /) -> str:
            self._ask()
            return text

    redactor = Fails()
    redact = build_redact([("fails", redactor)])
    event = Event("some.event", "m", fields={"note": "text"}, thread="worker")
    assert FAILED in redact(event).merged().values()
    redactor.fails = False
    shown = redact(event)

    assert (shown.name, shown.thread, shown.message, shown.fields) == ("some.event", "worker", "m", {"note": "text"})


@pytest.mark.parametrize("anchors", [None, 5, (b"=",), ("=", None), "=", ("",), ("hush",)])
def test_anchors_that_are_none_spare_no_text_the_search(anchors: object) -> None:
    class Odd(Words):
        pass

    Odd.anchors = anchors  # type: ignore[attr-defined]

    assert walk(Odd(), note="= hush")["note"] == "= ***"
    assert anchors == "=" or walk(Odd(), note="hush")["note"] == "***"


def test_a_part_is_asked_about_once_and_what_would_be_removed_is_masked() -> None:
    asked: list[str] = []

    class Parts:
        def redact_part(self, part: str, /) -> Action | None:
            asked.append(part)
            return (lambda text: REMOVE) if part == "message" else (lambda text: str(text)[:3])

    redact = build_redact([("parts", Parts())])
    for _ in range(3):
        shown = redact(Event("e", "hush", error=ValueError("why"), fields={"a": "hush"}))

    assert (shown.message, shown.fields) == ("[redacted]", {"a": "hush"})
    assert isinstance(shown.error, Failure)
    assert (shown.error.type, shown.error.message, shown.error.stack) == ("ValueError", "why", "Val")
    assert redact(Event("e")).message == ""
    assert sorted(asked) == ["error", "message"]


def test_a_part_whose_action_raises_is_withheld() -> None:
    class Parts:
        def redact_part(self, part: str, /) -> Action:
            return lambda text: 1 / 0

    assert build_redact([("parts", Parts())])(Event("e", "hush")).message == FAILED
