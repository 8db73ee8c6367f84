"""Known: fields that mean the same in every program, and what Elastic calls them; a key and a value in, that name or
None out; any thread; it does not fail.

A field is known by its name in the Elastic Common Schema, with dots or, as in a call, with underscores:
``http.request.method``, ``http_request_method``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_address
from typing import Final


def _text(value: object) -> bool:
    return type(value) is str


def _whole(value: object) -> bool:
    return type(value) is int


def _address(value: object) -> bool:
    try:
        return _text(value) and bool(ip_address(str(value)))
    except ValueError:
        return False


# The types of ECS 8.11: keyword and wildcard are texts, long a whole number, ip an address.
# https://www.elastic.co/guide/en/ecs/8.11/ecs-field-reference.html
FIELDS: Final[Mapping[str, Callable[[object], bool]]] = {
    "client.ip": _address,
    "error.message": _text,
    "error.stack_trace": _text,
    "error.type": _text,
    "event.action": _text,
    "event.duration": _whole,
    "host.name": _text,
    "http.request.method": _text,
    "http.request.referrer": _text,
    "http.response.status_code": _whole,
    "http.version": _text,
    "log.syslog.severity.code": _whole,
    "service.name": _text,
    "span.id": _text,
    "trace.id": _text,
    "transaction.id": _text,
    "url.path": _text,
    "user_agent.original": _text,
}
NAMES: Final[Mapping[str, str]] = {
    **{name: name for name in FIELDS},
    **{name.replace(".", "_"): name for name in FIELDS},
}
"""What a field may be called, and its name in ECS."""


def known_as(key: str, value: object) -> str | None:
    """Return the ECS name of the field *key*, or None if it is not known or *value* does not fit.

    Example:
        >>> known_as("http_request_method", "GET")
        'http.request.method'
        >>> known_as("http_response_status_code", "OK")
    """
    name = NAMES.get(key)
    return name if name is not None and FIELDS[name](value) else None


def take_known(fields: Mapping[str, object], names: Collection[str]) -> tuple[Mapping[str, object], dict[str, object]]:
    """Return *fields* without those that are known as one of *names*, and these by that name; the first wins.

    Example:
        >>> take_known({"trace_id": "abc", "qty": 2}, {"trace.id"})
        ({'qty': 2}, {'trace.id': 'abc'})
    """
    known: dict[str, object] = {}
    if NAMES.keys().isdisjoint(fields):
        return fields, known
    rest: dict[str, object] = {}
    for key, value in fields.items():
        name = known_as(key, value)
        if name is not None and name in names and name not in known:
            known[name] = value
        else:
            rest[key] = value
    return rest, known
