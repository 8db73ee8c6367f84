"""Components are made once where they are shared, and anew where each use has one of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.assembly.components import Components, gate_of
from penstock.assembly.config import Config
from penstock.assembly.plugins import Plugins
from penstock.assembly.structure import Structurer
from penstock.river.format import PlainFormat


class Nothing:
    """Has no method of any kind."""


class Clock:
    """A source."""

    def start(self, emit: Any, /) -> None:
        """Never ticks."""


class Gate:
    """A stage that says what to count."""

    gate: Any = "sampled"

    def emit(self, event: Any, /) -> Any:
        """Stop everything."""


def components(**tables: Any) -> Components:
    return Components(Config(**tables), Plugins(), Structurer(Path()))


HIDE = {"type": "python:hard_sinks:Hide"}
DIGEST = {"type": "python:hard_sinks:Digest"}


def test_redactors_and_formats_are_shared_stages_are_not() -> None:
    made = components(redact={"hide": HIDE}, emit={"digest": DIGEST})

    assert made.redactor("hide", ()) is made.redactor("hide", ())
    assert made.format("plain", ()) is made.format("plain", ())
    assert made.stage("digest", ()) is not made.stage("digest", ())
    assert made.problems == []


def test_options_reach_the_component_and_the_cores_own_do_not() -> None:
    made = components(sink={"chat": {"type": "python:hard_sinks:Chat", "wait": 2.5, "level": "error", "delivery": {}}})

    assert made.make("sink", "chat", ()).wait == 2.5
    assert made.problems == []


def test_a_component_that_two_name_has_its_problem_once() -> None:
    made = components(emit={"digest": {**DIGEST, "aftre": 1}})
    made.stage("digest", ())
    made.stage("digest", ())

    assert [(problem.path, problem.hint) for problem in made.problems] == [
        ("emit.digest.aftre", "did you mean 'after'?")
    ]


def test_a_class_without_options_refuses_them() -> None:
    made = components(sink={"x": {"type": "python:penstock.testing:RecordingSink", "a": 1}})
    made.make("sink", "x", ())

    assert [(problem.code, problem.path) for problem in made.problems] == [("unknown-key", "sink.x.a")]


def test_a_class_that_cannot_be_made_is_a_problem() -> None:
    made = components(sink={"x": {"type": "python:penstock.testing:FailingSink"}})

    assert made.make("sink", "x", ()) is None
    assert "cannot be made: TypeError" in str(made.problems[0])


def test_a_redactor_that_is_none_is_a_problem_that_cannot_be_done_without() -> None:
    made = components(redact={"x": {"type": "python:penstock.testing:RecordingSink"}, "y": {"type": "nonsense"}})
    made.redactor("x", ("redact", "x"))
    made.redactor("y", ("redact", "y"))

    assert [(problem.path, problem.degrades) for problem in made.problems] == [
        ("redact.x", False),
        ("redact.y.type", False),
    ]


def test_a_format_that_cannot_be_made_is_the_plain_one() -> None:
    made = components(format={"x": {"type": "nonsense"}})

    assert isinstance(made.format("x", ()), PlainFormat)
    assert made.problems[0].degrades


def test_a_name_that_leads_nowhere_lists_where_it_could() -> None:
    made = components(sink={"console": {"type": "last-resort"}})
    made.make("sink", "consle", ("pipeline", "a", "sink"))

    assert str(made.problems[0]) == "pipeline.a.sink: there is no sink 'consle'; did you mean 'console'?"


@pytest.mark.parametrize(
    ("kind", "method"), [("emit", "emit(event)"), ("format", "format(event)"), ("sink", "write(batch)")]
)
def test_a_class_without_the_method_of_its_kind_is_a_problem_that_can_be_done_without(kind: str, method: str) -> None:
    made = components(**{kind: {"x": {"type": f"python:{__name__}:Nothing"}}})

    assert made.make(kind, "x", ()) is None
    assert [(problem.code, problem.path, problem.text, problem.degrades) for problem in made.problems] == [
        ("invalid-value", f"{kind}.x", f"the class has no {method}", True)
    ]


def test_a_source_needs_no_emit() -> None:
    made = components(emit={"x": {"type": f"python:{__name__}:Clock"}})

    assert isinstance(made.stage("x", ()), Clock)
    assert made.problems == []


@pytest.mark.parametrize("gate", ["throttled", 3, ["filter"]])
def test_a_gate_that_nothing_counts_is_a_problem_and_counts_as_filter(
    gate: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = components(emit={"x": {"type": f"python:{__name__}:Gate"}})
    assert gate_of(made.stage("x", ())) == "sampled"
    assert made.problems == []

    monkeypatch.setattr(Gate, "gate", gate)
    assert gate_of(made.stage("x", ())) == "filter"
    assert [(problem.path, problem.degrades) for problem in made.problems] == [("emit.x", True)]
