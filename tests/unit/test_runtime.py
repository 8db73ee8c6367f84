"""A running configuration: installed whole, changed while it runs, gone without a trace."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.river.early import Early
from penstock.river.emit import slot
from penstock.testing import FailingSink, RecordingSink, SlowSink

MADE: list[Any] = []


class Noted(RecordingSink):
    """A sink that tests can find."""

    delivery = {"mode": "inline"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        MADE.append(self)


class Down(FailingSink):
    """A sink that is down for good."""

    def __init__(self) -> None:
        super().__init__(lambda: penstock.Closed("401"), times=1)


class Late(SlowSink):
    """A sink that hangs until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        MADE.append(self)


def sink(name: str = "Noted", **more: object) -> dict[str, object]:
    return {"type": f"python:{__name__}:{name}", **more}


@pytest.fixture(autouse=True)
def forget_sinks() -> None:
    MADE.clear()


def document(**tables: object) -> dict[str, Any]:
    return {"sink": {"out": sink()}, "pipeline": {"all": {"sink": "out"}}, **tables}


def texts(index: int = -1) -> list[str]:
    return [text.split(": ", 1)[1] for text in MADE[index].texts]


def test_events_before_configure_are_kept_and_replayed_in_order() -> None:
    log = penstock.get_logger("shop")
    items = [1]
    log.info("first", items=items)
    items.append(2)
    log.info("second")

    penstock.configure(document())
    log.info("third")

    assert texts() == ["first items=[1]", "second", "third"]


def test_a_configuration_takes_over_from_an_earlier_one_which_is_drained() -> None:
    first = {"sink": {"out": sink("Late", delivery={"mode": "queued"})}, "pipeline": {"all": {"sink": "out"}}}
    penstock.configure(first)
    penstock.get_logger("shop").info("to the first")
    MADE[0].entered.wait(5)
    MADE[0].release()

    penstock.configure(document())
    penstock.get_logger("shop").info("to the second")

    assert texts(0) == ["to the first"]
    assert texts(1) == ["to the second"]


def test_after_shutdown_events_are_kept_for_the_next_configuration() -> None:
    penstock.configure(document())
    assert penstock.shutdown()
    penstock.get_logger("shop").info("between")

    penstock.configure(document())

    assert texts() == ["between"]
    assert penstock.shutdown()
    assert penstock.shutdown()  # twice is fine


def test_the_ledger_can_be_read_after_shutdown() -> None:
    penstock.configure(document())
    penstock.get_logger("shop").info("one")
    penstock.shutdown()

    assert penstock.ledger()["out"].delivered == 1


def test_a_runtime_is_a_context_manager() -> None:
    with penstock.configure(document()) as runtime:
        assert slot.inlet is runtime
    assert isinstance(slot.inlet, Early)


def test_static_fields_context_bound_and_call_win_in_this_order() -> None:
    penstock.configure(document(context={"a": "static", "b": "static", "c": "static", "d": "static"}))
    with penstock.context(b="context", c="context", d="context"):
        penstock.get_logger("shop", c="bound", d="bound").info("x", d="call")

    assert texts() == ["x a=static b=context c=bound d=call"]


def test_levels_go_by_the_longest_prefix_then_the_pipeline_then_the_sink() -> None:
    penstock.configure(
        {
            "level": "info",
            "levels": {"urllib3": "error", "urllib3.util": "debug", "shop": "trace"},
            "sink": {"out": sink(), "loud": sink(level="critical")},
            "pipeline": {"all": {"sink": "out"}, "own": {"sink": "out", "level": "warning"}, "loud": {"sink": "loud"}},
        }
    )

    def reached(name: str, level: str) -> int:
        before = len(MADE[0].records), len(MADE[1].records)
        penstock.get_logger(name).log(level, "x")
        return len(MADE[0].records) - before[0] + 10 * (len(MADE[1].records) - before[1])

    assert reached("other", "info") == 1
    assert reached("other", "debug") == 0
    assert reached("other", "warning") == 2
    assert reached("urllib3.pool", "warning") == 0
    assert reached("urllib3.pool", "error") == 2
    assert reached("urllib3.util", "debug") == 1
    assert reached("shop", "trace") == 1
    assert reached("shopping", "trace") == 0  # a prefix ends at a dot
    assert reached("other", "critical") == 12


def test_a_match_includes_and_excludes() -> None:
    penstock.configure(
        {"sink": {"out": sink()}, "pipeline": {"t": {"sink": "out", "match": ["trade.**", "!trade.heartbeat"]}}}
    )
    for name in ("trade", "trade.filled", "trade.heartbeat", "web"):
        penstock.get_logger(name).info(name)

    assert texts() == ["trade", "trade.filled"]
    assert penstock.ledger().pipelines["t"].offered == 2


def test_pipelines_that_render_alike_share_one_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.river.format import PlainFormat

    calls: list[object] = []
    original = PlainFormat.format
    monkeypatch.setattr(PlainFormat, "format", lambda self, event: calls.append(event) or original(self, event))
    penstock.configure(
        {"sink": {"a": sink(), "b": sink()}, "pipeline": {"a": {"sink": "a"}, "b": {"sink": "b"}, "c": {"sink": "b"}}}
    )

    penstock.get_logger("x").info("once")

    assert len(calls) == 1
    assert [account.delivered for account in penstock.ledger().values()] == [1, 2]


# -- failing ----------------------------------------------------------------------------------------------------------


def test_one_broken_plugin_never_stops_another_and_its_events_reach_the_fallback() -> None:
    runtime = penstock.configure(
        {
            "sink": {
                "broken": {"type": "python:no_such_module:Sink", "delivery": {"fallback": "out"}},
                "out": sink(),
            },
            "pipeline": {"a": {"sink": "broken"}, "b": {"sink": "out"}},
        }
    )
    penstock.get_logger("shop").info("hello")

    assert texts() == ["hello", "hello"] or sorted(texts())[-2:] == ["hello", "hello"]
    assert [problem.code for problem in runtime.problems] == ["plugin-load-failed"]
    assert runtime.status()["broken"] == "failed"
    assert not penstock.health().ok
    account = penstock.ledger()["broken"]
    assert account.dropped == {"closed": 1}
    assert account.diverted == 1


def test_strict_makes_errors_of_what_could_be_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = document(sink={"out": sink(), "broken": {"type": "python:no_such_module:Sink"}}, nonsense=1)

    penstock.configure(broken)
    with pytest.raises(penstock.ConfigError) as caught:
        penstock.configure(broken, strict=True)
    wrong = {problem.code for problem in caught.value.problems if not problem.warns}
    assert wrong == {"plugin-load-failed", "unknown-key"}

    monkeypatch.setenv("PENSTOCK_STRICT", "1")
    with pytest.raises(penstock.ConfigError):
        penstock.configure(broken)
    assert penstock.configure(broken, strict=False).problems


def test_a_wrong_configuration_changes_nothing() -> None:
    runtime = penstock.configure(document())

    with pytest.raises(penstock.ConfigError):
        penstock.configure({"pipeline": {"all": {"sink": "nowhere"}}})

    assert slot.inlet is runtime


class Shut(Noted):
    """A sink that cannot be opened."""

    def open(self) -> None:
        raise PermissionError("not allowed")


def test_a_sink_that_cannot_be_opened_is_replaced_by_its_fallback() -> None:
    tables = {"shut": sink("Shut", delivery={"fallback": "out"}), "out": sink()}
    runtime = penstock.configure({"sink": tables, "pipeline": {"a": {"sink": "shut"}}})
    penstock.get_logger("shop").info("hello")

    assert [problem.code for problem in runtime.problems] == ["sink-not-opened"]
    assert runtime.status() == {"shut": "failed", "out": "ok"}
    assert texts() == ["hello"]
    with pytest.raises(penstock.ConfigError, match="PermissionError"):
        penstock.configure({"sink": tables, "pipeline": {"a": {"sink": "shut"}}}, strict=True)


def test_a_failing_sink_becomes_an_event_to_the_others_and_not_to_itself() -> None:
    penstock.configure(
        {
            "sink": {"down": sink("Down", delivery={"mode": "inline"}), "out": sink()},
            "pipeline": {"a": {"sink": "down"}, "b": {"sink": "out", "level": "warning"}},
        }
    )
    penstock.get_logger("shop").error("hello")

    names = [record.name for record in MADE[0].records]
    assert "penstock.sink.closed" in names
    assert penstock.ledger()["down"].accepted == 1
    assert penstock.ledger().balanced


def test_a_fault_that_nobody_hears_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    penstock.configure(
        {"sink": {"down": sink("Down", delivery={"mode": "inline"})}, "pipeline": {"a": {"sink": "down"}}}
    )
    penstock.get_logger("shop").error("hello")

    assert "Sink closed for good." in capfd.readouterr().err


def test_what_was_dropped_is_said_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    penstock.configure(
        {"sink": {"down": sink("Down", delivery={"mode": "inline"})}, "pipeline": {"a": {"sink": "down"}}}
    )
    penstock.get_logger("shop").error("hello")
    penstock.get_logger("shop").error("hello")
    penstock.shutdown()

    assert "events were dropped: down closed=2" in capfd.readouterr().err


# -- while it runs ----------------------------------------------------------------------------------------------------


def test_set_level_for_all_for_a_name_and_for_a_sink() -> None:
    penstock.configure(document(levels={"noisy": "error"}))
    log, noisy = penstock.get_logger("shop"), penstock.get_logger("noisy")

    penstock.set_level("debug")
    assert (log.enabled("debug"), noisy.enabled("warning")) == (True, False)
    penstock.set_level("trace", name="noisy")
    assert noisy.enabled("trace")
    penstock.set_level("critical", sink="out")
    assert not log.enabled("error")
    with pytest.raises(ValueError, match="there is no sink"):
        penstock.set_level("info", sink="nowhere")
    with pytest.raises(ValueError, match="unknown level"):
        penstock.set_level("loud")


def test_a_level_set_for_a_while_goes_back() -> None:
    penstock.configure(document(levels={"noisy": "error"}))
    back = threading.Event()
    log = penstock.get_logger("noisy")

    penstock.set_level("debug", name="noisy", seconds=0.02)
    assert log.enabled("debug")
    for _ in range(500):
        if not log.enabled("warning"):
            back.set()
            break
        threading.Event().wait(0.01)

    assert back.is_set()
    assert log.enabled("error")


def test_reload_reads_the_file_again_and_a_wrong_file_changes_nothing(tmp_path: Path, capfd: Any) -> None:
    file = tmp_path / "penstock.toml"
    pipeline = '[pipeline.all]\nsink = "out"\nmatch = ["shop"]\n'
    file.write_text(f'level = "info"\n[sink.out]\ntype = "python:{__name__}:Noted"\n{pipeline}')
    runtime = penstock.configure(file)
    log = penstock.get_logger("shop")
    log.debug("unheard")

    file.write_text(file.read_text().replace("info", "debug"))
    assert runtime.reload()
    log.debug("heard")
    assert texts(0) == ["heard"]

    now = slot.inlet
    file.write_text("not toml [")
    assert isinstance(now, type(runtime))
    assert now.reload() is False
    assert slot.inlet is now
    log.debug("still heard")
    assert texts(0) == ["heard", "still heard"]


def test_reloading_under_load_loses_nothing() -> None:
    runtime: Any = penstock.configure(document(pipeline={"all": {"sink": "out", "match": ["talker.*"]}}))
    stop = threading.Event()
    said = [0] * 3

    def talk(number: int) -> None:
        log = penstock.get_logger(f"talker.{number}")
        while not stop.is_set():
            log.info("x")
            said[number] += 1

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        assert runtime.reload()
        runtime = slot.inlet
    stop.set()
    for thread in threads:
        thread.join()

    assert sum(len(made.records) for made in MADE) == sum(said)


def test_configure_and_shutdown_leave_other_peoples_hooks_and_handlers_as_they_were() -> None:
    handler = logging.NullHandler()
    logging.getLogger("theirs").addHandler(handler)
    before = (
        logging.Logger.callHandlers,
        logging.root.level,
        list(logging.root.handlers),
        sys.excepthook,
        sys.unraisablehook,
        threading.excepthook,
        warnings.showwarning,
    )

    runtime = penstock.configure(document(capture=["logging", "warnings", "exceptions"]))
    ours = logging.Logger.callHandlers
    assert ours is not before[0]
    assert runtime.reload()
    assert logging.Logger.callHandlers is ours  # a reload leaves no moment in which a record is not captured
    penstock.shutdown()

    assert before == (
        logging.Logger.callHandlers,
        logging.root.level,
        list(logging.root.handlers),
        sys.excepthook,
        sys.unraisablehook,
        threading.excepthook,
        warnings.showwarning,
    )
    assert logging.getLogger("theirs").handlers == [handler]
    logging.getLogger("theirs").removeHandler(handler)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_goes_on_with_counts_of_its_own() -> None:
    penstock.configure(
        {"sink": {"out": sink("Late", delivery={"mode": "queued"})}, "pipeline": {"all": {"sink": "out"}}}
    )
    log = penstock.get_logger("shop")
    log.info("parent")
    MADE[0].entered.wait(5)
    reader, writer = os.pipe()

    if os.fork() == 0:  # pragma: no cover, in the child
        MADE[0].release()
        log.info("child")
        flushed = penstock.flush()
        account = penstock.ledger()["out"]
        os.write(writer, json.dumps([flushed, texts(), account[:4], slot.pid == os.getpid()]).encode())
        os._exit(0)

    os.wait()
    told = json.loads(os.read(reader, 1_000))
    os.close(reader)
    os.close(writer)
    MADE[0].release()
    assert told == [True, ["child"], [2, 1, {"fork_inherited": 1}, 0], True]
    assert penstock.flush()
    assert texts() == ["parent"]


def test_a_source_emits_until_it_is_closed() -> None:
    penstock.configure(document(emit={"tail": {"type": f"python:{__name__}:Tail"}}))

    assert texts() == ["from the source"]
    tail = MADE[-1]
    penstock.shutdown()
    assert tail == "closed" or "closed" in MADE


class Tail:
    """A source that says one thing."""

    def start(self, emit: Any, /) -> None:
        emit(penstock.testing.some_event("from the source"))

    def close(self) -> None:
        MADE.append("closed")


def test_a_stage_for_all_events_works_before_every_pipeline() -> None:
    penstock.configure(
        document(
            emit={"host": {"type": f"python:{__name__}:Enrich", "always": True}},
            pipeline={"a": {"sink": "out"}, "b": {"sink": "out"}},
        )
    )
    penstock.get_logger("shop").info("hello")
    penstock.get_logger("quiet").info("hello")

    assert texts() == ["hello host=here", "hello host=here"]
    book = penstock.ledger().pipelines["*"]
    assert (book.offered, book.gated, book.accepted) == (2, {"filter": 1}, 1)


class Enrich:
    """Adds a field, and stops what is called quiet."""

    def emit(self, event: Any, /) -> Any:
        return None if event.name == "quiet" else event.replace(fields={**event.fields, "host": "here"})


def test_a_stage_that_raises_costs_its_own_work_only() -> None:
    penstock.configure(
        document(emit={"bad": {"type": f"python:{__name__}:Broken"}}, pipeline={"a": {"sink": "out", "emit": ["bad"]}})
    )
    penstock.get_logger("shop").info("hello")

    assert "hello" in texts()
    assert penstock.ledger().pipelines["a"].balanced


class Broken:
    """A stage with a mistake."""

    def emit(self, event: Any, /) -> Any:
        raise ZeroDivisionError


def test_a_format_that_raises_leaves_a_minimal_line() -> None:
    penstock.configure(
        document(
            format={"bad": {"type": f"python:{__name__}:BadFormat"}}, pipeline={"a": {"sink": "out", "format": "bad"}}
        )
    )
    penstock.get_logger("shop").error("hello", token="s")

    line = json.loads(MADE[-1].records[-1].data)
    assert line["logger"] == "shop"
    assert line["message"] == "[format failed]"


class BadFormat:
    """A format with a mistake."""

    def format(self, event: Any, /) -> bytes:
        raise ZeroDivisionError
