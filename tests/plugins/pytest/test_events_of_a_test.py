"""The fixture `penstock_events` has the events of a test, of every thread, and of no other test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]

RunPytest = Callable[..., pytest.RunResult]

PROGRAM = """
import threading

import penstock

log = penstock.get_logger("shop")

def sell(qty):
    log.debug("sold", qty=qty)

def pay_later(times=1):
    def work():
        for number in range(times):
            penstock.execute("shop.order.paid", {"amount": number}, {"currency": "EUR"})
    thread = threading.Thread(target=work)
    thread.start()
    return thread
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    """A program that emits."""
    pytester.makepyfile(shop=PROGRAM)
    return pytester


def test_a_test_finds_its_events_and_those_of_other_threads(shop: pytest.Pytester, run_pytest: RunPytest) -> None:
    shop.makepyfile(
        """
        import shop

        def test_has_and_count(penstock_events):
            shop.sell(2)
            shop.sell(3)
            assert penstock_events.has("sold", qty=2)
            assert not penstock_events.has("sold", qty=4)
            assert penstock_events.count("sold") == 2

        def test_those_of_another_test_are_not_there(penstock_events):
            assert penstock_events.count() == 0

        def test_waiting(penstock_events):
            thread = shop.pay_later(3)
            found = penstock_events.wait_for("shop.order.paid", 30, 3, currency="EUR")
            assert [event.measurements["amount"] for event in found] == [0, 1, 2]
            thread.join()
        """
    )

    run_pytest().assert_outcomes(passed=3)


def test_what_did_not_come_is_told_with_what_came(shop: pytest.Pytester, run_pytest: RunPytest) -> None:
    shop.makepyfile(
        """
        import shop

        def test_waiting_in_vain(penstock_events):
            shop.sell(2)
            penstock_events.wait_for("paid", 0.05)

        def test_not_there(penstock_events):
            shop.sell(2)
            assert penstock_events.has("paid")
        """
    )
    result = run_pytest()

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*'paid' came 0 of 1 times in 0.05 s; there is <Captured [[]'sold'[]]>*"])
    result.stdout.fnmatch_lines(["*assert False*", "*<Captured [[]'sold'[]]>*"])


def test_events_go_down_the_river_as_configured_all_the_same(shop: pytest.Pytester, run_pytest: RunPytest) -> None:
    shop.makepyfile(
        """
        import penstock
        import shop

        def test_both(penstock_events):
            sink = {"type": "python:penstock.testing:RecordingSink", "delivery": {"mode": "inline"}}
            with penstock.configure({"level": "debug", "sink": {"out": sink}, "pipeline": {"all": {"sink": "out"}}}):
                shop.sell(2)
                assert penstock.ledger()["out"].delivered == 1
            assert penstock_events.has("sold")
        """
    )

    run_pytest().assert_outcomes(passed=1)
