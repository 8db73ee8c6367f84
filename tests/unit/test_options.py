"""What may stand in a table is read off its class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import Factory, define, field

from penstock.assembly.options import REQUIRED, as_toml, options_of, takes_secret
from penstock.secret import Secret
from penstock.units import Duration, Level, Size


@define(kw_only=True)
class Thing:
    path: Path = field(metadata={"doc": "Where."})
    size: Size = Size("1 MB")
    names: list[str] = field(factory=lambda: ["a"])
    other: str | None = None
    of_self: int = field(default=Factory(lambda self: 3, takes_self=True))
    _inside: int = field(default=0, init=False)


def test_an_option_has_its_name_its_default_and_its_doc() -> None:
    found = {option.name: option for option in options_of(Thing)}
    assert list(found) == ["path", "size", "names", "other", "of_self"]
    assert (found["path"].default, found["path"].doc, found["path"].type) == (REQUIRED, "Where.", Path)
    assert [found[name].default for name in ("size", "names", "other", "of_self")] == ["1 MB", ["a"], None, None]


def test_a_class_that_attrs_does_not_know_has_no_options() -> None:
    assert list(options_of(object)) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Secret("not-a-secret"), "[redacted]"),
        ({"a": [Duration("5 s"), Level("error")]}, {"a": ["5 s", "error"]}),
        (Path("a/b"), str(Path("a/b"))),
        (frozenset({1}), [1]),
        (True, True),
        (3.5, 3.5),
        (object, "<class 'object'>"),
    ],
)
def test_a_value_is_shown_as_a_file_would_say_it(value: object, shown: object) -> None:
    assert as_toml(value) == shown


@pytest.mark.parametrize(
    ("kind", "secret"),
    [(Secret, True), (Secret | None, True), (dict[str, list[Secret]], True), (str, False), (Any, False)],
)
def test_an_option_takes_a_secret_at_any_depth(kind: object, secret: bool) -> None:
    assert takes_secret(kind) is secret
