"""A plan makes every component once, and knows all that is wrong before anything is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

import penstock
from penstock.errors import ConfigError
from penstock.event import Event
from penstock.testing import RecordingSink
from penstock.types import Record

RECORDING = "python:penstock.testing:RecordingSink"
AUDIT = "python:hard_sinks:Audit"


class Keep:
    """A sink that keeps its records."""

    def __init__(self) -> None:
        self.got: list[Record] = []

    def write(self, batch: Sequence[Record], /) -> None:
        self.got += batch


class Odd(Keep):
    """A sink whose class says nonsense about delivery."""

    delivery: ClassVar[Any] = "inline"


class Spooling(RecordingSink):
    """A network sink, which wants a spool unless it is told otherwise."""

    delivery: ClassVar[dict[str, object]] = {"spool": "1 MB"}


KEEP = f"python:{__name__}:Keep"


def problems(**document: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        penstock.configure(document)
    return [f"{problem.code} {problem.path}" for problem in caught.value.problems if not problem.warns]


def test_fallbacks_that_go_round_are_a_problem() -> None:
    def sink(fallback: str) -> dict[str, Any]:
        return {"type": RECORDING, "delivery": {"fallback": fallback}}

    assert problems(sink={"a": sink("b"), "b": sink("a"), "c": sink("c")}) == [
        "cycle sink.a.delivery.fallback",
        "cycle sink.b.delivery.fallback",
        "cycle sink.c.delivery.fallback",
    ]


def test_a_sink_that_takes_events_cannot_be_queued() -> None:
    audit = {"type": "python:hard_sinks:Audit", "delivery": {"mode": "queued"}}

    assert problems(sink={"audit": audit}) == ["invalid-value sink.audit.delivery.mode"]


def test_what_has_no_effect_is_a_warning_where_it_was_asked_for_and_not_where_the_class_brings_it() -> None:
    delivery = {"mode": "inline", "spool": "256 MB", "sync": "error"}
    spooling = {"type": f"python:{__name__}:Spooling", "delivery": {"mode": "inline"}}
    runtime = penstock.configure(
        {
            "sink": {"x": {"type": RECORDING, "delivery": delivery}, "y": spooling},
            "pipeline": {"a": {"sink": "x"}, "b": {"sink": "y"}},
        }
    )

    assert {problem.path: problem.warns for problem in runtime.problems} == {
        "sink.x.delivery.spool": True,
        "sink.x.delivery.sync": True,
    }


def test_a_mistake_in_always_is_a_problem() -> None:
    assert problems(
        emit={"d": {"type": "python:hard_sinks:Digest", "always": "yes"}}, pipeline={"a": {"sink": "last-resort"}}
    ) == ["invalid-value emit.d.always"]


@pytest.mark.parametrize(("first", "second"), [(AUDIT, KEEP), (KEEP, AUDIT)])
def test_a_fallback_has_to_take_what_the_sink_takes(first: str, second: str) -> None:
    sinks = {"x": {"type": first, "delivery": {"fallback": "y"}}, "y": {"type": second}}

    assert problems(sink=sinks) == ["invalid-value sink.x.delivery.fallback"]


@pytest.mark.parametrize("kind", [AUDIT, KEEP])
def test_a_sink_that_cannot_be_made_takes_what_its_fallback_takes(kind: str) -> None:
    sinks = {"x": {"type": "nonsense", "delivery": {"fallback": "y"}}, "y": {"type": kind}}
    runtime = penstock.configure({"sink": sinks, "pipeline": {"a": {"sink": "x", "match": ["shop"]}}})
    penstock.get_logger("shop").info("hello")

    sink = runtime._graph.sinks["y"].sink.sink
    assert [type(one) for one in (sink.events if kind == AUDIT else sink.got)] == [Event if kind == AUDIT else Record]
    assert penstock.ledger()["y"].delivered == 1
    assert penstock.ledger()["x"].diverted == 1


def test_a_delivery_that_is_no_table_is_a_problem() -> None:
    assert problems(sink={"x": {"type": AUDIT, "delivery": "inline"}}) == ["invalid-value sink.x.delivery"]

    runtime = penstock.configure({"sink": {"x": {"type": f"python:{__name__}:Odd"}}, "pipeline": {"a": {"sink": "x"}}})
    assert [problem.path for problem in runtime.problems] == ["sink.x.delivery"]


def test_a_pipeline_without_any_of_the_declared_redactors_is_a_warning_not_an_error() -> None:
    tables: dict[str, Any] = {"sink": {"k": {"type": KEEP}}, "pipeline": {"a": {"sink": "k", "redact": []}}}
    assert penstock.configure(tables, strict=True).problems == []

    runtime = penstock.configure({**tables, "redact": {"hide": {"type": "python:hard_sinks:Hide"}}}, strict=True)
    assert [(problem.code, problem.path) for problem in runtime.problems] == [("no-redaction", "pipeline.a.redact")]
