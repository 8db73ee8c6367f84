"""Counts are exact under threads, and an account that does not balance says so."""

from __future__ import annotations

import sys
import threading

import penstock
from penstock.ledger import DROP_REASONS, GATE_REASONS, Ledger, PipelineAccount, PipelineLedger, SinkAccount, SinkLedger


def test_an_account_that_does_not_balance_says_so() -> None:
    assert SinkLedger(3, 1, {"rejected": 1}, 1).balanced
    assert not SinkLedger(3, 1, {"rejected": 1}, 0).balanced
    assert PipelineLedger(2, {"level": 1}, 1).balanced
    assert not PipelineLedger(2, {}, 1).balanced
    assert not Ledger({"a": SinkLedger(1, 0, {}, 0)}, {}).balanced
    assert not Ledger({}, {"a": PipelineLedger(1, {}, 0)}).balanced


def test_counts_are_exact_under_threads() -> None:
    account = SinkAccount("out")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def count() -> None:
        for _ in range(20_000):
            cell = account.cell()
            cell.accepted += 1
            cell.dropped["rejected"] += 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)

    assert account.read() == SinkLedger(80_000, 0, {"rejected": 80_000}, 0)


def test_only_reasons_that_happened_are_shown() -> None:
    account = PipelineAccount("all")
    account.gate("level")

    assert account.read() == PipelineLedger(1, {"level": 1}, 0)


def test_pending_is_asked_for_never_computed() -> None:
    account = SinkAccount("out")
    account.cell().accepted += 5
    account.waiting = lambda: 2

    ledger = account.read()

    assert ledger.pending == 2
    assert not ledger.balanced


def test_an_event_of_which_nothing_could_be_made_is_accepted_and_dropped() -> None:
    account = SinkAccount("out")
    account.lose()

    assert account.read() == SinkLedger(1, 0, {"encode_failed": 1}, 0)


def test_the_reasons_are_a_closed_set() -> None:
    assert len(DROP_REASONS) == 16
    assert {"level", "filter", "sampled", "rate_limited"} <= GATE_REASONS


def test_a_child_starts_from_zero() -> None:
    account = SinkAccount("out")
    account.cell().accepted += 1
    account.reset()

    assert account.read().accepted == 0


def test_the_ledger_is_a_mapping_by_sink_with_the_pipelines_beside() -> None:
    ledger = Ledger({"a": SinkLedger(1, 1, {}, 0)}, {"p": PipelineLedger(1, {}, 1)})

    assert list(ledger) == ["a"]
    assert len(ledger) == 1
    assert ledger["a"].delivered == 1
    assert ledger.pipelines["p"].accepted == 1
    assert "delivered=1" in repr(ledger)


def test_there_is_always_a_ledger() -> None:
    assert penstock.ledger().balanced
