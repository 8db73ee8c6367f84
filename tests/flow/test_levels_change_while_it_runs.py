"""Levels are set while a program talks, from anywhere, for a while or for good; afterwards all is as it was."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

import penstock
from interrupts import everywhere
from penstock.assembly import tuning
from penstock.clock import monotonic
from penstock.types import Record


class Kept:
    """A sink that keeps texts."""

    delivery: ClassVar[dict[str, object]] = {"mode": "inline"}
    texts: ClassVar[list[str]] = []

    def write(self, batch: Sequence[Record], /) -> None:
        """Keep them."""
        Kept.texts += [record.data.decode().partition(": ")[2] for record in batch]


@pytest.fixture
def document() -> dict[str, Any]:
    Kept.texts.clear()
    return {
        "level": "error",
        "sink": {"out": {"type": f"python:{__name__}:Kept"}},
        "pipeline": {"all": {"sink": "out", "match": ["shop.**"]}},
    }


def wait_until(condition: Callable[[], bool]) -> None:
    until = monotonic() + 60
    while not condition():
        assert monotonic() < until, "it did not happen"
        threading.Event().wait(0.005)


def test_a_logger_whose_calls_did_nothing_speaks_and_is_silent_again(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, timers = [0.0], []

    def after(seconds: float, function: Callable[[], None], /) -> Callable[[], None]:
        timers.append(function)
        return lambda: None

    monkeypatch.setattr(tuning, "monotonic", lambda: now[0])
    monkeypatch.setattr(tuning, "TIMERS", SimpleNamespace(after=after))
    penstock.configure(document)
    log = penstock.get_logger("shop.till")
    bound = log.bind(till=1)
    silent = type(log).debug
    penstock.set_level("debug", name="shop.till", seconds=60)
    log.debug("1")
    bound.debug("2")
    penstock.get_logger("shop.till").debug("3")
    now[0] = 60.0
    for function in timers:
        function()
    log.debug("4")
    bound.debug("5")

    assert Kept.texts == ["1", "2 till=1", "3"]
    assert type(log).debug is silent is type(bound).debug


def test_it_outlives_a_reload_and_ends_in_the_river_that_took_over(document: dict[str, Any]) -> None:
    runtime = penstock.configure(document)
    log = penstock.get_logger("shop")
    penstock.set_level("debug", name="shop", seconds=600)
    penstock.set_level("info", name="shop.quiet")
    document["context"] = {"river": "second"}
    assert runtime.reload()
    log.debug("1")
    penstock.set_level("trace", name="shop", seconds=0)

    assert Kept.texts == ["1 river=second"]
    wait_until(lambda: not log.enabled("trace"))
    assert log.enabled("debug")
    document["levels"] = {"shop": "critical"}
    assert runtime.reload()
    assert not log.enabled("error")
    assert penstock.get_logger("shop.quiet").enabled("info")
    penstock.shutdown()
    penstock.configure(document)
    assert not penstock.get_logger("shop.quiet").enabled("info")


def test_any_level_can_be_set_above_error_too(document: dict[str, Any]) -> None:
    penstock.configure(document)
    log = penstock.get_logger("shop")
    penstock.set_level("emergency", sink="out")
    log.alert("1")
    penstock.set_level(0, sink="out")
    log.error("2")

    assert Kept.texts == ["2"]
    assert penstock.ledger().balanced


def test_captured_loggers_follow(document: dict[str, Any]) -> None:
    penstock.configure({**document, "capture": ["logging"]})
    theirs = logging.getLogger("shop.library")
    theirs.info("1")
    penstock.set_level("info", name="shop.library")
    theirs.info("2")

    assert Kept.texts == ["2"]


def test_threads_set_levels_while_others_talk_and_reload(document: dict[str, Any]) -> None:
    runtime = penstock.configure(document)
    stop = threading.Event()
    errors: list[BaseException] = []
    said = [0]

    def guarded(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                while not stop.is_set():
                    work()
            except BaseException as error:
                errors.append(error)

        return run

    def talk() -> None:
        log.error(str(said[0]))
        said[0] += 1
        log.debug("maybe")

    def change() -> None:
        penstock.set_level("debug", name="shop", seconds=0.001)
        penstock.set_level("debug", sink="out", seconds=0.002)
        penstock.set_level("notice", seconds=0.003)

    log = penstock.get_logger("shop")
    works = [talk, change, change, runtime.reload]
    threads = [threading.Thread(target=guarded(work)) for work in works]
    for thread in threads:
        thread.start()
    stop.wait(1.0)
    stop.set()
    for thread in threads:
        thread.join()

    assert errors == []
    wait_until(lambda: not log.enabled("warning"))
    assert [text for text in Kept.texts if text != "maybe"] == [str(number) for number in range(said[0])]
    assert log.enabled("error")
    assert penstock.ledger().balanced


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such timer there")
def test_a_signal_handler_sets_levels_in_the_middle_of_it(document: dict[str, Any]) -> None:
    penstock.configure(document)
    log = penstock.get_logger("shop")
    handled = [0]

    def handler(number: int, frame: object) -> None:
        handled[0] += 1
        penstock.set_level("debug", name="shop", seconds=0.01)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        until = monotonic() + 60
        while handled[0] < 100:
            penstock.set_level("info", name="shop", seconds=0.01)
            assert monotonic() < until
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    wait_until(lambda: not log.enabled("warning"))
    assert log.enabled("error")


def test_an_interrupt_anywhere_leaves_levels_that_end(document: dict[str, Any]) -> None:
    penstock.configure(document)
    log = penstock.get_logger("shop")
    places = 0
    for _ in everywhere(lambda: lambda: penstock.set_level("debug", name="shop", seconds=0.0)):
        places += 1
        wait_until(lambda: not log.enabled("warning"))
    assert places > 20
    penstock.set_level("debug", name="shop")

    assert log.enabled("debug")
