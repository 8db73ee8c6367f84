"""What is composed is what was written, and everything is decided before the first event."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

import hard_sinks
import penstock
from penstock.errors import ConfigError, Rejected
from penstock.event import Event
from penstock.faults import fault_counts
from penstock.river.letters import read_letters
from penstock.river.modes.inline import InlineDelivery
from penstock.river.modes.queued import QueuedDelivery
from penstock.river.queue.queue import Queue
from penstock.river.spool.journal import Journal
from penstock.testing import RecordingSink
from penstock.types import Record


def sinks_of(**sinks: Any) -> Any:
    runtime = penstock.configure({"sink": sinks, "pipeline": {"all": {"sink": next(iter(sinks))}}})
    return runtime._graph.sinks


RECORDING = "python:penstock.testing:RecordingSink"


def test_a_sink_is_queued_unless_it_or_the_file_says_otherwise() -> None:
    sinks = sinks_of(
        plain={"type": RECORDING},
        told={"type": RECORDING, "delivery": {"mode": "inline"}},
        own={"type": "last-resort"},
        both={"type": "last-resort", "delivery": {"mode": "queued"}},
        events={"type": "python:hard_sinks:Audit"},
    )

    kinds = {name: type(delivery) for name, delivery in sinks.items()}
    assert kinds == {
        "plain": QueuedDelivery,
        "told": InlineDelivery,
        "own": InlineDelivery,
        "both": QueuedDelivery,
        "events": InlineDelivery,
    }


def test_the_files_delivery_lies_over_the_classs_own() -> None:
    sinks = sinks_of(otlp={"type": "python:hard_sinks:Collector", "delivery": {"queue": "1 MB"}})

    assert (sinks["otlp"].options.batch, sinks["otlp"].options.queue) == (100, 1_000_000)


class Spooling(RecordingSink):
    """A network sink, which wants a spool unless it is told otherwise."""

    delivery: ClassVar[dict[str, object]] = {"spool": "1 MB"}


@pytest.fixture
def own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the document say where the state is: the environment would win."""
    monkeypatch.delenv("PENSTOCK__STATE")


@pytest.mark.usefixtures("own_state")
def test_a_sink_that_wants_a_spool_has_one_where_the_document_says_so(tmp_path: Path) -> None:
    runtime = penstock.configure(
        {
            "state": str(tmp_path),
            "sink": {"net": {"type": f"python:{__name__}:Spooling"}, "plain": {"type": RECORDING}},
            "pipeline": {"a": {"sink": "net"}, "b": {"sink": "plain"}},
        }
    )

    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    assert isinstance(runtime._graph.sinks["net"]._store, Journal)  # type: ignore[attr-defined]
    assert isinstance(runtime._graph.sinks["plain"]._store, Queue)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("own_state")
def test_where_no_spool_can_be_it_is_said_once_and_records_wait_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    runtime = penstock.configure(
        {
            "state": str(tmp_path / "file" / "state"),
            "sink": {"net": {"type": f"python:{__name__}:Spooling"}},
            "pipeline": {"a": {"sink": "net"}},
        }
    )
    penstock.get_logger("x").info("kept in memory")

    assert fault_counts()["spool.failed", "net"] == 1
    assert penstock.flush()
    assert runtime.ledger()["net"].delivered == 1


@pytest.mark.usefixtures("own_state")
def test_what_a_sink_refuses_is_kept_beside_its_spool_or_where_the_document_says(tmp_path: Path) -> None:
    refusing = f"python:{__name__}:Refusing"
    penstock.configure(
        {
            "state": str(tmp_path / "state"),
            "sink": {
                "default": {"type": refusing},
                "chosen": {"type": refusing, "delivery": {"dead_letters": str(tmp_path / "chosen.jsonl")}},
                "none": {"type": refusing, "delivery": {"dead_letters": False}},
                "memory": {"type": refusing, "delivery": {"spool": False}},
            },
            "pipeline": {name: {"sink": name} for name in ("default", "chosen", "none", "memory")},
        }
    )
    penstock.get_logger("x").error("not wanted")
    penstock.flush()

    found = {path: {letter.sink for letter in read_letters(path)} for path in tmp_path.rglob("*.jsonl")}
    assert found == {
        tmp_path / "state" / "default" / "dead-letters.jsonl": {"default"},
        tmp_path / "chosen.jsonl": {"chosen"},
    }


class Refusing(Spooling):
    """A sink that wants nothing."""

    def write(self, batch: Sequence[Record], /) -> None:
        raise Rejected("not wanted")


def test_what_gave_way_is_said_in_the_stream_in_its_own_format() -> None:
    runtime = penstock.configure(
        {
            "context": {"service": "shop"},
            "sink": {
                "out": {
                    "type": "python:penstock.testing:SlowSink",
                    "delivery": {"queue": "1 kB", "when_full": "drop_newest", "batch_wait": "0 s"},
                }
            },
            "format": {"plain": {"type": "plain"}},
            "pipeline": {"a": {"sink": "out", "format": "plain"}},
        }
    )
    sink = runtime._graph.sinks["out"].sink.sink
    log = penstock.get_logger("shop")
    log.info("first")
    sink.entered.wait(5)
    for _ in range(10):
        log.info("more")
    sink.release()
    assert penstock.flush()
    penstock.shutdown()

    dropped = runtime.ledger()["out"].dropped["queue_full"]
    notice = sink.records[-1]
    assert notice.name == "penstock.event.dropped"
    assert notice.data.decode().startswith(sink.texts[0][:10])
    assert f"{dropped} events dropped here: queue full" in notice.data.decode()
    assert runtime.ledger().balanced


def test_a_type_serves_as_a_name_where_no_options_are_needed() -> None:
    runtime = penstock.configure(
        {"pipeline": {"a": {"sink": "last-resort", "format": "plain", "emit": [], "redact": []}}}
    )

    assert list(runtime.status()) == ["last-resort"]


def test_all_declared_redactors_apply_unless_a_pipeline_names_its_own() -> None:
    document = {
        "redact": {"hide": {"type": "python:hard_sinks:Hide"}},
        "sink": {"x": {"type": "python:hard_sinks:Audit"}, "y": {"type": "python:hard_sinks:Audit"}},
        "pipeline": {"a": {"sink": "x", "match": ["shop"]}, "b": {"sink": "y", "match": ["shop"], "redact": []}},
    }
    runtime = penstock.configure(document)
    penstock.get_logger("shop").info("hello", token="s3cr3t")

    shown = [delivery.sink.sink.events[0].fields["token"] for delivery in runtime._graph.sinks.values()]
    assert shown == ["[redacted]", "s3cr3t"]


def test_sinks_with_a_fallback_are_closed_before_it() -> None:
    sinks: dict[str, Any] = {
        "last": {"type": RECORDING},
        "first": {"type": RECORDING, "delivery": {"fallback": "middle"}},
        "middle": {"type": RECORDING, "delivery": {"fallback": "last"}},
    }
    runtime = penstock.configure({"sink": sinks, "pipeline": {"a": {"sink": "first"}}})

    assert [delivery.sink.name for delivery in runtime._graph._in_order()] == ["first", "middle", "last"]


class Keep:
    """A sink that keeps what it gets."""

    delivery: ClassVar[Any] = {"mode": "inline"}

    def __init__(self) -> None:
        self.got: list[Any] = []

    def write(self, batch: Any, /) -> None:
        self.got += batch


class Unwatched(Keep):
    """A sink for events that cannot be opened."""

    accepts = "event"

    def open(self) -> None:
        raise OSError("no")


class Nothing:
    """Has no method of any kind."""


class Clock:
    """A source."""

    def start(self, emit: Any, /) -> None:
        """Never ticks."""


class Unopened:
    """A stage that cannot be opened."""

    def open(self, resume: Any, timer: Any, /) -> None:
        raise OSError("no")

    def emit(self, event: Any, /) -> Any:
        """Stop everything."""


class LastWords:
    """A stage that says its name when it is closed, and what it saw of those in front of it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.closed = False

    def open(self, resume: Any, timer: Any, /) -> None:
        self.resume = resume

    def emit(self, event: Any, /) -> Any:
        assert not self.closed, "emit after close"
        self.seen.append(event.message)
        return event

    def close(self) -> None:
        self.closed = True
        self.resume(Event("last.words", f"bye after {len(self.seen)}"))


KEEP = f"python:{__name__}:Keep"
AUDIT = "python:hard_sinks:Audit"


@pytest.mark.parametrize("part", ["emit", "format", "sink"])
def test_a_river_does_without_a_class_that_lacks_its_method(part: str) -> None:
    pipeline: dict[str, Any] = {"sink": "keep"}
    pipeline[part] = ["x"] if part == "emit" else "x"
    tables: dict[str, Any] = {"sink": {"keep": {"type": KEEP}}, "pipeline": {"a": pipeline}}
    tables.setdefault(part, {})["x"] = {"type": f"python:{__name__}:Nothing"}
    if part == "sink":
        tables["sink"]["x"]["delivery"] = {"fallback": "keep"}
    runtime = penstock.configure(tables)
    penstock.get_logger("shop").info("hello")

    assert [(problem.code, problem.path) for problem in runtime.problems] == [("invalid-value", f"{part}.x")]
    assert b"hello" in runtime._graph.sinks["keep"].sink.sink.got[-1].data
    assert penstock.ledger().balanced


def test_a_source_in_a_pipeline_is_left_out_of_it() -> None:
    source = {"type": f"python:{__name__}:Clock"}
    tables = {"emit": {"c": source}, "sink": {"k": {"type": KEEP}}, "pipeline": {"a": {"sink": "k", "emit": ["c"]}}}
    runtime = penstock.configure(tables)
    penstock.get_logger("shop").info("hello")

    assert [problem.path for problem in runtime.problems] == ["pipeline.a.emit[0]"]
    assert penstock.ledger()["k"].delivered == 2  # and the event about the problem


def test_a_stage_that_cannot_be_opened_is_left_out_and_under_strict_an_error() -> None:
    tables = {
        "emit": {"u": {"type": f"python:{__name__}:Unopened"}},
        "sink": {"k": {"type": KEEP}},
        "pipeline": {"a": {"sink": "k", "emit": ["u"]}},
    }
    runtime = penstock.configure(tables)
    assert [str(problem) for problem in runtime.problems] == ["emit.u: cannot be opened: OSError: no; it is left out"]
    assert runtime.problems[0].code == "stage-not-opened"

    with pytest.raises(ConfigError, match="emit.u: cannot be opened"):
        penstock.configure(tables, strict=True)


@pytest.mark.parametrize("always", [False, True])
def test_what_a_stage_emits_as_it_is_closed_passes_the_open_stages_behind_it(always: bool) -> None:
    stage = {"type": f"python:{__name__}:LastWords"}
    penstock.configure(
        {
            "emit": {"front": {**stage, "always": always}, "back": stage},
            "sink": {"audit": {"type": AUDIT}},
            "pipeline": {"a": {"sink": "audit", "emit": ["back"] if always else ["front", "back"]}},
        }
    )
    audit = hard_sinks.Audit.made[-1]

    penstock.shutdown()

    assert [event.message for event in audit.events] == ["bye after 0", "bye after 1"]
    assert fault_counts() == {}


class Asking:
    """A stage that asks what time it is."""

    def keep_time(self, monotonic: Any, wall: Any, /) -> None:
        self.clocks = monotonic, wall

    def emit(self, event: Event, /) -> Event:
        return event.replace(fields=dict(zip(("monotonic", "wall"), (clock() for clock in self.clocks), strict=True)))


def test_a_stage_of_a_running_river_gets_the_clocks_of_the_system() -> None:
    penstock.configure(
        {
            "emit": {"ask": {"type": f"python:{__name__}:Asking"}},
            "sink": {"audit": {"type": AUDIT}},
            "pipeline": {"a": {"sink": "audit", "emit": ["ask"]}},
        }
    )
    before = {"monotonic": time.monotonic(), "wall": time.time()}
    penstock.get_logger("shop").info("x")
    after = {"monotonic": time.monotonic(), "wall": time.time()}

    (event,) = hard_sinks.Audit.made[-1].events
    assert all(before[clock] <= float(str(event.fields[clock])) <= after[clock] for clock in before)


def test_what_a_stage_emits_later_has_the_static_fields() -> None:
    penstock.configure(
        {
            "context": {"service": "shop"},
            "emit": {"words": {"type": f"python:{__name__}:LastWords"}},
            "sink": {"audit": {"type": AUDIT}},
            "pipeline": {"a": {"sink": "audit", "emit": ["words"]}},
        }
    )
    audit = hard_sinks.Audit.made[-1]

    penstock.shutdown()

    assert [event.merged() for event in audit.events] == [{"service": "shop"}]


def test_a_sink_for_events_that_cannot_be_opened_is_shown_on_standard_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    sink = {"type": f"python:{__name__}:Unwatched"}
    penstock.configure({"sink": {"x": sink}, "pipeline": {"a": {"sink": "x", "match": ["shop"]}}})
    penstock.get_logger("shop").info("hello")

    assert "shop: hello" in capfd.readouterr().err
    assert penstock.ledger()["last-resort"].delivered == 1


def test_a_sink_whose_spool_cannot_be_written_is_degraded_though_it_takes_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = penstock.configure(
        {"sink": {"net": {"type": f"python:{__name__}:Spooling"}}, "pipeline": {"a": {"sink": "net"}}}
    )
    assert runtime.status() == {"net": "ok"}

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "trouble", "failed")
        assert runtime.status() == {"net": "degraded"}
