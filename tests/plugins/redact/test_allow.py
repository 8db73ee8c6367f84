"""What is not listed does not leave: whatever it is called, wherever it stands, however the event was made."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock
from penstock_redact.allow import AllowRedactor
from penstock_redact.paths import matches, parse_path, reach

SECRET = "hunter2-" + "s3cr3t"
ALWAYS = {"time", "severity", "message", "event", "logger", "module", "function", "line", "pid", "node", "thread"}


@dataclass
class Order:
    id: int
    buyer: str


def told(line: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(line)
    return {key: value for key, value in shown.items() if key not in ALWAYS}


def test_only_listed_fields_leave_whatever_part_of_the_event_they_are_in(river: Callable[..., Any]) -> None:
    out = river(only={"type": "allow", "fields": ["order", "n", "request"]})
    log = penstock.get_logger("app")
    with penstock.context(request="r-1", customer=SECRET):
        log.bind(shop=SECRET).info(f"sold to {SECRET}", order=7, buyer=SECRET)
        penstock.execute("shop.sold", {"n": 2, "price": 5}, {"order": 8, "buyer": SECRET})

    assert SECRET not in "".join(out.lines)
    assert [told(line) for line in out.lines] == [
        {"order": 7, "request": "r-1"},
        {"n": 2, "order": 8, "request": "r-1"},
    ]
    assert json.loads(out.lines[0])["message"] == "[redacted]"


def test_of_an_exception_the_type_leaves(river: Callable[..., Any]) -> None:
    out = river(sink="Events", only={"type": "allow", "fields": ["a"]})
    try:
        raise ValueError(SECRET) from KeyError(SECRET)
    except ValueError:
        penstock.get_logger("app").exception("failed")

    error = out.events[-1].error
    assert (error.type, error.message, error.stack) == ("ValueError", "[redacted]", "[redacted]")


def test_message_and_error_leave_if_they_are_listed_and_their_parts_do_not(river: Callable[..., Any]) -> None:
    out = river(
        sink="Events", capture=["logging"], only={"type": "allow", "fields": ["a"], "message": True, "error": True}
    )
    logging.getLogger("lib").warning("sold %s to %s", 2, "bob")
    try:
        raise ValueError("told")
    except ValueError:
        penstock.get_logger("app").exception("failed", b=SECRET)

    assert out.events[0].message == "sold 2 to bob"
    assert out.events[0].merged() == {}
    assert out.events[1].error.stack.endswith("ValueError: told")
    assert out.events[1].merged() == {}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (["order.id"], {"order": {"id": 1}}),
        (["orders.*.id"], {"orders": [{"id": 1}, {"id": 2}]}),
        (["orders.0"], {"orders": [{"id": 1, "buyer": SECRET}]}),
        (["**.id"], {"order": {"id": 1}, "orders": [{"id": 1}, {"id": 2}]}),
        (["user.name"], {}),
        (["Order", "ORDER", "orde", "order "], {}),
        ([r"a\.b"], {"a.b": 5}),
        (["a.b"], {}),
    ],
)
def test_of_a_field_that_is_listed_in_part_that_part_leaves(
    river: Callable[..., Any], fields: list[str], shown: dict[str, object]
) -> None:
    out = river(only={"type": "allow", "fields": fields})
    penstock.get_logger("app").info(
        "x",
        order=Order(1, SECRET),
        orders=[Order(1, SECRET), Order(2, SECRET)],
        user=SECRET,
        secret_names={SECRET: {}},
        **{"a.b": 5},
    )

    assert told(out.lines[-1]) == shown


def test_the_rest_is_masked_if_that_is_wanted(river: Callable[..., Any]) -> None:
    out = river(only={"type": "allow", "fields": ["order.id"], "action": "mask"})
    penstock.get_logger("app").info("x", order=Order(1, SECRET), user={"name": SECRET})

    assert told(out.lines[-1]) == {"order": {"id": 1, "buyer": "[redacted]"}, "user": "[redacted]"}


def test_what_is_secret_by_another_redactor_stays_hidden_though_it_is_listed(river: Callable[..., Any]) -> None:
    out = river(
        names={"type": "keys"},
        only={"type": "allow", "fields": ["order", "token", "note"]},
        shapes={"type": "patterns"},
    )
    penstock.get_logger("app").info("x", order={"password": SECRET}, token=SECRET, note=f"https://a:{SECRET}@host")

    assert SECRET not in out.lines[-1]


@pytest.mark.parametrize("broken", ["redact_path", "redact_part"])
def test_where_it_fails_nothing_leaves(river: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def fail(self: object, about: object, /) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(AllowRedactor, broken, fail)
    out = river(only={"type": "allow", "fields": ["order"], "message": True, "error": True})
    try:
        raise ValueError(SECRET)
    except ValueError:
        penstock.get_logger("app").exception(SECRET if broken == "redact_part" else "x", b={"c": [SECRET]})

    assert SECRET not in out.lines[-1] or broken == "redact_path"
    assert "[redaction failed]" in out.lines[-1]
    assert "b" not in told(out.lines[-1]) or told(out.lines[-1])["b"] == "[redaction failed]"


segments = st.sampled_from(["a", "b", "*", "**"])


@given(
    st.lists(segments, min_size=1, max_size=4).map(".".join), st.lists(st.sampled_from("abc"), min_size=1, max_size=5)
)
def test_a_place_is_inside_if_it_or_one_around_it_is_listed(pattern: str, path: list[str]) -> None:
    parsed = parse_path(pattern)
    reached = reach(parsed, path)
    inside = any(matches(parsed, path[: end + 1]) for end in range(len(path)))
    below = [[*path, *more] for more in ([], ["a"], ["b"], ["a", "b"], ["b", "a"], ["a", "a"], ["b", "b"])]

    assert (reached == "inside") is inside
    if reached == "outside":
        assert not any(matches(parsed, longer) for longer in below)


values = st.recursive(
    st.just(SECRET) | st.just(SECRET.encode()) | st.builds(Order, st.just(1), st.just(SECRET)),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "x", SECRET]), inner, max_size=2)
    ),
    max_leaves=6,
)


def test_no_value_under_another_name_leaves(river: Callable[..., Any]) -> None:
    out = river(only={"type": "allow", "fields": ["ok", "order.id", "**.fine"]})
    log = penstock.get_logger("app")

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
    @given(values, st.sampled_from(["order", "x", "okay", SECRET]))
    def emit(value: object, name: str) -> None:
        value = {"x": value} if name == "order" else value
        log.info(SECRET, ok=1, **{name: value})

        assert SECRET not in out.lines[-1]
        assert told(out.lines[-1])["ok"] == 1

    emit()


def test_a_wrong_place_is_told() -> None:
    with pytest.raises(penstock.ConfigError, match="empty segment"):
        penstock.configure(
            {
                "redact": {"only": {"type": "allow", "fields": ["a..b"]}},
                "sink": {"out": {"type": "stderr"}},
                "pipeline": {"all": {"sink": "out"}},
            },
            strict=True,
        )
