"""The style `basic`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.plugin import Event, Failure
from penstock_json.format import JsonFormat

Make = Callable[..., Event]
Read = Callable[[bytes], dict[str, Any]]


def test_a_log_call_is_this_line(event: Make) -> None:
    assert JsonFormat(style="basic").format(event()) == (
        b'{"time":"2017-07-14T02:40:00.123Z","severity":"info","message":"order placed",'
        b'"metadata":{"qty":2,"price":12.5,"tags":["a",null,true],"note":"zw\xc3\xb6lf"}}'
    )


def test_a_telemetry_event_has_its_name_as_message(event: Make, read: Read) -> None:
    measured = event(name="shop.paid", message="", fields={}, measurements={"amount": 3}, metadata={"currency": "EUR"})

    line = read(JsonFormat(style="basic").format(measured))

    assert (line["message"], line["metadata"]) == ("shop.paid", {"currency": "EUR", "amount": 3})


def test_the_request_and_the_trace_are_told_where_they_are_known(event: Make) -> None:
    fields = {
        "trace_id": "4bf92f35",
        "span_id": "00f067aa",
        "http_version": "HTTP/1.1",
        "http.request.method": "GET",
        "url_path": "/cart",
        "http_response_status_code": 200,
        "client_ip": "192.0.2.7",
        "user_agent_original": "curl/8",
        "qty": 2,
    }

    assert JsonFormat(style="basic").format(event(fields=fields)) == (
        b'{"time":"2017-07-14T02:40:00.123Z","severity":"info","message":"order placed","metadata":{"qty":2},'
        b'"request":{"connection":{"protocol":"HTTP/1.1","method":"GET","path":"/cart","status":200},'
        b'"client":{"ip":"192.0.2.7","user_agent":"curl/8"}},"trace":"4bf92f35","span":"00f067aa"}'
    )


def test_what_is_not_what_its_name_says_stays_in_the_metadata(event: Make, read: Read) -> None:
    fields = {"client_ip": "nobody", "http_response_status_code": "OK", "trace_id": "first", "trace.id": "second"}

    line = read(JsonFormat(style="basic").format(event(fields=fields)))

    assert line["trace"] == "first"
    assert line["metadata"] == {"client_ip": "nobody", "http_response_status_code": "OK", "trace.id": "second"}
    assert "request" not in line


def test_an_exception_is_in_the_metadata_and_no_field_can_hide_it(event: Make, read: Read) -> None:
    failed = event(fields={"error": "mine", "time": 1}, error=Failure("Broken", "no", "Traceback"))

    line = read(JsonFormat(style="basic").format(failed))

    assert line["metadata"] == {
        "error_": "mine",
        "time": 1,  # inside the metadata there is no own key of this name
        "error": {"type": "Broken", "message": "no", "stack": "Traceback"},
    }


def test_own_keys_can_be_renamed_and_left_out_inside_and_outside(event: Make, read: Read) -> None:
    formatter = JsonFormat(
        style="basic",
        include=["qty", "time"],
        exclude=["severity"],
        rename={"metadata": "fields", "error": "exception", "time": "ts"},
    )

    line = read(formatter.format(event(fields={"qty": 1, "price": 2, "time": 3}, error=Failure("Broken", "no", "T"))))

    assert list(line) == ["ts", "message", "fields"]
    assert line["fields"] == {"qty": 1, "time": 3, "exception": {"type": "Broken", "message": "no", "stack": "T"}}


def test_an_exception_can_be_left_out(event: Make, read: Read) -> None:
    failed = event(fields={"error": "mine", "qty": 1}, error=Failure("Broken", "no", "T"))

    assert read(JsonFormat(style="basic", exclude=["error"]).format(failed))["metadata"] == {"qty": 1}
