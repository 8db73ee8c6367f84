"""What a trial shows is what a river does, and the process never knows of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock
from penstock import tooling
from penstock.assembly.build import find_document
from penstock.assembly.cases import BEGIN_NS, EventTable, FailTable, How
from penstock.assembly.plugins import Plugins
from penstock.assembly.trial import Trial
from penstock.errors import ConfigError
from penstock.event import Event
from penstock.faults import fault_counts
from penstock.plugin import submit
from penstock.river.emit import slot
from penstock.testing import capture
from penstock.units import Duration, Level
from trials import FAR, document

SOLD = EventTable(name="shop.sold", message="sold")


def trial_of(table: dict[str, Any], **fail: Any) -> Trial:
    failing = {name: FailTable(how=cast("How", how)) if isinstance(how, str) else how for name, how in fail.items()}
    return Trial(find_document(table, None, Plugins()), failing)


def ran(table: dict[str, Any], *events: EventTable, **fail: Any) -> Trial:
    trial = trial_of(table, **fail)
    for event in events or (SOLD,):
        trial.emit(event)
    trial.end()
    assert trial.ledger().balanced
    assert all(account.pending == 0 for account in trial.ledger().values())
    return trial


def texts(trial: Trial, sink: str) -> list[str]:
    return [record.data.decode() for record in trial.received[sink]]


# -- what comes out ---------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(["token", "qty", "", "time", "a b", "note"]), VALUES, max_size=4)


@settings(max_examples=40, deadline=None)
@given(
    FIELDS,
    st.text(max_size=30),
    st.sampled_from(["info", "error"]),
    st.sampled_from(["console", "json", "telegram", "discord", "plain"]),
)
def test_a_recorder_gets_byte_for_byte_what_a_running_sink_gets(
    fields: dict[str, Any], message: str, level: str, format: str
) -> None:
    table = {
        "context": {"service": "shop"},
        "redact": {"keys": {"type": "keys", "keys": ["token"]}, "patterns": {"type": "patterns"}},
        "sink": {"out": {"type": "python:penstock.testing:RecordingSink", "delivery": {"mode": "inline"}}},
        "pipeline": {"all": {"sink": "out", "format": format}},
    }
    event = EventTable(name="shop.sold", level=Level(level), message=message, fields=fields)
    trial = ran(table, event)
    with tooling.configure(tooling.Document(table, None, Path())) as runtime:
        submit(event.event(runtime.static, BEGIN_NS))
        running = runtime._graph.sinks["out"].sink.sink.records

    assert trial.received["out"] == running
    assert len(running) == 1


def test_what_no_pipeline_wants_goes_nowhere() -> None:
    trial = ran(document(level="error"))

    assert trial.received == {"far": [], "near": []}
    assert trial.ledger().pipelines["all"].offered == 0


def test_what_nobody_wants_is_not_emitted_so_that_no_stage_makes_more_of_it() -> None:
    table = document(level="error", emit={"louder": {"type": "python:trials:Louder", "always": True}})

    assert ran(table).received["far"] == []
    assert len(ran(table, EventTable(name="a", level=Level("critical"))).received["far"]) == 1


def test_a_sink_that_takes_events_gets_the_redacted_event() -> None:
    table = {
        "redact": {"keys": {"type": "keys", "keys": ["token"]}},
        "sink": {"audit": {"type": "python:trials:Listener"}},
        "pipeline": {"all": {"sink": "audit"}},
    }
    (event,) = ran(table, EventTable(name="a", fields={"token": "abc", "qty": 2})).received["audit"]

    assert isinstance(event, Event)
    assert event.fields == {"token": "[redacted]", "qty": 2}


def test_a_reference_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = document()
    table["sink"]["far"]["token"] = {"env": "NO_SUCH_TOKEN"}
    assert texts(ran(table), "far")
    monkeypatch.setenv("NO_SUCH_TOKEN", "not-a-real-token")
    trial = trial_of(table)

    assert trial.plans["far"].sink.token == "…"


def test_a_configuration_that_cannot_run_is_refused_with_every_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        trial_of({"level": "loud", "sink": {"out": {"type": FAR}}, "pipeline": {"all": {"sink": "oot"}}})

    assert {problem.path for problem in caught.value.problems} == {"level", "pipeline.all.sink"}


# -- sinks that fail --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "reason"),
    [("unavailable", "too_old"), ("rejected", "rejected"), ("closed", "closed"), ("broken", "plugin_error")],
)
def test_when_a_queued_sink_fails_its_fallback_gets_it(how: str, reason: str) -> None:
    trial = ran(document(), far=how)

    assert [text[-15:] for text in texts(trial, "near")] == ["shop.sold: sold"]
    assert texts(trial, "far") == []
    assert trial.ledger()["far"].dropped == {reason: 1}


def test_when_an_inline_sink_fails_its_fallback_gets_it_at_once() -> None:
    table = document()
    table["sink"]["far"]["delivery"]["mode"] = "inline"
    trial = trial_of(table, far="unavailable")
    trial.emit(SOLD)

    assert len(trial.received["near"]) == 1
    assert trial.ledger()["far"].dropped == {"stalled": 1}


def test_a_sink_that_comes_back_gets_everything_once_and_in_order() -> None:
    events = [EventTable(name=f"shop.n{number}", after=Duration(number)) for number in range(5)]
    trial = ran(document(), *events, far=FailTable(how="unavailable", times=7))

    assert [record.name for record in trial.received["far"]] == [event.name for event in events]
    assert texts(trial, "near") == []
    assert trial.ledger()["far"].redelivered > 0


def test_down_a_chain_of_sinks_that_all_are_away_the_last_one_gets_it() -> None:
    table = document()
    for number in range(3):
        table["sink"][f"s{number}"] = {"type": FAR, "delivery": {"fallback": f"s{number + 1}" if number < 2 else "far"}}
    table["pipeline"] = {"all": {"sink": "s0"}}
    trial = ran(table, far="unavailable", s0="unavailable", s1="closed", s2="unavailable")

    assert len(trial.received["near"]) == 1
    assert trial.time_ns - BEGIN_NS >= 3 * 24 * 3_600 * 1_000_000_000  # three sinks had it for a day each


def test_a_caller_that_waits_for_room_waits_no_real_time() -> None:
    table = document()
    table["sink"]["far"]["delivery"] |= {"when_full": "block", "max_events": 1, "timeout": "1 h", "max_age": "1 min"}
    trial = ran(table, EventTable(name="a", times=4), far="unavailable")

    assert len(trial.received["near"]) == 4


def test_a_sink_whose_plugin_is_missing_is_missing_in_a_trial_too(capfd: pytest.CaptureFixture[str]) -> None:
    table = document()
    table["sink"]["far"]["type"] = "python:no_such_module:Sink"
    trial = ran(table)

    assert len(trial.received["near"]) == 1
    assert [problem.code for problem in trial.problems] == ["plugin-load-failed"]
    del table["sink"]["far"]["delivery"]
    trial = ran(table)
    assert len(trial.received["last-resort"]) == 1
    assert capfd.readouterr().err == ""


# -- stages, and time -------------------------------------------------------------------------------------------------


def staged(type: str, **options: Any) -> dict[str, Any]:
    table = document(emit={"stage": {"type": f"python:trials:{type}", **options}})
    table["pipeline"]["all"]["emit"] = ["stage"]
    return table


def test_what_a_stage_makes_of_each_event_is_known() -> None:
    trial = ran(staged("Burst", burst=2), EventTable(name="a", times=3))

    assert [passage.kept is not None for passage in trial.passages] == [True, True, False]
    assert (trial.passages[0].stage, trial.passages[0].pipeline, trial.passages[0].gate) == (
        "stage",
        "all",
        "rate_limited",
    )
    assert trial.ledger().pipelines["all"].gated == {"rate_limited": 1}


def test_a_stage_that_says_something_later_says_it_after_that_time() -> None:
    trial = trial_of(staged("Gather"))
    trial.emit(EventTable(name="a", times=3))
    assert trial.received["far"] == []
    trial.emit(EventTable(name="b", after=Duration(59)))
    assert trial.received["far"] == []
    trial.emit(EventTable(name="c", after=Duration(1)))

    assert [text.partition(": ")[2] for text in texts(trial, "far")] == ["4 events"]
    trial.end()
    assert [text.partition(": ")[2] for text in texts(trial, "far")] == ["4 events", "1 events"]


def test_the_stages_of_a_throttle_and_of_quiet_hours_have_the_time_of_the_trial() -> None:
    emit = {
        "calm": {"type": "throttle", "burst": 1},
        "nights": {"type": "quiet", "start": "22:00", "end": "06:00", "zone": "UTC"},
    }
    table = document(emit=emit)
    table["pipeline"] = {name: {"sink": name, "emit": [stage]} for name, stage in (("far", "calm"), ("near", "nights"))}
    evening = EventTable(name="a", time="2026-03-01T23:00:00Z", times=3)
    trial = trial_of(table)
    assert trial.problems == []
    trial.emit(evening)
    trial.emit(EventTable(name="b", after=Duration(3_600)))
    trial.end()

    times = {sink: [text.partition(" ")[0][:19] for text in texts(trial, sink)] for sink in ("far", "near")}
    assert times["far"] == ["2026-03-01T23:00:00", "2026-03-01T23:05:00", "2026-03-02T00:00:00"]
    assert times["near"] == ["2026-03-02T06:00:00"]


def test_a_time_of_an_event_moves_the_trial_on_and_never_back() -> None:
    trial = trial_of(staged("Gather"))
    trial.emit(EventTable(name="a"))
    trial.emit(EventTable(name="b", time="2026-01-01T00:00:59Z"))
    assert trial.received["far"] == []
    trial.emit(EventTable(name="c", time="2026-01-01T00:01:00Z"))
    assert len(trial.received["far"]) == 1
    (early,) = trial.emit(EventTable(name="d", time="2020-01-01T00:00:00Z"))

    assert early.time_ns < BEGIN_NS
    assert trial.time_ns == BEGIN_NS + 60_000_000_000


def test_what_a_stage_still_holds_comes_at_the_end() -> None:
    assert [text.partition(": ")[2] for text in texts(ran(staged("Late"), SOLD, SOLD), "far")] == ["2 events"]


def test_a_stage_whose_timers_never_end_does_not_keep_a_trial_for_ever() -> None:
    trial = trial_of(staged("Ticking"))
    trial.emit(SOLD)
    trial.end()

    assert "trial.cut" in [fault.kind for fault in trial.faults]


def test_a_stage_that_cannot_be_opened_is_a_problem_of_the_trial() -> None:
    trial = ran(staged("Unopened"))

    assert [problem.code for problem in trial.problems] == ["stage-not-opened"]
    assert len(trial.received["far"]) == 1


def test_two_runs_are_alike() -> None:
    first, second = (ran(document(), SOLD, SOLD, far=FailTable(how="unavailable", times=3)) for _ in range(2))

    assert first.received == second.received
    assert first.time_ns == second.time_ns


# -- the process ------------------------------------------------------------------------------------------------------


def test_nothing_of_the_process_changes(capfd: pytest.CaptureFixture[str]) -> None:
    running = {"sink": {"out": {"type": "python:penstock.testing:RecordingSink"}}, "pipeline": {"all": {"sink": "out"}}}
    with penstock.configure(running) as runtime, capture() as events:
        before = (slot.inlet, slot.taps, fault_counts(), runtime.ledger()["out"], threading.enumerate())
        ran(document(), EventTable(name="a", error="ValueError"), far="broken")
        after = (slot.inlet, slot.taps, fault_counts(), runtime.ledger()["out"], threading.enumerate())

    assert after == before
    assert list(events) == []
    assert capfd.readouterr() == ("", "")


def test_trials_side_by_side_know_nothing_of_each_other() -> None:
    one, other = trial_of(document()), trial_of(document(), far="closed")
    one.emit(EventTable(name="one"))
    other.emit(EventTable(name="other"))
    one.end()
    other.end()

    assert [record.name for record in one.received["far"]] == ["one"]
    assert [record.name for record in other.received["near"]] == ["other"]
    assert one.faults == ()
    assert {fault.kind for fault in other.faults} == {"sink.closed", "event.dropped"}


def test_trials_in_many_threads_know_nothing_of_each_other() -> None:
    def run(number: int) -> list[tuple[str, str]]:
        table = document(context={"number": number})
        table["sink"]["far"]["token"] = {"env": "NO_SUCH_TOKEN"}
        trial = ran(table, EventTable(name=f"n{number}", times=3), **({"far": "unavailable"} if number % 2 else {}))
        return [(sink, record.name) for sink, got in trial.received.items() for record in got]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, range(24)))

    for number, got in enumerate(found):
        assert got == [("near" if number % 2 else "far", f"n{number}")] * 3


class Stamped:
    """A stage that writes the time into the message; it can be asked before it is opened."""

    def keep_time(self, monotonic: Any, wall: Any, /) -> None:
        self.clocks = monotonic, wall

    def emit(self, event: Event, /) -> Event:
        monotonic, wall = self.clocks
        return event.replace(message=f"{monotonic():g} {wall() - BEGIN_NS / 1e9:g}")


def test_a_stage_that_asks_for_the_time_gets_that_of_the_trial() -> None:
    table = {
        "emit": {"stamp": {"type": f"python:{__name__}:Stamped"}},
        "sink": {"out": {"type": "python:penstock.testing:RecordingSink"}},
        "pipeline": {"all": {"sink": "out", "emit": ["stamp"]}},
    }
    trial = ran(table, SOLD, EventTable(name="shop.sold", message="sold", after=Duration("1 h")))

    assert [text.rpartition(": ")[2] for text in texts(trial, "out")] == ["0 0", "3600 3600"]
