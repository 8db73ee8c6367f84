"""Finished bytes, one line, whatever the format does."""

from __future__ import annotations

import json

import pytest

from penstock.event import Event, Failure
from penstock.faults import fault_counts
from penstock.river.format import PlainFormat, build_format, iso_time, minimal_line


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_500_000_000_123_999_999, "2017-07-14T02:40:00.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (10**21, "@1000000000000s"),
    ],
)
def test_a_time_is_rfc_3339_in_utc(time_ns: int, text: str) -> None:
    assert iso_time(time_ns) == text


def test_a_format_that_raises_costs_its_line_not_the_event() -> None:
    class Broken:
        def format(self, event: Event, /) -> bytes:
            raise RecursionError

    render = build_format("broken", Broken(), "json")
    line, *_, made_by = render(Event("shop", "s3cr3t", 40, time_ns=0, fields={"token": "s3cr3t"}))

    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.000Z",
        "severity": "error",
        "logger": "shop",
        "message": "[format failed]",
    }
    assert made_by == ""  # a sink that looks is not told that it is JSON of that format
    assert fault_counts()["format.failed", "broken"] == 1


def test_a_format_that_returns_no_bytes_is_a_fault_of_its_own() -> None:
    class Text:
        def format(self, event: Event, /) -> bytes:
            return "text"  # type: ignore[return-value]

    line, *_ = build_format("text", Text(), "text")(Event("shop"))

    assert json.loads(line)["message"] == "[format failed]"


def test_the_minimal_line_is_ascii_whatever_the_name() -> None:
    assert minimal_line(Event("n\ud800\n")).isascii()


def test_the_plain_line_has_everything() -> None:
    event = Event("shop", "sold", 30, time_ns=0, fields={"qty": 2}, error=Failure("E", "m", "line 1\nline 2"))

    assert PlainFormat().format(event) == (b"1970-01-01T00:00:00.000Z WARNING   shop: sold qty=2 error=line 1\\nline 2")


@pytest.mark.parametrize(
    "evil", ["\n", "\r", "\x1b[31m", "\x9b31m", "\u2028", "\u202e", "\x00", "\x7f", "\u200b", "\ud800"]
)
def test_one_event_is_one_line_without_control_characters(evil: str) -> None:
    line = PlainFormat().format(Event(f"n{evil}", f"m{evil}", fields={f"k{evil}": f"v{evil}"}))

    assert evil not in line.decode("utf-8")
    assert line.decode().isprintable()
