"""Redactors for tests, and the walk over fields with them."""

from __future__ import annotations

from typing import Any

from penstock.event import Event
from penstock.river.redact import build_redact
from penstock.types import Action


def walk(*redactors: Any, **given_fields: object) -> dict[str, object]:
    redact = build_redact([(type(redactor).__name__, redactor) for redactor in redactors])
    return redact(Event("some.event", fields=given_fields)).merged()


class Keys:
    def __init__(self, *keys: str, action: Action = lambda value: "***") -> None:
        self.keys = keys
        self.action = action
        self.asked: list[str] = []

    def redact_key(self, key: str, /) -> Action | None:
        self.asked.append(key)
        return self.action if key in self.keys else None


class Words:
    def redact_text(self, text: str, /) -> str:
        return text.replace("hush", "***")


class Places:
    def __init__(self, *paths: tuple[str, ...]) -> None:
        self.paths = paths

    def redact_path(self, path: tuple[str, ...], /) -> Action | None:
        return (lambda value: "***") if path in self.paths else None
