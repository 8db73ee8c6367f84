"""The style `ecs`, judged by a validator of its own, made from the published facts.

Required fields, the order of the first three, what must not be nested and the types of the logging fields:
https://github.com/elastic/ecs-logging, spec/spec.json and spec/README.md. Types of all others:
https://www.elastic.co/guide/en/ecs/8.11/ecs-field-reference.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock
from penstock.plugin import Event, Failure, Site
from penstock_json.format import JsonFormat

Make = Callable[..., Event]
Read = Callable[[bytes], dict[str, Any]]

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
SCALAR = {"type": ["string", "number", "boolean", "null"]}

# What the line itself must look like.
LINE = {
    "type": "object",
    "required": ["@timestamp", "log.level", "ecs.version"],
    "properties": {
        "@timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}Z$"},
        "log.level": {
            "enum": ["trace", "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
        },
        "message": TEXT,
        "ecs.version": {"type": "string", "pattern": r"^8\.11\.\d+$"},
        "labels": {
            "type": "object",
            "propertyNames": {"pattern": r"^[^.*\\]*$"},
            "additionalProperties": SCALAR,
        },
        "tags": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
    },
    "propertyNames": {"not": {"enum": ["_id", "_index", "_source", "_routing", "_ignored", ""]}},
}


def object_of(*fields: tuple[str, Mapping[str, object]]) -> dict[str, object]:
    """Return the schema of an object in which these dotted fields have these types."""
    properties: dict[str, Any] = {}
    for name, kind in fields:
        inside = properties
        *parents, leaf = name.split(".")
        for parent in parents:
            inside = inside.setdefault(parent, {"type": "object", "properties": {}})["properties"]
        inside[leaf] = dict(kind)
    return {"type": "object", "properties": properties}


# What Elasticsearch makes of it: dotted keys are objects in objects.
FIELD_SETS = [
    "agent", "client", "cloud", "container", "destination", "device", "dns", "error", "event", "file",
    "group", "host", "http", "log", "network", "observer", "organization", "package", "process", "rule",
    "server", "service", "source", "span", "threat", "tls", "trace", "transaction", "url", "user",
    "user_agent", "vulnerability",
]  # fmt: skip
DOCUMENT = object_of(
    *((name, {"type": "object", "properties": {}}) for name in FIELD_SETS),
    ("client.ip", TEXT),
    ("ecs.version", TEXT),
    ("error.message", TEXT),
    ("error.stack_trace", TEXT),
    ("error.type", TEXT),
    ("event.action", TEXT),
    ("event.duration", WHOLE),
    ("host.name", TEXT),
    ("http.request.method", TEXT),
    ("http.request.referrer", TEXT),
    ("http.response.status_code", WHOLE),
    ("http.version", TEXT),
    ("log.level", TEXT),
    ("log.logger", TEXT),
    ("log.origin.file.line", WHOLE),
    ("log.origin.file.name", TEXT),
    ("log.origin.function", TEXT),
    ("log.syslog.severity.code", {"type": "integer", "minimum": 0, "maximum": 7}),
    ("process.pid", WHOLE),
    ("process.thread.name", TEXT),
    ("service.name", TEXT),
    ("span.id", TEXT),
    ("trace.id", TEXT),
    ("transaction.id", TEXT),
    ("url.path", TEXT),
    ("user_agent.original", TEXT),
)
for validated in (LINE, DOCUMENT):
    jsonschema.Draft202012Validator.check_schema(validated)
check_line = jsonschema.Draft202012Validator(LINE).validate
check_document = jsonschema.Draft202012Validator(DOCUMENT).validate


def check_ecs(line: Mapping[str, Any]) -> None:
    """Raise unless *line* is a line of ECS logging that Elasticsearch takes."""
    assert list(line)[:3] == ["@timestamp", "log.level", "message"]
    check_line(line)
    document = expanded({key: value for key, value in line.items() if key.partition(".")[0] in {*FIELD_SETS, "ecs"}})
    check_document(document)
    if "ip" in document.get("client", {}):
        ip_address(document["client"]["ip"])


def expanded(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return *line* with objects for dotted keys; fails where a value would stand in another's place."""
    document: dict[str, Any] = {}
    for name, value in line.items():
        inside = document
        *parents, leaf = name.split(".")
        assert all((*parents, leaf)), f"an empty name in {name!r}"
        for parent in parents:
            inside = inside.setdefault(parent, {})
            assert isinstance(inside, dict), f"{name!r} is inside a value"
        assert leaf not in inside, f"{name!r} is there twice"
        inside[leaf] = value
    return document


def test_a_log_call_is_this_line(event: Make, read: Read) -> None:
    line = JsonFormat(style="ecs", node="web-1").format(event())

    assert line == (
        b'{"@timestamp":"2017-07-14T02:40:00.123Z","log.level":"info","message":"order placed","ecs.version":"8.11.0",'
        b'"log.logger":"shop.cart","log.origin.file.name":"cart.py","log.origin.file.line":120,'
        b'"log.origin.function":"Cart.add","process.pid":1234,"host.name":"web-1","process.thread.name":"MainThread",'
        b'"qty":2,"price":12.5,"tags_":["a",null,true],"note":"zw\xc3\xb6lf"}'
    )
    check_ecs(read(line))


def test_an_exception_is_told_as_ecs_tells_errors(event: Make, read: Read) -> None:
    failed = event(level=40, fields={"qty": 2}, error=Failure("acme.Broken", "no", "Traceback\nacme.Broken: no"))

    line = JsonFormat(style="ecs", node="web-1").format(failed)

    assert line.endswith(
        b'"qty":2,"error.type":"acme.Broken","error.message":"no","error.stack_trace":"Traceback\\nacme.Broken: no"}'
    )
    check_ecs(read(line))


def test_a_telemetry_event_is_an_action(event: Make, read: Read) -> None:
    measured = event(
        name="shop.paid",
        message="",
        fields={},
        measurements={"amount": 3, "duration": 1.5},
        metadata={"currency": "EUR"},
    )

    line = read(JsonFormat(style="ecs").format(measured))

    assert (line["event.action"], line["message"]) == ("shop.paid", "shop.paid")
    assert (line["currency"], line["amount"], line["duration"]) == ("EUR", 3, 1.5)
    assert "log.logger" not in line
    check_ecs(line)


def test_a_span_that_fails_tells_how_long_it_took_and_why(river: Any, read: Read) -> None:
    lines = river(style="ecs")
    with pytest.raises(ZeroDivisionError), penstock.span("db.query", table="orders"):
        raise ZeroDivisionError("no orders")

    start, failed = (read(data) for data in lines.data)

    assert (start["event.action"], failed["event.action"]) == ("db.query.start", "db.query.exception")
    assert failed["event.duration"] > 0
    assert "duration" not in failed
    assert (failed["error.type"], failed["error.message"]) == ("ZeroDivisionError", "no orders")
    assert "reason" not in failed
    assert failed["table"] == "orders"
    check_ecs(start)
    check_ecs(failed)


def test_a_span_is_told_as_such_even_where_its_keys_are_known_from_log_calls(river: Any, read: Read) -> None:
    lines = river(style="ecs")
    penstock.get_logger("app").info("before", duration=1, monotonic_time=2, telemetry_span_context=3, table="orders")
    with penstock.span("db.query", table="orders"):
        pass

    log, _, stop = (read(data) for data in lines.data)

    assert log["duration"] == 1
    assert "event.duration" in stop
    assert "duration" not in stop


def test_log_calls_and_telemetry_of_one_name_and_place_are_told_apart(event: Make, read: Read) -> None:
    formatter, site = JsonFormat(style="ecs"), Site("", "", "", 0)
    for _ in range(2):  # either may be the first
        assert "log.logger" not in read(formatter.format(event(site=site, measurements={}, metadata={})))
        assert "log.logger" in read(formatter.format(event(site=site)))


def test_known_fields_get_their_names_in_ecs(event: Make, read: Read) -> None:
    fields = {
        "trace_id": "4bf92f35",
        "span_id": "00f067aa",
        "transaction.id": "11aa",
        "http": {"version": "1.1", "request": {"method": "GET", "referrer": "https://a.example/"}},
        "http_response_status_code": 200,
        "url_path": "/cart",
        "client_ip": "2001:db8::1",
        "user_agent_original": "curl/8",
        "service": "shop",
        "error": "out of stock",
        "event.action": "sold",
    }

    line = read(JsonFormat(style="ecs").format(event(fields=fields)))

    assert dict(list(line.items())[11:]) == {
        "trace.id": "4bf92f35",
        "span.id": "00f067aa",
        "transaction.id": "11aa",
        "http.version": "1.1",
        "http.request.method": "GET",
        "http.request.referrer": "https://a.example/",
        "http.response.status_code": 200,
        "url.path": "/cart",
        "client.ip": "2001:db8::1",
        "user_agent.original": "curl/8",
        "service.name": "shop",
        "error.message": "out of stock",
        "event.action": "sold",
    }
    check_ecs(line)


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("user", "u-1", "user_"),
        ("host", "db-1", "host_"),
        ("message", "mine", "message_"),
        ("host.name", "mine", "host.name_"),
        ("log", {"level": "mine"}, "log.level_"),
        ("error.type", "mine", "error.type"),
        ("client_ip", "nobody", "client_ip"),
        ("client.ip", "nobody", "client.ip_"),
        ("http_response_status_code", "OK", "http_response_status_code"),
        ("http.version.major", 1, "http_version_major"),
        ("log.origin", "mine", "log.origin_"),
        ("process.pid.mine", 1, "process_pid_mine"),
        ("tags", ["a", "b"], "tags"),
        ("tags", [1], "tags_"),
        ("labels", "red", "labels_"),
        ("_id", 7, "_id_"),
        ("", 7, "_"),
        ("a..b", 7, "a__b"),
        ("user.", 7, "user_"),
    ],
)
def test_a_field_of_the_wrong_shape_is_kept_under_another_name(
    key: str, value: object, name: str, event: Make, read: Read
) -> None:
    line = read(JsonFormat(style="ecs").format(event(fields={key: value, "qty": 2})))

    assert line[name] == (value["level"] if isinstance(value, dict) else value)
    assert line["qty"] == 2
    check_ecs(line)


def test_an_exception_keeps_its_names_against_fields(event: Make, read: Read) -> None:
    fields = {"error": "mine", "error.type": "Mine", "error.message.more": 1, "error.code": "E1"}

    line = read(JsonFormat(style="ecs").format(event(fields=fields, error=Failure("Broken", "no", "T"))))

    assert {key: value for key, value in line.items() if key.startswith("error")} == {
        "error.message_": "mine",
        "error.type_": "Mine",
        "error_message_more": 1,
        "error.code": "E1",
        "error.type": "Broken",
        "error.message": "no",
        "error.stack_trace": "T",
    }
    check_ecs(line)


def test_fields_that_want_one_place_are_all_kept(event: Make, read: Read) -> None:
    formatter = JsonFormat(style="ecs", node=False)
    fields = {
        "user": "a",
        "user_": "b",
        "user.name": "c",
        "user.name.first": "d",
        "geo": 1,
        "user.id.x": 2,
        "user.id": 3,
    }

    for _ in range(2):
        line = read(formatter.format(event(fields=fields)))

        assert dict(list(line.items())[10:]) == {
            "user__": "a",
            "user_": "b",
            "user.name": "c",
            "user_name_first": "d",
            "geo": 1,
            "user.id.x": 2,
            "user.id_": 3,
        }
        check_ecs(line)


def test_an_object_without_an_end_costs_no_line(event: Make, read: Read) -> None:
    user: dict[str, object] = {}
    user["again"] = user

    line = read(JsonFormat(style="ecs").format(event(fields={"user": user, "qty": 2})))

    assert line["qty"] == 2
    check_ecs(line)


def test_labels_hold_texts_and_numbers_under_names_without_dots(event: Make, read: Read) -> None:
    labels = {"app.version": "1.0", "a*b\\c": 2, "nested": {"x": [1]}}

    line = read(JsonFormat(style="ecs").format(event(fields={"labels": labels})))

    assert line["labels"] == {"app_version": "1.0", "a_b_c": 2, "nested": '{"x":[1]}'}
    check_ecs(line)


def test_two_labels_that_become_one_name_are_both_kept(event: Make, read: Read) -> None:
    line = read(JsonFormat(style="ecs").format(event(fields={"labels": {"a.b": 1, "a_b": 2, "a*b": 3}})))

    assert sorted(line["labels"].values()) == [1, 2, 3]
    check_ecs(line)


def test_a_place_that_is_not_known_is_left_out(event: Make, read: Read) -> None:
    line = read(JsonFormat(style="ecs", node=False).format(event(site=Site("", "", "", 0), pid=0)))

    assert list(line)[:6] == ["@timestamp", "log.level", "message", "ecs.version", "log.logger", "process.thread.name"]
    check_ecs(line)


def test_the_level_is_also_told_as_rfc_5424_says(event: Make, read: Read) -> None:
    line = read(
        JsonFormat(style="ecs", severity="both").format(event(level=60, fields={"log.syslog.severity.code": 9}))
    )

    assert (line["log.level"], line["log.syslog.severity.code"]) == ("alert", 1)
    assert line["log.syslog.severity.code_"] == 9
    check_ecs(line)


def test_fields_can_be_renamed_to_names_of_ecs(event: Make, read: Read) -> None:
    formatter = JsonFormat(
        style="ecs", rename={"status": "http.response.status_code", "user": "user.name"}, exclude=["host.name"]
    )

    line = read(formatter.format(event(fields={"status": 200, "user": "ada"})))

    assert (line["http.response.status_code"], line["user.name"]) == (200, "ada")
    assert "host.name" not in line
    check_ecs(line)


NASTY_KEYS = [
    "@timestamp", "message", "log", "log.level", "log.logger", "log.origin", "log.origin.file", "log_level",
    "ecs", "ecs.version", "error", "error.type", "error.type.x", "error_type", "event", "event.action",
    "event.duration", "host", "host.name", "host.name_", "host_", "http", "http.request",
    "http.request.method", "http_request_method", "http.response.status_code", "client", "client.ip",
    "client_ip", "user", "user_", "user.name", "user.name.x", "trace", "trace_id", "trace.id", "trace.id_",
    "labels", "labels.x", "tags", "tags_", "service", "service.name", "service_name", "duration", "reason",
    "telemetry_span_context", "_id", "_id_", ".", "a.", "process.pid", "process.thread", "",
]  # fmt: skip
NASTY = st.sampled_from(NASTY_KEYS)
KEYS = NASTY | st.text(max_size=5)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.just("192.0.2.1")
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NASTY | st.sampled_from(["type", "message", "stack", "id", "name"]), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = st.dictionaries(KEYS, VALUES, max_size=6)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=FIELDS, metadata=FIELDS, telemetry=st.booleans(), failed=st.booleans())
def test_whatever_the_fields_the_line_is_ecs_and_no_value_is_lost(
    event: Make, read: Read, fields: Any, metadata: Any, telemetry: bool, failed: bool
) -> None:
    shown = event(
        fields=fields,
        measurements=metadata if telemetry else None,
        metadata={"telemetry_span_context": 1} if telemetry else None,
        error=Failure("Broken", "no", "T") if failed else None,
    )

    line = read(FORMAT.format(shown))

    check_ecs(line)
    texts = [value for value in shown.merged().values() if type(value) is str]
    assert all(text in line.values() for text in texts)


FORMAT = JsonFormat(style="ecs", node="web-1")  # one for all examples: what it learned of keys must not mislead it
