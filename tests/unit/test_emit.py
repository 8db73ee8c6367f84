"""A call becomes an event, and nothing that goes wrong gets back to the call."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

import penstock
from interrupts import everywhere
from penstock.event import NOWHERE, Event
from penstock.faults import fault_counts
from penstock.river import emit as emit_module
from penstock.river.early import Early
from penstock.river.emit import emit, site_of, slot, submit


class Noted(Early):
    """An inlet that keeps the events themselves."""

    static: Mapping[str, object] = {"service": "x"}

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def submit(self, event: Event, /) -> None:
        self.events.append(event)


@pytest.fixture
def inlet() -> Noted:
    slot.inlet = noted = Noted()
    return noted


def test_an_event_has_context_pid_and_thread(inlet: Noted) -> None:
    with penstock.context(request="r"):
        emit("e", 20, "m", {"a": 1}, {}, NOWHERE)

    (event,) = inlet.events
    assert event.context == {"service": "x", "request": "r"}
    assert event.pid == os.getpid()
    assert event.thread == threading.current_thread().name


def test_without_context_the_static_fields_are_shared_not_copied(inlet: Noted) -> None:
    emit("e", 20, "m", {}, {}, NOWHERE)

    assert inlet.events[0].context is inlet.static


def test_what_the_river_raises_never_reaches_the_caller() -> None:
    class Broken(Early):
        def submit(self, event: Event, /) -> None:
            raise MemoryError

    slot.inlet = Broken()

    emit("e", 20, "m", {}, {}, NOWHERE)

    assert fault_counts()["emit.failed", "e"] == 1


def test_an_interrupt_is_the_programs() -> None:
    class Interrupted(Early):
        def submit(self, event: Event, /) -> None:
            raise KeyboardInterrupt

    slot.inlet = Interrupted()

    with pytest.raises(KeyboardInterrupt):
        emit("e", 20, "m", {}, {}, NOWHERE)


def test_a_call_site_is_one_object_for_ever() -> None:
    sites = [site_of(sys._getframe()) for _ in range(3)]

    assert sites[0] is sites[1] is sites[2]
    assert sites[0].line > 0
    assert sites[0].file == __file__
    assert site_of(sys._getframe()) is not sites[0]


def test_sites_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit_module, "_SITES", 10)
    monkeypatch.setattr(emit_module, "sites", {})
    for number in range(50):
        module: dict[str, object] = {"site_of": site_of, "sys": sys}
        exec(f"x{number} = site_of(sys._getframe())", module)

    assert len(emit_module.sites) <= 10


class Talks(Noted):
    """Says something of each event."""

    def submit(self, event: Event, /) -> None:
        super().submit(event)
        emit("talk", 20, "again", {}, {}, NOWHERE)


def test_what_is_emitted_on_the_way_goes_one_deep_and_no_further() -> None:
    slot.inlet = talks = Talks()
    emit("first", 20, "m", {}, {}, NOWHERE)
    emit("second", 20, "m", {}, {}, NOWHERE)

    assert [event.name for event in talks.events] == ["first", "talk", "second", "talk"]
    assert fault_counts()["event.refused", "talk"] == 2


def test_taps_see_what_goes_to_the_river(inlet: Noted) -> None:
    seen: list[Event] = []
    slot.taps = (seen.append,)
    event = Event("e")
    submit(event)
    slot.taps = ()

    assert seen == inlet.events == [event]


def test_equal_code_in_two_files_is_two_places() -> None:
    source = "def place():\n    return site_of(sys._getframe())\n"
    sites = []
    for file in ("a/views.py", "b/views.py"):
        module: dict[str, Any] = {"site_of": site_of, "sys": sys, "__name__": file}
        exec(compile(source, file, "exec"), module)
        sites.append(module["place"]())

    assert [(site.file, site.module) for site in sites] == [("a/views.py", "a/views.py"), ("b/views.py", "b/views.py")]


def test_what_c_calls_is_told_though_no_frame_says_where() -> None:
    code = """
import atexit, penstock
log = penstock.get_logger("shop")
atexit.register(log.info, "closed")
atexit.register(penstock.execute, "shop.closed", {"value": 1}, level="info")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "INFO      shop: closed\n" in done.stderr
    assert "INFO      shop.closed:  value=1\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_functions_of_c_that_pass_a_call_on_have_the_site_of_their_caller(inlet: Noted) -> None:
    log = penstock.get_logger("shop")
    list(map(log.info, ["one", "two"]))
    partial(log.info, "three")()

    here = test_functions_of_c_that_pass_a_call_on_have_the_site_of_their_caller.__name__
    assert [event.site.function for event in inlet.events] == [here] * 3


@pytest.mark.parametrize("taps", [(), (lambda event: None,)])
def test_an_interrupt_anywhere_leaves_the_way_free(taps: Any) -> None:
    log = penstock.get_logger("shop").bind(shop="north")
    slot.inlet = talks = Talks()
    slot.taps = taps
    try:
        with penstock.context(request_id="r-1"):
            for where in everywhere(lambda: lambda: log.info("hello", n=1)):
                talks.events.clear()
                log.info("hello")
                assert [event.name for event in talks.events] == ["shop", "talk"], where
    finally:
        slot.taps = ()


def test_a_stack_at_its_end_is_not_the_programs_fault(inlet: Noted, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deep(Noted):
        def submit(self, event: Event, /) -> None:
            self.submit(event)

    def too_deep(*args: object, **kwargs: object) -> None:
        raise RecursionError

    monkeypatch.setattr(emit_module, "report", too_deep)
    slot.inlet = Deep()

    emit("e", 20, "m", {}, {}, NOWHERE)


def test_a_name_that_claims_to_equal_others_is_taken_for_its_text(inlet: Noted) -> None:
    class Same(str):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash("shop")

    penstock.get_logger(Same("vault")).info("hello")
    penstock.execute(Same("vault.opened"))

    assert [type(event.name) for event in inlet.events] == [str, str]
    assert [event.name for event in inlet.events] == ["vault", "vault.opened"]
