"""Ported from what Erlang's `:telemetry` promises (its test/telemetry_SUITE.erl), and Penstock's improvements."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import pytest

import penstock
from penstock.errors import AlreadyAttachedError
from penstock.event import EMPTY
from penstock.faults import fault_counts
from penstock.river.early import Early
from penstock.river.emit import slot
from strategies import Raises

Calls = list[tuple[str, dict[str, object], dict[str, object], object]]


@pytest.fixture
def calls() -> Calls:
    return []


@pytest.fixture
def attach(calls: Calls) -> Iterator[Callable[..., str]]:
    """Attach a handler that notes its calls; all of them are detached afterwards."""
    ids: list[str] = []

    def note(event: str, measurements: Any, metadata: Any, config: object) -> None:
        calls.append((event, dict(measurements), dict(metadata), config))

    def attach(
        handler_id: str, events: str | list[str], function: Callable[..., None] = note, config: object = None
    ) -> str:
        penstock.attach(handler_id, events, function, config)
        ids.append(handler_id)
        return handler_id

    yield attach
    for handler_id in ids:
        penstock.detach(handler_id)


def fail(*_: object) -> None:
    raise RuntimeError("handler is broken")


def test_a_handler_gets_event_measurements_metadata_and_its_config(attach: Callable[..., str], calls: Calls) -> None:
    config = {"some": "config"}
    attach("my-handler", "some.event", config=config)

    penstock.execute("some.event", {"value": 1}, {"some": "metadata"})

    assert calls == [("some.event", {"value": 1}, {"some": "metadata"}, config)]
    assert calls[0][3] is config


def test_an_id_that_is_taken_is_refused_and_nothing_is_attached(attach: Callable[..., str]) -> None:
    attach("my-handler", "some.event")

    with pytest.raises(AlreadyAttachedError) as caught:
        penstock.attach("my-handler", ["other.event", "third.event"], fail)

    assert caught.value.handler_id == "my-handler"
    assert penstock.list_handlers("other") == []


@pytest.mark.parametrize("events", [[], "", "some..event", ["fine", ".x"], "some."])
def test_a_wrong_event_name_is_refused(events: Any) -> None:
    with pytest.raises(ValueError, match="event"):
        penstock.attach("my-handler", events, fail)
    assert penstock.list_handlers() == []


@pytest.mark.parametrize("events", [[3], [None], 7])
def test_an_event_that_is_no_text_is_refused(events: Any) -> None:
    with pytest.raises(TypeError):
        penstock.attach("my-handler", events, fail)


def test_a_handler_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="called as function"):
        penstock.attach("my-handler", "some.event", "no function")  # type: ignore[arg-type]


def test_one_handler_can_have_many_events_and_one_detach_ends_them_all(
    attach: Callable[..., str], calls: Calls
) -> None:
    attach("my-handler", ["first.event", "second.event"])

    penstock.execute("first.event")
    penstock.execute("second.event")
    assert penstock.detach("my-handler") is True
    penstock.execute("first.event")
    penstock.execute("second.event")

    assert [call[0] for call in calls] == ["first.event", "second.event"]


def test_an_event_listed_twice_runs_once(attach: Callable[..., str], calls: Calls) -> None:
    attach("my-handler", ["some.event", "some.event"])

    penstock.execute("some.event")

    assert len(calls) == 1


def test_detaching_an_unknown_id_can_be_told_apart() -> None:
    assert penstock.detach("nobody") is False


def test_execute_without_handlers_does_nothing() -> None:
    penstock.execute("some.event", {"value": 1}, {})


def test_measurements_and_metadata_can_be_left_out(attach: Callable[..., str], calls: Calls) -> None:
    attach("my-handler", "some.event")

    penstock.execute("some.event")

    assert calls == [("some.event", {}, {}, None)]


def test_names_match_exactly_and_prefixes_do_not(attach: Callable[..., str], calls: Calls) -> None:
    attach("my-handler", "some.event")

    penstock.execute("some")
    penstock.execute("some.event.more")
    penstock.execute("some.other")

    assert calls == []


def test_handlers_run_in_the_order_attached_in_the_emitters_thread(attach: Callable[..., str]) -> None:
    ran: list[tuple[int, int]] = []
    for number in range(5):
        attach(f"h{number}", "some.event", lambda *_, number=number: ran.append((number, threading.get_ident())))

    penstock.execute("some.event")

    assert ran == [(number, threading.get_ident()) for number in range(5)]


def test_list_handlers_goes_by_whole_segments(attach: Callable[..., str]) -> None:
    attach("one", ["http.request", "http.request.stop"])
    attach("two", "http.requests")

    assert [(info.handler_id, info.event) for info in penstock.list_handlers("http.request")] == [
        ("one", "http.request"),
        ("one", "http.request.stop"),
    ]
    assert penstock.list_handlers("http.req") == []
    assert len(penstock.list_handlers()) == 3
    (info,) = penstock.list_handlers("http.requests")
    assert (info.handler_id, info.event, info.config) == ("two", "http.requests", None)


def test_a_handler_that_raises_is_detached_from_all_its_events_and_the_rest_run(
    attach: Callable[..., str], calls: Calls, capfd: pytest.CaptureFixture[str]
) -> None:
    attach("broken", ["some.event", "other.event"], fail)
    attach("fine", "some.event")

    penstock.execute("some.event", {"value": 1})

    assert [call[0] for call in calls] == ["some.event"]
    assert [info.handler_id for info in penstock.list_handlers()] == ["fine"]
    assert "'broken'" in capfd.readouterr().err


def test_the_failure_is_an_event_with_the_six_keys_before_the_other_handlers_run(attach: Callable[..., str]) -> None:
    order: list[str] = []
    seen: dict[str, Any] = {}

    def on_failure(event: str, measurements: Any, metadata: Any, config: object) -> None:
        order.append("failure")
        seen.update(measurements=measurements, metadata=metadata)

    config = {"my": "config"}
    attach("failures", "penstock.handler.failed", on_failure)
    attach("broken", "some.event", fail, config)
    attach("fine", "some.event", lambda *_: order.append("fine"))

    penstock.execute("some.event")

    assert order == ["failure", "fine"]
    assert set(seen["measurements"]) == {"monotonic_time", "system_time"}
    metadata = seen["metadata"]
    assert set(metadata) == {"event_name", "handler_id", "handler_config", "kind", "reason", "stacktrace"}
    assert (metadata["event_name"], metadata["handler_id"], metadata["kind"]) == ("some.event", "broken", "error")
    assert metadata["handler_config"] is config
    assert isinstance(metadata["reason"], RuntimeError)


def test_a_failing_failure_handler_is_detached_too_and_recursion_ends(attach: Callable[..., str]) -> None:
    attach("failures", "penstock.handler.failed", fail)
    attach("broken", "some.event", fail)

    penstock.execute("some.event")

    assert penstock.list_handlers() == []


def test_a_failing_handler_shows_in_the_fault_counts(attach: Callable[..., str]) -> None:
    from penstock.faults import fault_counts

    attach("broken", "some.event", fail)

    penstock.execute("some.event")

    assert fault_counts()["handler.detached", "broken"] == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_a_handler_passes_through(attach: Callable[..., str], error: type[BaseException]) -> None:
    def interrupted(*_: object) -> None:
        raise error

    attach("interrupted", "some.event", interrupted)

    with pytest.raises(error):
        penstock.execute("some.event")
    assert [info.handler_id for info in penstock.list_handlers()] == ["interrupted"]


def test_handlers_are_a_snapshot_one_detached_meanwhile_runs_one_attached_does_not(
    attach: Callable[..., str], calls: Calls
) -> None:
    def swap(*_: object) -> None:
        penstock.detach("second")
        attach("third", "some.event")

    attach("first", "some.event", swap)
    attach("second", "some.event")

    penstock.execute("some.event")
    assert len(calls) == 1  # the second
    penstock.detach("first")
    penstock.execute("some.event")
    assert len(calls) == 2  # the third


def test_attach_detach_and_list_while_events_flow_from_several_threads() -> None:
    counted = [0] * 4
    stop = threading.Event()

    def emit(number: int) -> None:
        while not stop.is_set():
            penstock.execute("busy.event", {"value": 1})
            counted[number] += 1

    seen: list[int] = []
    penstock.attach("steady", "busy.event", lambda event, measurements, *_: seen.append(1))
    threads = [threading.Thread(target=emit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(300):
            penstock.attach(f"h{turn}", ["busy.event", "other.event"], lambda *_: None)
            assert any(info.handler_id == f"h{turn}" for info in penstock.list_handlers("busy"))
            assert penstock.detach(f"h{turn}")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    penstock.detach("steady")

    assert len(seen) == sum(counted)


def test_handlers_survive_configure_reload_and_shutdown(attach: Callable[..., str], calls: Calls) -> None:
    attach("steady", "some.event")
    document = {
        "sink": {"out": {"type": "python:penstock.testing:RecordingSink"}},
        "pipeline": {"all": {"sink": "out"}},
    }

    runtime = penstock.configure(document)
    penstock.execute("some.event")
    assert runtime.reload()
    penstock.execute("some.event")
    penstock.shutdown()
    penstock.execute("some.event")

    assert len(calls) == 3


def test_a_telemetry_event_goes_down_the_river_at_debug_unless_given() -> None:
    with penstock.testing.capture() as events:
        penstock.execute("some.event", {"value": 1}, {"who": "me"})
        penstock.execute("some.event", {"value": 2}, level="error")

    assert [(event.name, event.level, event.measurements, event.metadata) for event in events] == [
        ("some.event", 10, {"value": 1}, {"who": "me"}),
        ("some.event", 40, {"value": 2}, {}),
    ]
    assert events[0].message == ""
    assert events[0].fields is EMPTY
    assert events[0].site.function == "test_a_telemetry_event_goes_down_the_river_at_debug_unless_given"


def test_a_defined_event_has_its_own_level() -> None:
    penstock.define_event("shop.paid", level="notice", measurements={"amount": "EUR"}, metadata=["who"], doc="Paid.")

    with penstock.testing.capture() as events:
        penstock.execute("shop.paid", {"amount": 1})

    assert events[0].level == 25
    assert [definition.name for definition in penstock.event_definitions()] == ["shop.paid"]


def test_an_event_is_not_defined_twice_and_differently() -> None:
    first = penstock.define_event("shop.paid", level="notice")

    assert penstock.define_event("shop.paid", level="notice") is first
    with pytest.raises(ValueError, match="differently"):
        penstock.define_event("shop.paid", level="info")


# -- what is wrong never raises ---------------------------------------------------------------------------------------


class Unprintable:
    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        raise OSError


@pytest.mark.parametrize(
    ("given", "name", "measurements", "metadata"),
    [
        (("some.event", {}, "abc"), "some.event", {}, {"metadata": "abc"}),
        (("some.event", [1]), "some.event", {"value": [1]}, {}),
        ((5,), "5", {}, {}),
        ((["a"],), "['a']", {}, {}),
        ((Unprintable(),), "<Unprintable>", {}, {}),
    ],
)
def test_arguments_of_the_wrong_kind_are_a_fault_and_no_exception(
    given: Any, name: str, measurements: object, metadata: object
) -> None:
    with penstock.testing.capture() as events:
        penstock.execute(*given)

    assert [(event.name, event.measurements, event.metadata) for event in events] == [(name, measurements, metadata)]
    assert fault_counts()["emit.failed", name] == 1


def test_a_value_whose_class_raises_when_asked_for_is_a_fault_and_no_exception() -> None:
    odd: Any = Raises(ValueError)
    with penstock.testing.capture() as events:
        penstock.execute("some.event", odd, odd)

    assert (list(events[0].measurements or ()), list(events[0].metadata or ())) == (["value"], ["metadata"])
    assert fault_counts()["emit.failed", "some.event"] == 2


def test_a_bare_number_is_the_value(attach: Callable[..., str], calls: Calls) -> None:
    number: Any = 0
    attach("my-handler", "some.event")

    penstock.execute("some.event", number)

    assert calls == [("some.event", {"value": 0}, {}, None)]
    assert not fault_counts()


def test_a_level_that_cannot_even_be_printed_counts_as_error() -> None:
    level: Any = Unprintable()
    with penstock.testing.capture() as events:
        penstock.execute("some.event", level=level)

    assert events[0].level == 40
    assert fault_counts()["emit.failed", "some.event"] == 1


def test_a_mapping_that_raises_is_a_fault_and_no_exception() -> None:
    class Broken(dict[str, object]):
        def get(self, *_: object) -> object:
            raise OSError

    with penstock.testing.capture():
        penstock.execute("some.event", {}, Broken())

    assert fault_counts()["emit.failed", "some.event"] == 1


def test_a_handler_that_failed_is_a_finding_until_it_is_attached_again(attach: Callable[..., str]) -> None:
    attach("broken", "some.event", fail)
    penstock.execute("some.event")

    assert not penstock.health().ok
    assert penstock.health().checks == {"handler broken": "detached: RuntimeError"}

    attach("broken", "some.event", lambda *_: None)
    assert penstock.health().ok


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("lock", ["telemetry._writing", "testing._taps", "secret.known.lock"])
def test_a_lock_that_a_thread_of_the_parent_held_does_not_hang_the_child(lock: str) -> None:
    code = f"""
import os, signal, sys, threading
import penstock, penstock.testing
path = {lock!r}.split(".")
held = sys.modules["penstock." + path[0]]
for name in path[1:]:
    held = getattr(held, name)
entered, over = threading.Event(), threading.Event()
def hold():
    with held:
        entered.set()
        over.wait()
thread = threading.Thread(target=hold)
thread.start()
entered.wait()
child = os.fork()
if not child:
    signal.alarm(5)
    penstock.detach("x")
    with penstock.testing.capture():
        penstock.secret("a long secret")
    os._exit(0)
status = os.waitpid(child, 0)[1]
over.set()
thread.join()
sys.exit(status != 0)
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False).returncode == 0


def test_what_the_program_changes_after_the_call_changes_nothing() -> None:
    inlet = Early()
    slot.inlet = inlet
    measurements, metadata = {"value": 1}, {"who": "me", "stacktrace": 1}
    penstock.execute("some.event", measurements, metadata)
    measurements["value"] = 2
    metadata.clear()

    (kept,) = inlet.take()

    assert kept.merged() == {"who": "me", "stacktrace": 1, "value": 1}


def test_a_mapping_of_the_programs_own_is_told_as_it_was() -> None:
    inlet = Early()
    slot.inlet = inlet
    numbers = {"value": 1}
    penstock.execute("some.event", MappingProxyType(numbers))
    numbers["value"] = 2

    assert inlet.take()[0].measurements == {"value": 1}


def test_an_event_that_nobody_heard_is_heard_as_soon_as_somebody_listens() -> None:
    heard: list[str] = []
    sink = {"type": "python:penstock.testing:RecordingSink", "delivery": {"mode": "inline"}}
    river = {"level": "info", "sink": {"out": sink}, "pipeline": {"all": {"sink": "out", "format": "plain"}}}
    penstock.configure(river, strict=True)
    for _ in range(2):
        penstock.execute("shop.paid", {"amount": 1})
        penstock.execute("shop.sold", {"amount": 1})
    assert slot.unheard >= {"shop.paid", "shop.sold"}

    penstock.attach("listener", "shop.paid", lambda event, *_: heard.append(event))
    penstock.execute("shop.paid", {"amount": 2})
    penstock.detach("listener")
    penstock.define_event("shop.sold", level="info")
    penstock.execute("shop.sold", {"amount": 3})
    penstock.set_level("debug")
    penstock.execute("shop.paid", {"amount": 4})
    with penstock.testing.capture() as events:
        penstock.execute("shop.lost", {"amount": 5})

    assert heard == ["shop.paid"]
    assert penstock.ledger()["out"].delivered == 3
    assert events.count("shop.lost") == 1


@pytest.mark.parametrize("error", [ValueError, SystemExit])
@pytest.mark.parametrize("place", ["name", "measurements", "metadata", "stacktrace", "level", "span"])
def test_what_raises_when_it_is_asked_for_its_class_hurts_nobody(place: str, error: type[BaseException]) -> None:
    bad: Any = Raises(error)
    seen: list[object] = []
    penstock.attach("seen", ["a.b", "a.b.start", "<Raises>"], lambda *args: seen.append(args))
    try:
        if place == "span":
            with penstock.span("a.b", stacktrace=bad):
                pass
            with penstock.span(bad):
                pass
        else:
            given = {"name": "a.b", "measurements": {"n": 1}, "metadata": {}, "level": "info"}
            given |= {"metadata": {"stacktrace": bad}} if place == "stacktrace" else {place: bad}
            penstock.execute(given["name"], given["measurements"], given["metadata"], level=given["level"])  # type: ignore[arg-type]
    finally:
        penstock.detach("seen")

    assert seen
