"""The way of one event: in order, counted, and contained."""

from __future__ import annotations

from typing import Any

from penstock.event import Event
from penstock.ledger import PipelineAccount, PipelineLedger
from penstock.levels import NOTHING
from penstock.river import pipeline as pipeline_module
from penstock.river.match import build_match
from penstock.river.pipeline import Levels, Pipeline, River, as_it_is, build_pipeline, shared


class Stage:
    def __init__(self, result: Any) -> None:
        self.result = result
        self.seen: list[Event] = []

    def emit(self, event: Event, /) -> Event | None:
        self.seen.append(event)
        result: Event | None = self.result(event)
        return result


def built(*stages: Any, make: Any = lambda event: event) -> tuple[Any, list[Any], list[Event], PipelineAccount]:
    delivered: list[Any] = []
    lost: list[Event] = []
    account = PipelineAccount("all")
    reasons = [(stage, "sampled") for stage in stages]
    carry = build_pipeline(reasons, as_it_is, make, delivered.append, lost.append, account, lambda stage, resume: True)
    return carry, delivered, lost, account


def test_stages_run_in_order_and_each_sees_what_the_one_before_made() -> None:
    first = Stage(lambda event: event.replace(message=event.message + "1"))
    second = Stage(lambda event: event.replace(message=event.message + "2"))
    carry, delivered, _, account = built(first, second)

    carry(Event("e", "0"))

    assert [event.message for event in delivered] == ["012"]
    assert second.seen[0].message == "01"
    assert account.read() == PipelineLedger(1, {}, 1)


def test_what_a_stage_stops_is_gated_for_its_reason() -> None:
    carry, delivered, _, account = built(Stage(lambda event: None))

    carry(Event("e"))

    assert delivered == []
    assert account.read() == PipelineLedger(1, {"sampled": 1}, 0)


def test_a_stage_that_raises_lets_the_event_pass() -> None:
    carry, delivered, _, account = built(Stage(lambda event: 1 / 0))
    event = Event("e")

    carry(event)

    assert delivered == [event]
    assert account.read().balanced


def test_a_stage_that_cannot_be_opened_is_left_out() -> None:
    stage = Stage(lambda event: None)
    delivered: list[Any] = []
    account = PipelineAccount("all")
    carry = build_pipeline(
        [(stage, "filter")], as_it_is, as_it_is, delivered.append, print, account, lambda stage, resume: False
    )
    carry(Event("e"))

    assert len(delivered) == 1


def test_an_event_of_which_nothing_can_be_made_is_lost_by_count() -> None:
    def broken(event: Event) -> Any:
        raise MemoryError

    carry, delivered, lost, account = built(make=broken)
    carry(Event("e"))

    assert (len(delivered), len(lost)) == (0, 1)
    assert account.read() == PipelineLedger(1, {}, 1)


def test_an_event_is_redacted_then_rendered() -> None:
    delivered: list[Any] = []
    carry = build_pipeline(
        [],
        lambda event: event.replace(message="***"),
        lambda event: (event.message.encode(), 40, "e", 7, "plain"),
        delivered.append,
        print,
        PipelineAccount("all"),
        lambda stage, resume: True,
    )
    carry(Event("e", "secret"))

    assert delivered == [(b"***", 40, "e", 7, "plain")]


def test_what_is_shared_is_made_once_for_an_event_and_again_for_a_changed_one() -> None:
    calls: list[Any] = []
    render: Any = lambda event: calls.append(event) or len(calls)  # noqa: E731
    make: Any = shared(as_it_is, render)
    event = Event("e")

    assert (make(event), make(event), make(event.replace(level=40))) == (1, 1, 2)


def river(
    *pipelines: dict[str, Any], default: int = 20, names: dict[str, int] | None = None
) -> tuple[River, list[Any]]:
    got: list[Any] = []

    def pipeline(number: int, table: dict[str, Any]) -> Pipeline:
        account = PipelineAccount(str(number))
        made: Any = lambda event: (number, event)  # noqa: E731
        carry = build_pipeline([], as_it_is, made, got.append, print, account, lambda stage, resume: True)
        match = build_match(table.pop("match", []))
        return Pipeline(name=str(number), match=match, sink="out", carry=carry, account=account, **table)

    made = [pipeline(number, table) for number, table in enumerate(pipelines)]
    return River(made, Levels(default, names or {})), got


def test_an_event_goes_to_every_pipeline_that_wants_it_in_their_order() -> None:
    one, got = river({"match": ["a.**"]}, {}, {"match": ["b"]})
    one.carry(Event("a.x"))

    assert [number for number, _ in got] == [0, 1]


def test_a_pipeline_that_matches_but_for_the_level_counts_it_where_another_takes_the_event() -> None:
    one, _ = river({"level": 40}, {})
    one.carry(Event("a", level=20))

    assert one.pipelines[0].account.read() == PipelineLedger(1, {"level": 1}, 0)
    assert one.wants("a", 20)
    assert not one.wants("a", 10)


def test_the_threshold_is_the_lowest_of_those_that_match() -> None:
    one, _ = river({"level": 40}, {"match": ["a"], "level": 10}, names={"b": 50})

    assert (one.threshold("a"), one.threshold("x"), one.threshold("b.c")) == (10, 40, 50)
    assert River([], Levels(20)).threshold("a") == NOTHING
    assert one.lowest() == 40 or one.lowest() == 10


def test_a_pipeline_that_fails_does_not_stop_the_next() -> None:
    one, got = river({}, {})
    broken = one.pipelines[0]
    object.__setattr__(broken, "carry", lambda event: 1 / 0)
    one.carry(Event("a"))

    assert [number for number, _ in got] == [1]


def test_routes_are_remembered_within_bounds_and_forgotten_when_levels_change() -> None:
    one, got = river({})
    for number in range(pipeline_module._ROUTES + 10):
        one.wants(f"name.{number}", 20)
    assert len(one._routes) <= pipeline_module._ROUTES

    one.carry(Event("a", level=20))
    one.retune(Levels(40))
    one.carry(Event("a", level=20))

    assert len(got) == 1
