"""The JSON Schema says what a configuration may say, no more and no less."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
from attrs import define, field, validators

from penstock.assembly import schema as schemas
from penstock.assembly.options import options_of
from penstock.assembly.plugins import Plugins
from penstock.secret import Secret
from penstock.units import Duration, Level, Size

WHOLE = schemas.schema(Plugins())


@define(kw_only=True)
class Sub:
    inner: bool = False


@define(kw_only=True)
class Everything:
    text: str
    token: Secret | None = None
    path: Path | Literal[False] = False
    number: int = field(default=1, validator=validators.ge(1), metadata={"doc": "How many."})
    share: float = 0.5
    size: Size = Size("1 MB")
    wait: Duration = Duration("5 s")
    level: Level | Literal["never"] = "never"
    names: list[str] = field(factory=list)
    rates: dict[str, float] = field(factory=dict)
    sub: Sub = field(factory=Sub)
    any: Any = None


def valid(document: object, within: Mapping[str, Any] = WHOLE) -> bool:
    return bool(jsonschema.Draft7Validator(within).is_valid(document))


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(WHOLE)


GOOD: list[dict[str, object]] = [
    {"text": "a"},
    {"text": {"env": "A"}, "token": {"file": "a", "default": "b"}, "path": {"env": "P"}, "number": 2},
    {"text": "a", "path": "a/b", "share": 1, "size": "1.5 MiB", "wait": "200 ms", "level": "error"},
    {"text": "a", "names": ["a"], "rates": {"x": 2.5}, "sub": {"inner": True}, "any": [1], "level": "never"},
]
BAD: list[dict[str, object]] = [
    {},
    {"text": 3},
    {"text": "a", "unknown": 1},
    {"text": {"env": "A", "more": "b"}},
    {"text": {}},
    {"text": "a", "path": True},
    {"text": "a", "number": 0},
    {"text": "a", "number": "2"},
    {"text": "a", "size": 10},
    {"text": "a", "size": "10"},
    {"text": "a", "wait": "5 sec"},
    {"text": "a", "level": "loud"},
    {"text": "a", "names": "a"},
    {"text": "a", "sub": {"iner": True}},
]


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return {**schemas._table(Everything), "definitions": WHOLE["definitions"]}


@pytest.mark.parametrize("good", GOOD)
def test_what_a_class_takes_is_valid(table: Mapping[str, Any], good: object) -> None:
    assert valid(good, table)


@pytest.mark.parametrize("bad", BAD)
def test_what_a_class_does_not_take_is_not(table: Mapping[str, Any], bad: object) -> None:
    assert not valid(bad, table)


def test_an_option_brings_its_doc_its_default_and_its_bound() -> None:
    number = next(option for option in options_of(Everything) if option.name == "number")
    assert schemas._option(number) == {"type": "integer", "minimum": 1, "description": "How many.", "default": 1}


@pytest.mark.parametrize(
    "document",
    [
        {"extends": ["base.toml"], "level": "info", "profile": {"p": {"sink": {}}}, "test": [{"emit": {}}]},
        {"sink": {"a": {"type": "last-resort", "level": "error", "delivery": {"queue": "1 MB", "spool": False}}}},
        {"sink": {"a": {"type": "python:acme:Sink", "anything": [1]}}},
        {"pipeline": {"a": {"sink": "a", "match": ["x.**"]}}},
        {"levels": {"a.b": "debug"}, "context": {"a": 1, "b": {"c": "d"}}},
    ],
)
def test_a_good_document_is_valid(document: object) -> None:
    assert valid(document)


@pytest.mark.parametrize(
    "document",
    [
        {"sinc": {}},
        {"level": "loud"},
        {"sink": {"a": {}}},
        {"sink": {"a": {"type": "lastresort"}}},
        {"sink": {"a": {"type": "last-resort", "keeep": 1}}},
        {"sink": {"a": {"type": "last-resort", "delivery": {"batch": 0}}}},
        {"pipeline": {"a": {"match": ["x"]}}},
        {"levels": {"a": 3}},
    ],
)
def test_a_bad_document_is_not(document: object) -> None:
    assert not valid(document)


def test_a_plugin_that_does_not_load_is_in_it_with_any_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_DISABLE", "file-rotate")
    broken = schemas.schema(Plugins())
    document = {"sink": {"a": {"type": "file-rotate", "pth": 1}}}
    assert valid(document, broken)
    assert not valid(document)
