"""The protocols tell the abilities of a component apart."""

from __future__ import annotations

from penstock.types import (
    REMOVE,
    Closeable,
    Flushable,
    KeyRedactor,
    Openable,
    Opened,
    PartRedactor,
    PathRedactor,
    Record,
    Source,
    TextRedactor,
    Timed,
)


def having(*methods: str) -> object:
    return type("Component", (), {method: lambda self, *args: None for method in methods})()


def test_an_ability_is_seen_by_its_method() -> None:
    assert isinstance(having("redact_key"), KeyRedactor)
    assert isinstance(having("redact_path"), PathRedactor)
    assert isinstance(having("redact_text"), TextRedactor)
    assert isinstance(having("redact_part"), PartRedactor)
    assert isinstance(having("start"), Source)
    assert isinstance(having("open"), Opened)
    assert isinstance(having("open"), Openable)
    assert isinstance(having("keep_time"), Timed)
    assert isinstance(having("flush"), Flushable)
    assert isinstance(having("close"), Closeable)
    assert not isinstance(having("write"), (KeyRedactor, Source, Opened, Flushable, Closeable))


def test_a_record_is_bytes_with_level_name_time_and_format() -> None:
    record = Record(b"line", 40, "shop", 7)

    assert record == (b"line", 40, "shop", 7, "")
    assert repr(REMOVE) == "REMOVE"
