from __future__ import annotations

import asyncio
import codecs
import gc
import io
import logging
import logging.config
import logging.handlers
import pickle
import queue
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
import uvicorn.config
from attrs import define

import hard_sinks
import penstock
from penstock import faults
from penstock.assembly.runtime import Runtime
from penstock.capture import Capture
from penstock.event import Event, Failure
from penstock.plugin import Record
from penstock.river.emit import slot
from penstock.testing import capture

WAYS = ["logging", "warnings", "exceptions"]


def things_taken() -> dict[str, object]:
    return {
        "callHandlers": logging.Logger.callHandlers,
        "hasHandlers": logging.Logger.hasHandlers,
        "showwarning": warnings.showwarning,
        "sys.excepthook": sys.excepthook,
        "threading.excepthook": threading.excepthook,
        "unraisablehook": sys.unraisablehook,
        "root level": (type(logging.root.level), logging.root.level),
        "root handlers": list(logging.root.handlers),
    }


@pytest.fixture(autouse=True)
def as_the_interpreter_comes(monkeypatch: pytest.MonkeyPatch, fresh_penstock: None) -> Iterator[None]:
    """Hooks without pytest's own, and a look at the end whether everything is as it was."""
    before = things_taken()
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    yield
    penstock.shutdown(1.0)
    monkeypatch.undo()  # what the test put somewhere lies above what we took there
    assert things_taken() == before


@pytest.fixture
def logger() -> logging.Logger:
    """A logger of the test's own, without a level, handlers or a namesake."""
    return logging.getLogger(f"case.{uuid.uuid4().hex}.inner")


def captured(*ways: str, level: str = "debug", **tables: Any) -> list[Event]:
    """Configure, and return the list that fills with what comes in."""
    hard_sinks.Audit.made.clear()
    document = {
        "level": level,
        "capture": list(ways or WAYS),
        "sink": {"kept": {"type": "python:hard_sinks:Audit"}},
        "pipeline": {"all": {"sink": "kept"}},
    }
    penstock.configure({**document, **tables}, strict=True)
    return hard_sinks.Audit.made[-1].events if hard_sinks.Audit.made else []


def running() -> Runtime:
    assert isinstance(slot.inlet, Runtime)
    return slot.inlet


def said(events: Sequence[Event]) -> list[Event]:
    """Return *events* without Penstock's own."""
    return [event for event in events if not event.name.startswith("penstock.")]


def texts(events: Sequence[Event]) -> list[str]:
    return [event.message for event in said(events)]


def last(events: Sequence[Event]) -> Event:
    (event,) = said(events)
    return event


class Collecting(logging.Handler):
    """A handler that keeps what it gets."""

    def __init__(self, level: int = 0) -> None:
        super().__init__(level)
        self.got: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.got.append(record.getMessage())


@pytest.fixture
def on_root() -> Iterator[Collecting]:
    handler = Collecting()
    logging.root.addHandler(handler)
    yield handler
    logging.root.removeHandler(handler)


# -- the interception point -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("propagate", [True, False])
@pytest.mark.parametrize("handlers", [0, 1, 2])
def test_a_record_comes_in_once_whatever_its_logger_is_like(
    logger: logging.Logger, propagate: bool, handlers: int
) -> None:
    events = captured()
    logger.propagate = propagate
    for _ in range(handlers):
        logger.addHandler(logging.StreamHandler(sys.stderr))

    logger.info("hello")

    assert texts(events) == ["hello"]
    assert events[0].name == logger.name
    assert events[0].level == 20


def test_the_default_configuration_of_uvicorn_changes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    events = captured()
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    try:
        logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/", "1.1", 200)
        logging.getLogger("uvicorn.error").error("oh")
    finally:
        penstock.shutdown()
        for name in ("uvicorn", "uvicorn.access"):
            logging.getLogger(name).handlers.clear()

    assert texts(events) == ['127.0.0.1:1 - "GET / HTTP/1.1" 200', "oh"]
    assert capfd.readouterr() == ("", "")


def test_what_a_program_keeps_from_being_logged_does_not_come_in(logger: logging.Logger) -> None:
    events = captured()
    logger.addFilter(lambda record: "noise" not in record.getMessage())
    logger.info("noise")
    logger.disabled = True
    logger.info("disabled")
    logger.disabled = False
    logging.disable(logging.INFO)
    logger.info("switched off")
    logging.disable(logging.NOTSET)

    logger.info("heard")

    assert texts(events) == ["heard"]


def console_of_rich(stream: Any) -> logging.Handler:
    rich_logging = pytest.importorskip("rich.logging")
    rich_console = pytest.importorskip("rich.console")
    handler: logging.Handler = rich_logging.RichHandler(console=rich_console.Console(stderr=True))
    return handler


def coloured(stream: Any) -> logging.Handler:
    colorlog = pytest.importorskip("colorlog")
    handler: logging.Handler = colorlog.StreamHandler(stream)
    handler.setFormatter(colorlog.ColoredFormatter())
    return handler


TERMINALS: dict[str, Callable[[Any], logging.Handler]] = {
    "stderr": lambda stream: logging.StreamHandler(),
    "stdout": lambda stream: logging.StreamHandler(sys.stdout),
    "the interpreter's own": lambda stream: logging.StreamHandler(sys.__stderr__),
    "wrapped": lambda stream: logging.StreamHandler(codecs.getwriter("utf-8")(stream)),
    "opened again": lambda stream: logging.StreamHandler(stream),
    "stderr as a file": lambda stream: logging.FileHandler("/dev/stderr", delay=True),
    "stdout as a rotating file": lambda stream: logging.handlers.RotatingFileHandler("/dev/stdout", delay=True),
    "behind a buffer": lambda stream: logging.handlers.MemoryHandler(1, target=logging.StreamHandler()),
    "last resort": lambda stream: logging._StderrHandler(),  # type: ignore[attr-defined]
    "rich": console_of_rich,
    "colorlog": coloured,
}


@pytest.mark.parametrize("kind", TERMINALS)
def test_a_handler_that_writes_to_the_terminal_is_skipped_and_back_afterwards(
    logger: logging.Logger, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with open(2, "wb", closefd=False) as stream:
        handler = TERMINALS[kind](stream if kind == "wrapped" else io.TextIOWrapper(stream, write_through=True))
        logger.addHandler(handler)
        events = captured()

        logger.warning("from me")

        assert texts(events) == ["from me"]
        assert capfd.readouterr() == ("", "")

        penstock.shutdown()
        logger.warning("from me again")
        logger.removeHandler(handler)
        handler.close()

    assert len(events) == 1
    assert "from me again" in "".join(capfd.readouterr())


def test_every_other_handler_is_called_as_before(
    logger: logging.Logger, tmp_path: Path, caplog: pytest.LogCaptureFixture, on_root: Collecting
) -> None:
    waiting: queue.Queue[logging.LogRecord] = queue.Queue()
    into_file = logging.FileHandler(tmp_path / "app.log")
    into_memory = logging.StreamHandler(io.StringIO())
    strict = Collecting(logging.ERROR)
    handlers: list[logging.Handler] = [into_file, into_memory, logging.handlers.QueueHandler(waiting), strict]
    for handler in handlers:
        logger.addHandler(handler)
    events = captured()

    logger.warning("hello %s", "there")
    into_file.close()

    assert texts(events) == ["hello there"]
    assert (tmp_path / "app.log").read_text() == "hello there\n"
    assert into_memory.stream.getvalue() == "hello there\n"
    assert waiting.get_nowait().getMessage() == "hello there"
    assert caplog.messages == on_root.got == ["hello there"]
    assert strict.got == []


def test_a_handler_above_a_logger_that_does_not_propagate_stays_out(
    logger: logging.Logger, on_root: Collecting
) -> None:
    events = captured()
    logger.propagate = False

    logger.warning("mine alone")

    assert texts(events) == ["mine alone"]
    assert on_root.got == []


def test_the_last_resort_of_logging_is_silent_while_captured(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    events = captured()
    logger.error("captured")
    penstock.shutdown()

    logger.error("released")

    assert texts(events) == ["captured"]
    assert capfd.readouterr().err == "released\n"


def test_who_asks_is_told_that_a_logger_is_heard(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    assert not logger.hasHandlers()
    captured()

    assert logger.hasHandlers()
    logger.propagate = False  # what uvicorn does for `access_log=False`
    assert not logger.hasHandlers()
    logger.propagate = True
    penstock.shutdown()
    assert not logger.hasHandlers()


# -- others who patch the same place ----------------------------------------------------------------------------------


class Watcher:
    """Patches `callHandlers` as error trackers do: calls what was there, then looks at the record."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.under = logging.Logger.callHandlers

        def patched(logger: logging.Logger, record: logging.LogRecord) -> None:
            try:
                self.under(logger, record)
            finally:
                self.got.append(record.getMessage())

        self.function = patched
        logging.Logger.callHandlers = patched  # type: ignore[method-assign, assignment]

    def remove(self) -> None:
        logging.Logger.callHandlers = self.under  # type: ignore[method-assign]


def test_who_patched_before_sees_each_record_and_each_handler_is_called_once(
    logger: logging.Logger, on_root: Collecting, capfd: pytest.CaptureFixture[str]
) -> None:
    watcher = Watcher()
    logger.addHandler(logging.StreamHandler())
    events = captured()

    logger.warning("one")
    logger.propagate = False
    logger.warning("two")
    penstock.shutdown()

    assert texts(events) == watcher.got == ["one", "two"]
    assert on_root.got == ["one"]
    assert capfd.readouterr() == ("", "")
    assert logging.Logger.callHandlers is watcher.function
    watcher.remove()


def test_who_patches_after_us_sees_each_record_and_keeps_its_patch(logger: logging.Logger, on_root: Collecting) -> None:
    before = logging.Logger.callHandlers
    events = captured()
    watcher = Watcher()
    logger.warning("captured")
    penstock.shutdown()
    logger.warning("released")

    again = captured()
    logger.warning("captured again")
    penstock.shutdown()
    logger.warning("released again")

    assert logging.Logger.callHandlers is watcher.function
    assert texts(events) == ["captured"]
    assert texts(again) == ["captured again"]
    assert watcher.got == on_root.got == ["captured", "released", "captured again", "released again"]
    logging.Logger.callHandlers = before  # type: ignore[method-assign]


def test_a_reload_captures_with_the_new_configuration_alone(logger: logging.Logger, on_root: Collecting) -> None:
    events = captured(pipeline={"all": {"sink": "kept", "match": ["**", "!penstock.**"]}})

    assert running().reload()
    logger.info("hello")

    assert texts(events) == ["hello"]
    assert on_root.got == []


def test_a_capture_takes_over_from_another_without_a_moment_in_between(
    logger: logging.Logger, on_root: Collecting
) -> None:
    before = things_taken()
    events = captured()
    ours = things_taken()
    successor = Capture(["logging"])

    successor.take()
    logger.info("taken over")
    running()._capture.release()  # too late: it has been succeeded
    logger.info("still captured")

    after = things_taken()
    assert after["callHandlers"] is ours["callHandlers"]
    assert after["root level"] == ours["root level"]
    assert after["showwarning"] is before["showwarning"], "the successor does not capture warnings"
    assert texts(events) == ["taken over", "still captured"]
    assert on_root.got == []
    successor.release()
    assert things_taken() == before


def test_releasing_twice_is_releasing_once(logger: logging.Logger) -> None:
    captured()
    held = running()._capture
    held.release()
    untouched = things_taken()

    held.release()
    held.retune()

    assert things_taken() == untouched


# -- levels -----------------------------------------------------------------------------------------------------------

LEVELS = {
    # own level, parent's level: comes in, other handlers get
    "no levels": (0, 0, ["info", "warning"], ["warning"]),
    "own": (10, 0, ["info", "warning"], ["debug", "info", "warning"]),
    "parent's": (0, 20, ["info", "warning"], ["info", "warning"]),
    "own above": (40, 20, [], []),
    "own over parent's": (20, 40, ["info", "warning"], ["info", "warning"]),
}


@pytest.mark.parametrize("case", LEVELS)
def test_lowering_the_root_lets_nothing_through_to_other_handlers(
    logger: logging.Logger, on_root: Collecting, case: str
) -> None:
    own, above, come_in, others = LEVELS[case]
    events = captured(level="info")
    logger.setLevel(own)
    assert logger.parent is not None
    parent = logging.getLogger(logger.name.rpartition(".")[0])
    parent.setLevel(above)

    for level in ("debug", "info", "warning"):
        getattr(logger, level)(level)

    assert texts(events) == come_in
    assert on_root.got == others


def test_what_only_a_pipeline_for_some_names_wants_comes_in(logger: logging.Logger) -> None:
    events = captured(
        level="error",
        pipeline={"some": {"sink": "kept", "match": ["case.**"], "level": "debug"}},
    )

    logger.debug("wanted")
    logging.getLogger("other").debug("not wanted")

    assert texts(events) == ["wanted"]


def test_levels_of_the_configuration_hold_for_stdlib_loggers(logger: logging.Logger) -> None:
    events = captured(levels={"case": "error", logger.name: "debug"})

    logger.debug("named")
    logging.getLogger("case.noisy").warning("too low")

    assert texts(events) == ["named"]


def test_a_changed_level_lets_stdlib_loggers_through_and_back(logger: logging.Logger, on_root: Collecting) -> None:
    events = captured(level="error")
    logger.info("too low")
    penstock.set_level("info", name="case")
    logger.info("wanted")
    penstock.set_level("error", name="case")

    logger.info("too low again")

    assert texts(events) == ["wanted"]
    assert on_root.got == []
    assert logging.root.level == 30


def test_a_root_that_lets_more_through_than_anybody_wants_is_left_alone(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, on_root: Collecting
) -> None:
    logging.root.setLevel(logging.NOTSET)
    try:
        events = captured(level="error")
        logger.debug("for others")
        logger.error("for all")
        penstock.shutdown()
        assert logging.root.level == logging.NOTSET
    finally:
        logging.root.setLevel(logging.WARNING)

    assert on_root.got == ["for others", "for all"]
    assert texts(events) == ["for all"]


@pytest.mark.parametrize("level", [logging.INFO, logging.ERROR])
def test_a_root_level_that_the_program_sets_afterwards_is_its_word(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, level: int
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    captured(level="info")  # INFO is the very number that the root is lowered to
    logging.basicConfig(filename=tmp_path / "app.log", level=level, format="%(message)s")
    try:
        logger.info("information")
        logger.error("error")
        penstock.set_level("debug")
        penstock.shutdown()
        assert (type(logging.root.level), logging.root.level) == (int, level)
    finally:
        logging.root.handlers[0].close()
        logging.root.setLevel(logging.WARNING)

    lines = (tmp_path / "app.log").read_text().splitlines()
    assert lines == (["information", "error"] if level == logging.INFO else ["error"])


def test_a_record_handed_over_from_another_process_reaches_other_handlers_whatever_its_level(
    logger: logging.Logger, on_root: Collecting
) -> None:
    events = captured(level="info")
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 1, "from afar", (), None)
    record.process = 1

    logger.handle(record)

    assert texts(events) == on_root.got == ["from afar"]
    assert events[0].pid == 1


def test_a_record_that_nobody_wants_is_not_even_read(logger: logging.Logger) -> None:
    class Unread:
        def __str__(self) -> str:
            raise AssertionError("nobody asked")

    events = captured(level="error")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False

    logger.info(Unread())

    assert events == []
    assert not faults.fault_counts()


# -- what becomes of a record -----------------------------------------------------------------------------------------


def test_extra_becomes_fields_whatever_the_keys(logger: logging.Logger) -> None:
    events = captured()
    extra = {"level": "high", "time": 1, "event": "x", "error": None, "site": [1], "context": {"a": 1}, "": 0}

    logger.info("hello", extra=extra)

    assert last(events).fields == extra


def test_an_adapter_and_a_record_factory_add_fields(logger: logging.Logger) -> None:
    events = captured()
    factory = logging.getLogRecordFactory()

    def traced(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        record.trace_id = "t-1"
        return record

    logging.setLogRecordFactory(traced)
    try:
        logging.LoggerAdapter(logger, {"request_id": "r-1"}).info("hello")
    finally:
        logging.setLogRecordFactory(factory)

    assert last(events).fields == {"request_id": "r-1", "trace_id": "t-1"}


def test_what_every_record_has_and_what_formatters_leave_behind_is_no_field(logger: logging.Logger) -> None:
    events = captured()
    record = logger.makeRecord(logger.name, logging.INFO, __file__, 1, "hello", (), None)
    record.taskName = "Task-1"
    logging.Formatter("%(asctime)s %(message)s").format(record)

    logger.handle(record)
    logger.info("started", extra={"color_message": "\x1b[32mstarted"})  # as uvicorn does

    assert [event.fields for event in events] == [{}, {}]


@pytest.mark.parametrize(
    ("message", "args", "text", "fields"),
    [
        ("no arguments: 100%", (), "no arguments: 100%", {}),
        ("%s took %d ms", ("job", 7), "job took 7 ms", {"args": ["job", 7]}),
        ("%(user)s paid %(sum).2f", ({"user": "u-1", "sum": 1.5},), "u-1 paid 1.50", {"user": "u-1", "sum": 1.5}),
        ("headers: %s", ({"a": 1},), "headers: {'a': 1}", {"args": [{"a": 1}]}),
        ("%s failed", (ValueError("boom"),), "boom failed", {"args": ["ValueError('boom')"]}),
        ("%d too few %s", (1,), "%d too few %s", {}),  # nothing says what they are, so nothing could redact them
        ("one too many", (1,), "one too many", {}),
        ({"not": "a text"}, (), "{'not': 'a text'}", {}),
        (ValueError("an exception"), (), "an exception", {}),
    ],
)
def test_arguments_are_kept_apart_from_the_finished_text(
    logger: logging.Logger, message: Any, args: tuple[Any, ...], text: str, fields: dict[str, Any]
) -> None:
    events = captured()
    logger.propagate = False

    logger.info(message, *args)

    assert last(events).message == text
    assert last(events).merged() == fields


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_message_that_raises_costs_no_line(logger: logging.Logger, error: type[BaseException]) -> None:
    class Broken:
        def __str__(self) -> str:
            raise error

        def __repr__(self) -> str:
            return "<broken>"

    events = captured()
    logger.propagate = False

    logger.info(Broken())
    logger.info("%s", Broken())

    assert texts(events) == ["<broken>", "%s"]
    assert faults.fault_counts()["capture.failed", logger.name] == 2


def test_an_interrupt_while_a_message_is_made_is_the_programs(logger: logging.Logger) -> None:
    class Interrupted:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    events = captured()
    with pytest.raises(KeyboardInterrupt):
        logger.info(Interrupted())

    logger.info("goes on")

    assert texts(events) == ["goes on"]


def test_a_record_of_which_no_event_can_be_made_takes_the_original_way(
    logger: logging.Logger, on_root: Collecting
) -> None:
    events = captured()
    record = logger.makeRecord(logger.name, logging.WARNING, __file__, 1, "odd", (), None)
    record.created = "today"  # type: ignore[assignment]
    odd_level = logger.makeRecord(logger.name, logging.WARNING, __file__, 1, "odder", (), None)
    odd_level.name = ["no name"]  # type: ignore[assignment]

    logger.handle(record)
    logger.handle(odd_level)

    assert said(events) == []
    assert on_root.got == ["odd", "odder"]
    assert faults.fault_counts()["capture.failed", logger.name] == 1


def caught() -> ValueError:
    try:
        raise ValueError("boom")
    except ValueError as error:
        return error


ERROR = caught()


@pytest.mark.parametrize(
    "given", [ERROR, (ValueError, ERROR, ERROR.__traceback__), (ValueError, ERROR, None)], ids=["it", "tuple", "bare"]
)
def test_an_exception_comes_with_its_traceback(logger: logging.Logger, given: Any) -> None:
    events = captured()

    logger.error("failed", exc_info=given)

    failure = last(events).error
    assert isinstance(failure, Failure)
    assert (failure.type, failure.message) == ("ValueError", "boom")
    assert "in caught" in failure.stack
    assert failure.stack.count("Traceback") == 1


def test_an_exception_in_hand_comes_with_its_traceback(logger: logging.Logger) -> None:
    events = captured()
    try:
        raise KeyError("key")
    except KeyError:
        logger.exception("one")
        logger.warning("two", exc_info=True)
    logger.warning("none in hand", exc_info=True)
    logger.warning("no", exc_info=False)

    assert [event.error.type if isinstance(event.error, Failure) else None for event in events] == [
        "KeyError",
        "KeyError",
        None,
        None,
    ]


def test_a_traceback_that_is_not_the_exceptions_own_is_the_one_shown(logger: logging.Logger) -> None:
    events = captured()
    bare = RuntimeError("without a traceback")

    logger.error("failed", exc_info=(RuntimeError, bare, ERROR.__traceback__))

    failure = last(events).error
    assert isinstance(failure, Failure)
    assert failure.type == "RuntimeError"
    assert "in caught" in failure.stack
    assert failure.stack.endswith("RuntimeError: without a traceback")
    assert bare.__traceback__ is None


def test_an_exception_is_told_though_it_was_set_by_hand(logger: logging.Logger) -> None:
    events = captured()
    logger.propagate = False
    record = logging.makeLogRecord({"name": logger.name, "levelno": 40, "msg": "by hand", "exc_info": ERROR})

    logger.handle(record)

    assert isinstance(last(events).error, Failure)


def test_a_record_from_a_socket_keeps_its_exception_time_and_origin(logger: logging.Logger) -> None:
    events = captured()
    here = logger.makeRecord(
        logger.name, logging.ERROR, "/srv/app.py", 7, "failed %s", ("badly",), (ValueError, ERROR, ERROR.__traceback__)
    )
    here.created, here.process, here.threadName = 1_700_000_000.25, 4_321, "Worker-7"
    pickled = logging.handlers.SocketHandler("nowhere", 0).makePickle(here)
    there = logging.makeLogRecord(pickle.loads(pickled[4:]))

    logger.handle(there)

    event = last(events)
    assert event.message == "failed badly"
    assert isinstance(event.error, Failure)
    assert (event.error.type, event.error.message) == ("ValueError", "boom")
    assert "in caught" in event.error.stack
    assert (event.time_ns, event.pid, event.thread) == (1_700_000_000_250_000_000, 4_321, "Worker-7")
    assert (event.site.file, event.site.line) == ("/srv/app.py", 7)


def test_the_stack_is_a_field(logger: logging.Logger) -> None:
    events = captured()

    logger.info("where am I", stack_info=True)

    assert "test_the_stack_is_a_field" in str(last(events).fields["stack_info"])


def test_the_site_is_the_callers_as_stacklevel_says(logger: logging.Logger) -> None:
    events = captured()

    def helper() -> None:
        logger.info("helped", stacklevel=2)

    for _ in range(2):
        helper()

    site = events[0].site
    assert (site.function, site.module, site.file) == (
        "test_the_site_is_the_callers_as_stacklevel_says",
        "test_capture",
        __file__,
    )
    assert site.line == helper.__code__.co_firstlineno + 4
    assert events[1].site is site


def test_time_thread_and_process_are_those_of_the_record(logger: logging.Logger) -> None:
    events = captured()
    before = time.time_ns()
    thread = threading.Thread(target=logger.info, args=("hello",), name="speaker")
    thread.start()
    thread.join()

    event = last(events)
    assert event.thread == "speaker"
    assert event.pid == slot.pid
    assert before - 1_000 <= event.time_ns <= time.time_ns()


def test_the_context_goes_with_a_record(logger: logging.Logger) -> None:
    events = captured(context={"service": "shop"})

    with penstock.context(request_id="r-1"):
        logger.info("hello", extra={"qty": 2})

    assert last(events).merged() == {"service": "shop", "request_id": "r-1", "qty": 2}


def test_a_test_that_captures_sees_stdlib_records(logger: logging.Logger) -> None:
    captured(level="error")
    with capture() as events:
        logger.warning("too low for the river")

    assert events.count("too low for the river") == 1


# -- warnings ---------------------------------------------------------------------------------------------------------


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(text, category, stacklevel=2)


def test_a_warning_comes_in_once_with_its_place(capfd: pytest.CaptureFixture[str]) -> None:
    events = captured()

    warn("old", DeprecationWarning)

    event = last(events)
    assert (event.name, event.message, event.level) == ("py.warnings", "old", 30)
    assert event.fields == {"category": "DeprecationWarning"}
    assert event.site.file == __file__
    assert event.site.line == test_a_warning_comes_in_once_with_its_place.__code__.co_firstlineno + 3
    assert event.site.module == "test_capture"
    assert capfd.readouterr() == ("", "")


def test_a_warning_that_is_an_error_still_raises() -> None:
    events = captured()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            warnings.warn("strict", stacklevel=1)

    assert events == []


def test_warnings_recorded_by_a_block_are_the_blocks(recwarn: pytest.WarningsRecorder) -> None:
    events = captured()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("in the block", stacklevel=1)

    warn("after it")

    assert [str(one.message) for one in caught] == ["in the block"]
    assert texts(events) == ["after it"]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the function that was there before us shows."""
    texts: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *others: texts.append(str(message)))
    return texts


def test_a_block_that_outlives_us_leaves_warnings_to_others(shown: list[str]) -> None:
    function = warnings.showwarning
    events = captured()
    with warnings.catch_warnings():
        penstock.shutdown()
    assert warnings.showwarning is not function, "the block has put our function back"

    warn("for stderr")
    again = captured()
    warn("captured again")
    penstock.shutdown()
    warn("for stderr again")

    assert events == []
    assert texts(again) == ["captured again"]
    assert shown == ["for stderr", "for stderr again"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_warnings_that_somebody_sends_to_logging_come_in_once(when: str, capfd: pytest.CaptureFixture[str]) -> None:
    events: list[Event] = []
    if when == "after":
        events = captured()
    logging.captureWarnings(True)
    if when == "before":
        events = captured()

    warn("once")
    if when == "before":
        penstock.shutdown()
    logging.captureWarnings(False)

    assert last(events).name == "py.warnings"
    assert "once" in events[0].message
    assert capfd.readouterr() == ("", "")


def test_a_warning_written_to_a_file_of_ones_own_goes_there(shown: list[str]) -> None:
    events = captured()

    warnings.showwarning("mine", UserWarning, "f.py", 1, io.StringIO())

    assert shown == ["mine"]
    assert events == []


def test_a_warning_whose_text_raises_comes_in() -> None:
    class Broken(UserWarning):
        def __str__(self) -> str:
            raise ValueError

        def __repr__(self) -> str:
            return "<broken>"

    events = captured()
    warnings.showwarning(Broken(), Broken, "f.py", 1)

    assert texts(events) == ["<broken>"]


# -- exceptions -------------------------------------------------------------------------------------------------------


def call_excepthook(error: BaseException) -> None:
    sys.excepthook(type(error), error, error.__traceback__)


def test_an_uncaught_exception_comes_in_and_is_printed_by_nobody_else(capfd: pytest.CaptureFixture[str]) -> None:
    events = captured()

    call_excepthook(ERROR)

    event = last(events)
    assert (event.name, event.level) == ("sys.excepthook", 50)
    assert isinstance(event.error, Failure)
    assert event.error.stack.endswith("ValueError: boom")
    assert (event.site.function, event.site.file) == ("caught", __file__)
    assert event.site.line == caught.__code__.co_firstlineno + 2
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_goes_to_the_original_hook_alone(capfd: pytest.CaptureFixture[str]) -> None:
    events = captured()

    call_excepthook(KeyboardInterrupt())

    assert events == []
    assert "KeyboardInterrupt" in capfd.readouterr().err


def test_the_hooks_of_others_still_run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    ran: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda *args: ran.append(args[1]))
    monkeypatch.setattr(threading, "excepthook", lambda args: ran.append(args.exc_value))
    monkeypatch.setattr(sys, "unraisablehook", lambda args: ran.append(str(args.exc_value)))
    events = captured()

    call_excepthook(ERROR)
    thread_that_raises(ERROR)
    unraisable("lost")
    penstock.shutdown()
    call_excepthook(ERROR)

    assert ran == [ERROR, ERROR, "lost", ERROR]
    assert len(events) == 3


@pytest.mark.parametrize(
    "tables", [{"pipeline": {"some": {"sink": "kept", "match": ["app.**"]}}}, {"level": "emergency"}]
)
def test_an_exception_that_no_pipeline_wants_is_printed_as_ever(
    capfd: pytest.CaptureFixture[str], tables: dict[str, Any]
) -> None:
    events = captured(**tables)

    call_excepthook(ERROR)
    thread_that_raises(KeyError("thread"))
    unraisable("finaliser")

    told = capfd.readouterr().err
    assert events == []
    assert "ValueError: boom" in told
    assert "KeyError: 'thread'" in told
    assert "RuntimeError: finaliser" in told


def thread_that_raises(error: BaseException) -> None:
    def die() -> None:
        raise error

    thread = threading.Thread(target=die, name="mortal")
    thread.start()
    thread.join()


def test_a_thread_that_dies_comes_in(capfd: pytest.CaptureFixture[str]) -> None:
    events = captured()

    thread_that_raises(KeyError("gone"))

    event = last(events)
    assert (event.name, event.level, event.thread) == ("threading.excepthook", 40, "mortal")
    assert event.fields == {}
    assert isinstance(event.error, Failure)
    assert event.error.message == "'gone'"
    assert event.site.function.endswith("die")
    assert capfd.readouterr() == ("", "")


def test_a_thread_that_exits_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    events = captured()

    thread_that_raises(SystemExit())

    assert events == []
    assert capfd.readouterr() == ("", "")


def test_a_thread_hook_gets_what_little_there_may_be() -> None:
    events = captured()

    threading.excepthook(threading.ExceptHookArgs((ValueError, None, None, None)))

    event = last(events)
    assert event.fields == {}
    assert isinstance(event.error, Failure)
    assert event.error.type == "ValueError"


def unraisable(text: str) -> None:
    class Finalised:
        def __del__(self) -> None:
            raise RuntimeError(text)

    Finalised()
    gc.collect()


def test_an_exception_in_a_finaliser_comes_in(capfd: pytest.CaptureFixture[str]) -> None:
    events = captured()

    unraisable("finaliser")

    event = last(events)
    assert (event.name, event.level) == ("sys.unraisablehook", 40)
    assert "Finalised.__del__" in str(event.fields["object"])
    assert isinstance(event.error, Failure)
    assert event.error.message == "finaliser"
    assert event.site.function.endswith("__del__")
    assert capfd.readouterr() == ("", "")


def test_an_object_that_is_being_finalised_is_not_kept() -> None:
    captured()

    with capture() as events:
        unraisable("finaliser")

    assert type(events[0].fields["object"]) is str


def test_a_task_whose_exception_nobody_fetched_comes_in_through_its_logger(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events = captured("logging")

    async def fail() -> None:
        raise ValueError("forgotten")

    async def forget() -> None:
        task = asyncio.ensure_future(fail())
        await asyncio.sleep(0)
        del task

    asyncio.run(forget())
    gc.collect()

    (event,) = [event for event in events if event.level >= 40]
    assert event.name == "asyncio"
    assert event.message.startswith("Task exception was never retrieved")
    assert isinstance(event.error, Failure)
    assert event.error.message == "forgotten"


def test_only_the_ways_that_are_named_are_taken() -> None:
    before = things_taken()

    captured("warnings")

    taken = [name for name, thing in things_taken().items() if thing != before[name]]
    assert taken == ["showwarning"]


# -- what would go round and round ------------------------------------------------------------------------------------


@define(kw_only=True)
class Talker:
    """A sink whose client logs, warns and drops an exception while it delivers."""

    delivery: ClassVar[dict[str, object]] = {"mode": "queued", "batch_wait": "1 ms"}
    default_format: ClassVar[str] = "plain"
    threads: ClassVar[set[str]] = set()

    def write(self, batch: Sequence[Record], /) -> None:
        Talker.threads.add(threading.current_thread().name)
        logging.getLogger("talker.client").warning("delivering")
        warn("delivering")
        unraisable("delivering")


@define(kw_only=True)
class Muttering:
    """An inline sink that logs while it writes."""

    delivery: ClassVar[dict[str, object]] = {"mode": "inline"}
    default_format: ClassVar[str] = "plain"
    got: ClassVar[list[bytes]] = []

    def write(self, batch: Sequence[Record], /) -> None:
        Muttering.got += [record.data for record in batch]
        logging.getLogger("muttering").warning("writing")


@define(kw_only=True)
class Chatty:
    """A format that logs while it formats."""

    def format(self, event: Event, /) -> bytes:
        logging.getLogger("chatty").warning("formatting")
        return event.message.encode()


@pytest.fixture
def talkers(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(sys.modules, "talkers", sys.modules[__name__])
    Talker.threads.clear()
    Muttering.got.clear()
    return "python:talkers:"


def test_what_a_delivering_thread_does_never_comes_in(
    logger: logging.Logger, talkers: str, on_root: Collecting, capfd: pytest.CaptureFixture[str]
) -> None:
    events = captured(
        sink={"kept": {"type": "python:hard_sinks:Audit"}, "talker": {"type": f"{talkers}Talker"}},
        pipeline={"all": {"sink": "kept"}, "queued": {"sink": "talker"}},
    )

    for number in range(3):
        logger.warning("event %d", number)
        assert penstock.flush()

    assert texts(events) == ["event 0", "event 1", "event 2"]
    assert Talker.threads == {"penstock-talker"}
    assert penstock.ledger()["talker"].delivered >= 3
    assert on_root.got.count("delivering") >= 3, "other handlers get it as ever"
    assert ("worker.failed", "RuntimeError") in faults.fault_counts()
    assert capfd.readouterr() == ("", "")


def test_an_inline_sink_that_logs_is_counted_as_recursion(logger: logging.Logger, talkers: str) -> None:
    events = captured(
        sink={"kept": {"type": "python:hard_sinks:Audit"}, "muttering": {"type": f"{talkers}Muttering"}},
        pipeline={"all": {"sink": "kept"}, "inline": {"sink": "muttering"}},
    )

    logger.warning("hello")

    assert texts(events) == ["hello", "writing"]
    assert len(Muttering.got) == 1
    account = penstock.ledger()["muttering"]
    assert (account.accepted, account.delivered, account.dropped) == (2, 1, {"recursion": 1})


def test_a_format_that_logs_is_heard_once_and_not_for_ever(logger: logging.Logger, talkers: str) -> None:
    captured(
        sink={"kept": {"type": f"{talkers}Muttering"}},
        format={"chatty": {"type": f"{talkers}Chatty"}},
        pipeline={"all": {"sink": "kept", "format": "chatty", "match": ["case.**", "chatty"]}},
    )

    logger.warning("hello")
    logger.warning("hello again")

    assert Muttering.got == [b"formatting", b"hello", b"formatting", b"hello again"]
    assert faults.fault_counts()["event.refused", "chatty"] == 2
