"""What a record, a warning and an exception become; by which way they come in is in test_capture."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from penstock.captured import event_of, event_of_exception, event_of_warning
from penstock.event import Failure


def record(message: object = "sold", *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop", 20, "/app/shop.py", 7, message, args, None, "sell")
    vars(made).update(extra)
    return made


def test_a_record_keeps_its_own_time_place_thread_and_process() -> None:
    made = record()
    made.created = 1_700_000_000.25
    made.process, made.threadName = 4_711, "worker-1"

    event = event_of(made)

    assert (event.name, event.message, event.level) == ("shop", "sold", 20)
    assert event.time_ns == 1_700_000_000_250_000_000
    assert (event.site.module, event.site.function, event.site.line) == ("shop", "sell", 7)
    assert (event.pid, event.thread) == (4_711, "worker-1")
    assert event_of(made).site is event.site


@pytest.mark.parametrize(
    ("args", "template", "message", "fields"),
    [
        (
            (2, "BTC"),
            "sold %d %s",
            "sold 2 BTC",
            {"args": [2, "BTC"]},
        ),
        (({"user": "u1"},), "hello %(user)s", "hello u1", {"user": "u1"}),
        (({"a": 1},), "got %s", "got {'a': 1}", {"args": [{"a": 1}]}),
        ((), "100 %", "100 %", {}),
        ((1, 2), "one %s", "one %s", {}),  # they do not fit: nothing says what they are
    ],
)
def test_arguments_are_kept_apart_from_the_text(
    args: tuple[object, ...], template: str, message: str, fields: dict[str, object]
) -> None:
    event = event_of(record(template, *args))

    assert event.message == message
    assert event.merged() == fields


def test_extra_is_fields_and_wins_over_arguments() -> None:
    event = event_of(record("%(user)s", {"user": "u1"}, user="u2", level="x", color_message="\x1b[1m"))

    assert event.fields == {"user": "u2", "level": "x"}


def test_an_exception_that_is_only_text_becomes_a_failure() -> None:
    event = event_of(record(exc_text="Traceback (most recent call last):\n  …\nmodule.Oops: it broke\n"))

    assert isinstance(event.error, Failure)
    assert (event.error.type, event.error.message) == ("module.Oops", "it broke")


def test_a_warning_is_told_from_the_line_it_is_about() -> None:
    event = event_of_warning(DeprecationWarning("old"), DeprecationWarning, "/app/shop.py", 9)

    assert (event.name, event.message, event.level) == ("py.warnings", "old", 30)
    assert event.fields == {"category": "DeprecationWarning"}
    assert (event.site.module, event.site.file, event.site.line) == ("shop", "/app/shop.py", 9)


def test_an_exception_is_told_from_the_line_that_raised() -> None:
    try:
        raise KeyError("x")
    except KeyError:
        kind, error, trace = sys.exc_info()
    assert kind is not None

    event = event_of_exception("sys.excepthook", 50, "Uncaught exception", kind, error, trace, {})

    assert event.error is error
    assert event.site.function == "test_an_exception_is_told_from_the_line_that_raised"


def test_an_exception_that_is_gone_already_is_told_by_its_type() -> None:
    event = event_of_exception("threading.excepthook", 40, "text", ValueError, None, None, {})

    assert isinstance(event.error, Failure)
    assert event.error.type == "ValueError"


def test_a_record_says_itself_what_its_message_is() -> None:
    class Masked(logging.LogRecord):
        def getMessage(self) -> str:  # noqa: N802  # the name it replaces
            return "masked"

    made = Masked("shop", 20, "/app/shop.py", 7, "the password is hunter2", (), None, "sell")

    assert event_of(made).message == "masked"


@pytest.mark.parametrize("gone", ["msecs", "processName"])
def test_what_was_added_is_a_field_though_something_was_taken_out(gone: str) -> None:
    made = record()
    delattr(made, gone)
    made.order = 7

    assert event_of(made).fields == {"order": 7}


def test_names_that_are_no_plain_text_become_one() -> None:
    class Name(str):
        pass

    event = event_of(record(name=Name("shop"), threadName=5))

    assert [(type(text), text) for text in (event.name, event.thread)] == [(str, "shop"), (str, "5")]


def test_what_raises_when_it_is_asked_for_its_class_costs_no_record() -> None:
    class Bad:
        @property  # type: ignore[misc]
        def __class__(self) -> Any:
            raise SystemExit

    bad = Bad()
    assert list(event_of(record("%s %s", bad, 1)).arguments)[1] == 1
    assert event_of(record(bad, {"a": 1})).level == 20
