"""Events before `configure` are kept, within bounds, as plain data."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import penstock
from penstock.event import Event
from penstock.faults import fault_counts
from penstock.river.early import Early


def test_it_keeps_events_in_order_as_plain_data() -> None:
    early = Early()
    items = [1]
    early.submit(Event("a", fields={"items": items}))
    items.append(2)
    early.submit(Event("b"))

    kept = early.take()

    assert [event.name for event in kept] == ["a", "b"]
    assert kept[0].fields == {"items": [1]}
    assert early.take() == []


def test_the_number_of_events_is_bounded_and_what_is_lost_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    early = Early()
    for number in range(1_500):
        early.submit(Event("e", fields={"number": number}))

    kept = early.take()

    assert len(kept) == 1_000
    assert kept[-1].fields["number"] == 1_499  # the oldest give way
    assert "Events before configure() were dropped. reason='queue_full' count=500" in capfd.readouterr().err


def test_the_bytes_are_bounded() -> None:
    early = Early()
    for _ in range(100):
        early.submit(Event("e", "x" * 60_000))

    assert len(early.take()) < 20


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_if_nobody_configures_they_go_to_standard_error_at_exit() -> None:
    out = run("import penstock; log = penstock.get_logger('shop'); log.info('hello', n=1); log.debug('not shown')")

    assert "INFO      shop: hello n=1" in out
    assert "not shown" not in out


def test_what_is_said_during_exit_is_printed_at_once() -> None:
    out = run(
        "import atexit, penstock\n"
        "log = penstock.get_logger('shop')\n"
        "atexit.register(lambda: log.info('late'))\n"
        "penstock.configure({'sink': {'out': {'type': 'last-resort'}}, 'pipeline': {'all': {'sink': 'out'}}})\n"
        "atexit.register(lambda: log.info('before'))\n"
    )

    assert "shop: before" in out
    assert "shop: late" in out


def test_set_level_before_configure_says_that_it_has_no_effect(capfd: pytest.CaptureFixture[str]) -> None:
    penstock.set_level("debug")

    assert "no effect" in capfd.readouterr().err


def test_shut_down_twice_it_still_keeps_what_comes() -> None:
    document = {
        "sink": {"out": {"type": "python:penstock.testing:RecordingSink"}},
        "pipeline": {"all": {"sink": "out"}},
    }
    penstock.shutdown()
    penstock.shutdown()
    penstock.get_logger("shop").info("between")
    runtime = penstock.configure(document)

    assert runtime.ledger()["out"].accepted == 1


def test_what_is_said_during_exit_after_a_shutdown_is_printed_too() -> None:
    out = run(
        "import atexit, penstock\n"
        "log = penstock.get_logger('shop')\n"
        "atexit.register(lambda: log.info('late'))\n"
        "penstock.configure({'sink': {'out': {'type': 'last-resort'}}, 'pipeline': {'all': {'sink': 'out'}}})\n"
        "penstock.shutdown()\n"
        "penstock.shutdown()\n"
    )

    assert "shop: late" in out


def test_one_giant_costs_no_other_event() -> None:
    early = Early()
    early.submit(Event("a"))
    early.submit(Event("giant", fields={"rows": ["x" * 60_000] * 40}))
    early.submit(Event("b"))

    assert [event.name for event in early.take()] == ["a", "b"]
    assert fault_counts()["event.dropped", ""] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_what_the_parent_said_early_only_the_parent_tells() -> None:
    out = run(
        "import os, penstock\n"
        "penstock.get_logger('shop').info('once')\n"
        "child = os.fork()\n"
        "penstock.configure({'sink': {'out': {'type': 'last-resort'}}, 'pipeline': {'all': {'sink': 'out'}}})\n"
        "os.waitpid(child, 0) if child else None\n"
    )

    assert out.count("shop: once") == 1
