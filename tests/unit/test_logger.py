"""Loggers: cheap where nobody listens, every keyword a field, and they follow every configuration."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import sys
import threading
from typing import Any

import pytest

import penstock
from penstock import logger as logger_module
from penstock.faults import fault_counts
from penstock.logger import Logger
from penstock.testing import capture


def river(**tables: object) -> None:
    penstock.configure({"sink": {"out": {"type": "python:penstock.testing:RecordingSink"}}, **tables})


@pytest.mark.parametrize("level", "trace debug info notice warning error critical alert emergency".split())
def test_each_level_is_a_method(level: str) -> None:
    with capture() as events:
        getattr(penstock.get_logger("shop"), level)("sold", qty=2)

    (event,) = events
    assert (event.name, event.message, event.fields) == ("shop", "sold", {"qty": 2})
    assert penstock.get_logger("x").enabled(event.level)
    assert event.level == {"trace": 5, "notice": 25, "alert": 60, "emergency": 70}.get(level, event.level)


def test_the_name_defaults_to_the_callers_module() -> None:
    assert penstock.get_logger().name == __name__


def test_the_site_is_the_line_of_the_call_and_one_object() -> None:
    log = penstock.get_logger("shop")
    with capture() as events:
        for _ in range(2):
            log.info("here")
        log.bind(a=1).warning("there")
        log.log("error", "over there")

    first, second, third, fourth = events
    assert first.site is second.site
    assert first.site.function == "test_the_site_is_the_line_of_the_call_and_one_object"
    assert first.site.module == __name__
    assert third.site.line == first.site.line + 1
    assert fourth.site.line == first.site.line + 2


def test_every_word_is_legal_as_a_field() -> None:
    words = {"message": 1, "self": 2, "level": 3, "name": 4, "event": 5, "logger": 6, "error": 7, "class": 8, "": 9}
    with capture() as events:
        penstock.get_logger("shop").info("sold", **words)

    assert events[0].fields == words


def test_the_message_is_never_formatted() -> None:
    with capture() as events:
        penstock.get_logger("shop").info("100 % of {everything} %s {0.__class__}", a=1)

    assert events[0].message == "100 % of {everything} %s {0.__class__}"


def test_bound_fields_go_along_and_the_call_wins() -> None:
    log = penstock.get_logger("shop", shop="north", till=1).bind(till=2)
    with capture() as events:
        log.info("a", till=3)
        log.unbind("till", "absent").info("b")

    assert [event.fields for event in events] == [{"shop": "north", "till": 3}, {"shop": "north"}]


def test_a_levels_that_nobody_wants_is_an_empty_function() -> None:
    river(pipeline={"all": {"sink": "out", "level": "warning"}})
    log = penstock.get_logger("shop")

    assert type(log).info is type(log).debug
    assert not log.enabled("info")
    assert log.enabled("warning")
    assert isinstance(log, Logger)
    log.info("nothing", a=1)
    log.log("info", "nothing")
    assert penstock.ledger().pipelines["all"].offered == 0


def test_a_logger_made_at_import_follows_every_later_configuration() -> None:
    log = penstock.get_logger("shop")
    river(pipeline={"all": {"sink": "out", "level": "error"}})
    assert not log.enabled("info")
    bound = log.bind(a=1)
    river(pipeline={"all": {"sink": "out", "level": "debug"}})

    assert log.enabled("debug")
    assert bound.enabled("debug")
    bound.debug("seen")
    assert penstock.ledger()["out"].accepted == 1


def test_exception_takes_the_one_that_is_handled() -> None:
    error = ValueError("x")
    with capture() as events:
        try:
            raise error
        except ValueError:
            penstock.get_logger("shop").exception("failed", order=7)

    assert events[0].error is error
    assert events[0].level == 40


def test_a_wrong_level_never_raises_where_something_is_said() -> None:
    with capture() as events:
        penstock.get_logger("shop").log("loud", "said")

    assert events[0].level == 40
    with pytest.raises(ValueError, match="loud"):
        penstock.get_logger("shop").enabled("loud")


def test_a_logger_shows_no_value() -> None:
    assert "s3cr3t" not in repr(penstock.get_logger("shop").bind(token="s3cr3t"))


def test_loggers_are_not_kept_alive() -> None:
    from penstock.logger import _loggers

    for _ in range(100):
        penstock.get_logger("gone").bind(a=1)
    gc.collect()

    assert sum(1 for reference in _loggers if (logger := reference()) and logger.name == "gone") == 0


# -- catch ------------------------------------------------------------------------------------------------------------


def test_catch_tells_and_swallows() -> None:
    with capture() as events:
        with penstock.catch():
            raise ValueError("x")
        after = True

    assert after
    assert isinstance(events[0].error, ValueError)
    assert events[0].site.function == "test_catch_tells_and_swallows"


def test_catch_returns_the_default_and_tells_where_it_happened() -> None:
    @penstock.catch(ZeroDivisionError, default=-1, level="critical", message="no ratio")
    def ratio(a: int, b: int) -> float:
        return a / b

    with capture() as events:
        assert ratio(4, 2) == 2
        assert ratio(1, 0) == -1

    (event,) = events
    assert (event.message, event.level) == ("no ratio", 50)
    assert event.site.function.endswith("ratio")


def test_catch_can_let_it_go_on() -> None:
    with capture() as events, pytest.raises(ValueError, match="x"), penstock.catch(reraise=True):
        raise ValueError("x")

    assert events.count() == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_catch_lets_interrupts_and_cancellation_pass(error: type[BaseException]) -> None:
    with capture() as events, pytest.raises(error), penstock.catch():
        raise error

    assert events.count() == 0


def test_catch_works_for_coroutine_functions() -> None:
    @penstock.catch(default="fallen back")
    async def later() -> str:
        raise ValueError

    with capture() as events:
        assert asyncio.run(later()) == "fallen back"

    assert events.count() == 1


# -- threads, pickling ------------------------------------------------------------------------------------------------


def test_levels_change_while_other_threads_make_loggers_and_all_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    level, stop = [0], threading.Event()
    monkeypatch.setattr(logger_module, "_heard_from", lambda name: level[0])
    made: list[Logger] = []

    def make() -> None:
        log = penstock.get_logger("busy")
        while not stop.is_set():
            made.extend((log.bind(a=1), penstock.get_logger("busy")))

    threads = [threading.Thread(target=make) for _ in range(3)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    for thread in threads:
        thread.start()
    try:
        for turn in range(60):
            del made[:]
            level[0] = 40 if turn % 2 else 0
            logger_module.retune()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)

    assert {logger.enabled("info") for logger in made} == {False}


def test_a_logger_made_while_the_levels_change_follows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    level = [0]

    def changes_meanwhile(name: str) -> int:
        before = level[0]
        if before == 0:
            level[0] = 40
            logger_module.retune()  # as another thread would, after the answer was looked up
        return before

    monkeypatch.setattr(logger_module, "_heard_from", changes_meanwhile)
    assert not penstock.get_logger("shop").enabled("info")


def test_a_pickled_logger_is_its_name_and_a_copied_one_is_itself() -> None:
    river(pipeline={"all": {"sink": "out", "level": "error"}})
    log = penstock.get_logger("shop").bind(token="s3cr3t")

    data = pickle.dumps(log)

    assert b"s3cr3t" not in data
    assert pickle.loads(data).name == "shop"
    assert copy.copy(log) is copy.deepcopy(log) is log


def test_a_name_or_level_of_another_kind_is_a_fault_and_no_exception() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise OSError

    name: Any = 5
    level: Any = Unprintable()
    with capture() as events:
        penstock.get_logger(name).info("said")
        penstock.get_logger("shop").log(level, "said too")

    assert [(event.name, event.level) for event in events] == [("5", 20), ("shop", 40)]
    assert fault_counts()["emit.failed", "5"] == 1
    assert fault_counts()["emit.failed", "shop"] == 1


def test_every_word_can_be_bound() -> None:
    with capture() as events:
        penstock.get_logger("shop").bind(self=1, fields=2).info("sold")

    assert events[0].fields == {"self": 1, "fields": 2}
