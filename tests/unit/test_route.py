"""Why a pipeline takes an event or does not, and what each sink would get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import tooling
from penstock.assembly.cases import EventTable
from penstock.assembly.config import read_document
from penstock.assembly.route import EventError, Route, event_of, route
from penstock.assembly.trial import Trial
from penstock.levels import NAMES
from penstock.units import Level
from trials import FAR, document


def routed(table: dict[str, Any], **event: Any) -> Route:
    found = read_document(table, None)
    assert found is not None
    return route(found, event_of({"name": "shop.sold", **event}))


def reasons(found: Route, pipeline: str = "all") -> list[tuple[str, bool, str]]:
    (one,) = [one for one in found.pipelines if one.name == pipeline]
    return [(decision.by, decision.passed, decision.text) for decision in one.decisions]


def piped(**pipeline: Any) -> dict[str, Any]:
    table = document()
    table["pipeline"]["all"] |= pipeline
    return table


@pytest.mark.parametrize(
    ("match", "passed", "text", "keys"),
    [
        ([], True, "every name matches", ("pipeline", "all")),
        (["web.**", "shop.*"], True, "shop.sold matches 'shop.*'", ("pipeline", "all", "match", 1)),
        (["shop.**", "!*.sold"], False, "shop.sold is excluded by '!*.sold'", ("pipeline", "all", "match", 1)),
        (["!web.**"], True, "shop.sold is not excluded", ("pipeline", "all", "match")),
        (["web.**", "a"], False, "shop.sold matches none of 'web.**', 'a'", ("pipeline", "all", "match")),
    ],
)
def test_a_pattern_is_the_reason(match: list[str], passed: bool, text: str, keys: tuple[Any, ...]) -> None:
    (found, *_) = routed(piped(match=match)).pipelines[0].decisions

    assert (found.by, found.passed, found.text, found.keys) == ("match", passed, text, keys)


def test_each_level_that_has_a_say_is_a_reason() -> None:
    table = piped(level="error") | {"level": "trace", "levels": {"shop": "warning", "shop.web": "trace"}}
    table["sink"]["far"]["level"] = "critical"
    (one,) = routed(table, level="warning").pipelines

    assert [(decision.passed, decision.text, decision.keys) for decision in one.decisions[1:]] == [
        (True, "warning reaches warning, the level of 'shop' in [levels]", ("levels", "shop")),
        (False, "warning is below error, the level of the pipeline", ("pipeline", "all", "level")),
        (False, "warning is below critical, the level of the sink 'far'", ("sink", "far", "level")),
    ]
    assert not one.takes


@pytest.mark.parametrize(("table", "whose"), [({}, "the default level"), ({"level": "info"}, "the level of the file")])
def test_a_pipeline_without_a_level_has_that_of_the_file(table: dict[str, Any], whose: str) -> None:
    assert reasons(routed(document(**table), level="debug"))[-1] == ("level", False, f"debug is below info, {whose}")


def test_a_more_generous_entry_of_levels_hides_the_level_of_the_file() -> None:
    found = routed(document(level="error", levels={"shop": "debug"}), level="info")

    assert found.pipelines[0].takes
    assert reasons(found)[-1] == ("level", True, "info reaches debug, the level of 'shop' in [levels]")


def test_the_stage_that_stopped_it_is_the_reason() -> None:
    table = piped(emit=["calm"]) | {"emit": {"calm": {"type": "python:trials:Burst", "burst": 2}}}
    first, third = routed(table), routed(table, times=3)

    assert reasons(first)[-1] == ("stage", True, "passes 'calm'")
    assert reasons(third)[-1] == ("stage", False, "stopped by 'calm' (rate_limited)")
    assert third.pipelines[0].decisions[-1].keys == ("emit", "calm")
    assert [len(sink.records) for sink in third.sinks] == [2, 0]


def test_behind_a_stage_for_all_events_its_event_decides() -> None:
    table = piped(level="error") | {"emit": {"louder": {"type": "python:trials:Louder", "always": True}}}
    table["pipeline"]["some"] = {"sink": "near"}  # without one that wants it, no mouth would emit it
    found = routed(table)

    assert reasons(found)[0] == ("stage", True, "passes 'louder'")
    assert reasons(found)[-1] == ("level", True, "error reaches error, the level of the pipeline")
    assert [one.takes for one in found.pipelines] == [True, True]


NAMES_OF_EVENTS = st.sampled_from(["shop", "shop.sold", "shop.web.paid", "web"])
PATTERNS = st.lists(st.sampled_from(["shop", "shop.*", "shop.**", "**", "web", "!shop.sold", "!web"]), max_size=3)
LEVELS = st.sampled_from(NAMES)


@settings(max_examples=60, deadline=None)
@given(
    NAMES_OF_EVENTS,
    LEVELS,
    PATTERNS,
    st.none() | LEVELS,
    st.none() | LEVELS,
    st.dictionaries(NAMES_OF_EVENTS, LEVELS, max_size=2),
    LEVELS,
)
def test_the_reasons_say_what_the_river_does(
    name: str, level: str, match: list[str], own: str | None, sink: str | None, levels: dict[str, str], default: str
) -> None:
    table = document(level=default, levels=levels)
    table["pipeline"]["all"] |= {"match": match, **({} if own is None else {"level": own})}
    table["sink"]["far"] |= {} if sink is None else {"level": sink}
    found = read_document(table, None)
    assert found is not None
    way = route(found, EventTable(name=name, level=Level(level)))
    river = Trial(found).graph.river

    (decided,) = way.pipelines
    assert decided.takes == river.takes(river.pipelines[0], name, way.event.level)
    assert [len(one.records) for one in way.sinks] == [int(decided.takes), 0]


def test_behind_each_reason_stands_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        'level = "info"\n[sink.out]\ntype = "last-resort"\n[pipeline.all]\nlevel = "error"\nsink = "out"\n'
    )
    way = tooling.route({"name": "a"}, tmp_path / "p.toml")
    where = way.pipelines[0].decisions[-1].where

    assert (where.file, where.line, where.column, where.text) == (str(tmp_path / "p.toml"), 5, 1, 'level = "error"')


def test_a_sink_that_takes_events_would_get_an_object() -> None:
    table = {"sink": {"audit": {"type": "python:trials:Listener"}}, "pipeline": {"all": {"sink": "audit"}}}
    (sink,) = routed(table, measurements={"amount": 12.5}, level="info", error="E").sinks

    assert json.loads(sink.records[0]) == {
        "name": "shop.sold",
        "level": "info",
        "measurements": {"amount": 12.5},
        "error": "E",
    }


def test_a_sink_that_could_not_be_made_is_told() -> None:
    table = document()
    table["sink"]["far"]["type"] = "python:no_such_module:Sink"
    way = routed(table)

    assert [(one.name, one.made, len(one.records)) for one in way.sinks] == [("far", False, 0), ("near", True, 1)]
    assert [problem.code for problem in way.problems] == ["plugin-load-failed"]


def test_the_time_is_now_unless_the_event_says_otherwise() -> None:
    table = {"sink": {"out": {"type": FAR}}, "pipeline": {"all": {"sink": "out"}}}

    assert b"2026-03-01T10:00:00.000Z" in routed(table, time="2026-03-01T10:00:00Z").sinks[0].records[0]
    assert routed(table).event.time_ns > 1_772_359_200_000_000_000


@pytest.mark.parametrize(
    ("given", "path"),
    [({}, ""), ({"name": 1}, "name"), ({"name": "a", "levl": "x"}, "levl"), ({"name": "a", "level": "x"}, "level")],
)
def test_what_is_no_event_is_refused(given: dict[str, Any], path: str) -> None:
    with pytest.raises(EventError) as caught:
        event_of(given)

    assert [problem.path for problem in caught.value.problems] == [path]
