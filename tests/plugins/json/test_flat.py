"""The style `flat`."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from penstock.plugin import Event, Failure, Site
from penstock_json.format import JsonFormat

Make = Callable[..., Event]
Read = Callable[[bytes], dict[str, Any]]


def test_a_log_call_is_this_line(event: Make) -> None:
    assert JsonFormat(node="web-1").format(event()) == (
        b'{"time":"2017-07-14T02:40:00.123Z","severity":"info","message":"order placed","logger":"shop.cart",'
        b'"module":"shop.cart","function":"Cart.add","line":120,"pid":1234,"node":"web-1","thread":"MainThread",'
        b'"qty":2,"price":12.5,"tags":["a",null,true],"note":"zw\xc3\xb6lf"}'
    )


def test_a_telemetry_event_is_this_line(event: Make) -> None:
    measured = event(
        message="",
        name="shop.order.paid",
        level=10,
        fields={},
        measurements={"amount": 3},
        metadata={"currency": "EUR"},
    )

    assert JsonFormat(node="web-1").format(measured) == (
        b'{"time":"2017-07-14T02:40:00.123Z","severity":"debug","event":"shop.order.paid",'
        b'"module":"shop.cart","function":"Cart.add","line":120,"pid":1234,"node":"web-1","thread":"MainThread",'
        b'"currency":"EUR","amount":3}'
    )


def test_an_exception_stands_behind_the_fields(event: Make) -> None:
    failed = event(fields={"qty": 2}, level=40, error=Failure("acme.Broken", "no", "Traceback:\n  …\nacme.Broken: no"))

    assert (
        JsonFormat(node="web-1")
        .format(failed)
        .endswith(
            b'"thread":"MainThread","qty":2,'
            b'"error":{"type":"acme.Broken","message":"no","stack":"Traceback:\\n  \xe2\x80\xa6\\nacme.Broken: no"}}'
        )
    )


def test_without_an_option_the_node_is_this_host(event: Make, read: Read) -> None:
    assert read(JsonFormat().format(event()))["node"] == socket.gethostname()


def test_own_keys_win_and_fields_that_collide_are_kept(event: Make, read: Read) -> None:
    fields = {"time": 1, "time_": 2, "severity": 3, "message": 4, "error": 5, "event": 6, "thread": 7, "qty": 8}

    line = read(JsonFormat().format(event(fields=fields)))

    assert line["time"] == "2017-07-14T02:40:00.123Z"
    assert (line["time_"], line["time__"]) == (2, 1)
    assert (line["severity"], line["severity_"]) == ("info", 3)
    assert (line["message"], line["message_"]) == ("order placed", 4)
    assert (line["error_"], line["event_"], line["thread_"], line["qty"]) == (5, 6, 7, 8)
    assert "error" not in line  # the name is the exception's, whether there is one or not


def test_a_call_wins_over_the_context_even_where_both_collide(event: Make, read: Read) -> None:
    line = read(
        JsonFormat().format(
            event(context={"time": "context", "qty": 1, "region": "eu"}, fields={"time": "call", "qty": 2})
        )
    )

    assert (line["time_"], line["qty"], line["region"]) == ("call", 2, "eu")


@pytest.mark.parametrize("number", [-1, 0, 5, 10, 20, 25, 30, 35, 40, 50, 60, 70, 1_000])
def test_the_level_is_also_told_as_rfc_5424_says(number: int, event: Make, read: Read) -> None:
    wanted = {5: 7, 10: 7, 20: 6, 25: 5, 30: 4, 35: 4, 40: 3, 50: 2, 60: 1, 70: 0}.get(number, 7 if number < 5 else 0)
    shown = event(level=number)

    both = read(JsonFormat(severity="both").format(shown))

    assert list(both)[:4] == ["time", "severity", "severity_code", "message"]
    assert both["severity_code"] == wanted
    assert both["severity"] == read(JsonFormat().format(shown))["severity"]
    assert read(JsonFormat(severity="rfc5424").format(shown))["severity"] == wanted


def test_the_key_of_the_number_is_free_where_it_is_not_written(event: Make, read: Read) -> None:
    shown = event(fields={"severity_code": "mine"})

    assert read(JsonFormat().format(shown))["severity_code"] == "mine"
    assert read(JsonFormat(severity="both").format(shown))["severity_code_"] == "mine"


@pytest.mark.parametrize(
    ("precision", "time"),
    [
        ("ms", "2017-07-14T02:40:00.123Z"),
        ("us", "2017-07-14T02:40:00.123456Z"),
        ("ns", "2017-07-14T02:40:00.123456789Z"),
    ],
)
def test_the_time_is_as_exact_as_asked_for(precision: Any, time: str, event: Make, read: Read) -> None:
    assert read(JsonFormat(timestamp=precision).format(event()))["time"] == time


def test_the_time_is_right_across_seconds_in_any_order(event: Make, read: Read) -> None:
    formatter = JsonFormat()
    times = {
        1_500_000_000_999_999_999: "2017-07-14T02:40:00.999Z",
        1_500_000_001_000_000_000: "2017-07-14T02:40:01.000Z",
        1_499_999_999_999_000_000: "2017-07-14T02:39:59.999Z",
        0: "1970-01-01T00:00:00.000Z",
        -1: "1969-12-31T23:59:59.999Z",
        951_782_400_001_000_000: "2000-02-29T00:00:00.001Z",
    }

    assert {ns: read(formatter.format(event(time_ns=ns)))["time"] for ns in times} == times


def test_a_time_that_no_calendar_has_costs_no_line(event: Make, read: Read) -> None:
    assert read(JsonFormat().format(event(time_ns=10**30)))["time"] == "@1000000000000000000000s"


def test_what_is_kept_of_a_site_is_not_told_of_another_logger_process_or_format(event: Make, read: Read) -> None:
    site = Site("shop", "sell", "shop.py", 1)
    one, other = JsonFormat(node="a"), JsonFormat(node="b", exclude=["function"])
    facts = [("x", 1), ("y", 1), ("y", 2), ("x", 2)]  # one thing changes at a time

    for name, pid in facts:
        for formatter, node in ((one, "a"), (other, "b")):
            line = read(formatter.format(event(site=site, name=name, pid=pid)))
            assert (line["logger"], line["pid"], line["node"]) == (name, pid, node)
            assert ("function" in line) == (formatter is one)


def test_a_reload_with_the_same_options_leaves_nothing_new_on_a_site(event: Make) -> None:
    site = Site("shop", "sell", "shop.py", 1)
    for _ in range(5):
        JsonFormat().format(event(site=site))

    assert len(site.cache) == 1


def test_a_context_that_collides_is_seen_beside_fields_that_do_not(event: Make, read: Read) -> None:
    formatter = JsonFormat()
    formatter.format(event(fields={"qty": 1}))

    line = read(formatter.format(event(fields={"qty": 1}, context={"time": "mine"})))

    assert (line["time"], line["time_"]) == ("2017-07-14T02:40:00.123Z", "mine")


def test_log_calls_and_telemetry_of_one_name_and_place_are_told_apart(event: Make, read: Read) -> None:
    site = Site("", "", "", 0)
    formatter = JsonFormat()
    for _ in range(2):
        assert "logger" in read(formatter.format(event(site=site)))
        assert "logger" not in read(formatter.format(event(site=site, measurements={}, metadata={})))


def test_the_arguments_of_a_captured_message_are_a_field() -> None:
    line = json.loads(JsonFormat().format(Event("lib", "sold 2", arguments=[2], time_ns=0)))

    assert line["args"] == [2]
