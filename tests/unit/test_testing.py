"""The test tools, tested."""

from __future__ import annotations

import threading

import pytest

import penstock
from penstock.faults import report
from penstock.testing import FailingSink, RecordingSink, SlowSink, capture, faults, some_event, some_record


def test_capture_finds_events_by_message_name_and_fields() -> None:
    with capture() as events:
        penstock.get_logger("shop").info("sold", qty=2, items=[1])
        penstock.execute("shop.paid", {"amount": 3}, {"who": "me"})

    assert events.has("sold")
    assert events.has("shop", qty=2, items=[1])
    assert events.has("shop.paid", amount=3, who="me", level=10)
    assert not events.has("sold", qty=3)
    assert not events.has("sold", absent=None)
    assert (events.count(), events.count("sold"), len(events)) == (2, 1, 2)
    assert [event.name for event in events[0:2]] == ["shop", "shop.paid"]


def test_capture_sees_every_level_and_other_threads_and_stops_at_the_end() -> None:
    penstock.configure({"level": "error", "sink": {"o": {"type": "last-resort"}}, "pipeline": {"a": {"sink": "o"}}})
    log = penstock.get_logger("shop")
    with capture() as events:
        log.trace("seen")
        thread = threading.Thread(target=lambda: log.debug("seen too"))
        thread.start()
        thread.join()
    log.trace("not seen")

    assert [event.message for event in events] == ["seen", "seen too"]
    assert not log.enabled("debug")


def test_capture_can_be_nested_and_survives_configure() -> None:
    log = penstock.get_logger("shop")
    with capture() as outer:
        with capture() as inner:
            penstock.configure(
                {"level": "error", "sink": {"o": {"type": "last-resort"}}, "pipeline": {"a": {"sink": "o"}}}
            )
            log.debug("one")
        log.debug("two")

    assert (inner.count(), outer.count()) == (1, 2)


def test_capture_changes_nothing_else() -> None:
    penstock.configure(
        {"sink": {"o": {"type": "python:penstock.testing:RecordingSink"}}, "pipeline": {"a": {"sink": "o"}}}
    )
    with capture():
        penstock.get_logger("shop").info("sold")
        penstock.get_logger("shop").debug("not wanted")

    assert penstock.ledger()["o"].accepted == 1


def test_the_sinks_do_what_they_say() -> None:
    recording = RecordingSink()
    recording.write([some_record(b"a"), some_record(b"b")])
    assert (recording.texts, recording.batches) == (["a", "b"], [2])

    failing = FailingSink(lambda: ValueError("no"), times=1)
    with pytest.raises(ValueError, match="no"):
        failing.write([some_record()])
    failing.write([some_record()])
    assert len(failing.records) == 1

    slow = SlowSink()
    thread = threading.Thread(target=slow.write, args=([some_record()],))
    thread.start()
    assert slow.entered.wait(5)
    assert slow.records == []
    slow.release()
    thread.join()
    assert len(slow.records) == 1


def test_an_event_and_a_record_as_a_river_makes_them() -> None:
    assert some_event("x", level="error", a=1).level == 40
    assert some_record(level="error").level == 40


def test_waiting_for_an_event_of_another_thread_ends_when_it_comes() -> None:
    go = threading.Event()

    def work() -> None:
        for number in range(3):
            go.wait(30)
            penstock.execute("shop.paid", {"number": number}, {"who": "me"})

    with capture() as events:
        thread = threading.Thread(target=work)
        thread.start()
        go.set()
        found = events.wait_for("shop.paid", 30, 3, who="me")
        thread.join()

    assert [event.measurements for event in found] == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_waiting_in_vain_says_what_came_instead() -> None:
    with capture() as events:
        penstock.get_logger("shop").info("sold")
        with pytest.raises(AssertionError, match=r"'paid' came 0 of 2 times in 0.01 s; there is <Captured \['sold'\]>"):
            events.wait_for("paid", 0.01, 2)


def test_faults_are_counted_by_kind_and_subject(capfd: pytest.CaptureFixture[str]) -> None:
    report("sink.failed", "Sink failed.", subject="oncall")
    report("sink.failed", "Sink failed.", subject="oncall")

    assert faults() == {("sink.failed", "oncall"): 2}
