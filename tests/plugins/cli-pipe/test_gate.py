"""The input waits for a sink that is slow, and not for one that is down."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import ClassVar

import pytest
from attrs import define

import penstock
from penstock.plugin import Event, Record, Unavailable, submit
from penstock_cli.pipe.gate import Gate, settled

QUEUE = 100_000


@define(kw_only=True)
class Slow:
    """Takes a batch of ten, and then has a rest."""

    delivery: ClassVar[dict[str, object]] = {"batch": 10, "batch_wait": "0 s", "queue": "100 kB"}
    got: ClassVar[list[bytes]] = []

    def write(self, batch: Sequence[Record], /) -> None:
        self.got.extend(record.data for record in batch)
        time.sleep(0.001)


@define(kw_only=True)
class Down:
    """Takes nothing."""

    delivery: ClassVar[dict[str, object]] = {"queue": "100 kB"}

    def write(self, batch: Sequence[Record], /) -> None:
        raise Unavailable("it is down", retry_after=60.0)


@pytest.fixture(autouse=True)
def _sinks() -> Iterator[None]:
    module = ModuleType("gate_sinks")
    module.__dict__.update(Slow=Slow, Down=Down)
    sys.modules["gate_sinks"] = module
    Slow.got.clear()
    yield
    del sys.modules["gate_sinks"]


def configure(sink: str) -> None:
    penstock.configure({"sink": {"out": {"type": f"python:gate_sinks:{sink}"}}, "pipeline": {"all": {"sink": "out"}}})


def send(gate: Gate, count: int, size: int) -> None:
    for _ in range(count):
        submit(Event("test", "x" * size))
        gate.passed(size)


@pytest.mark.parametrize(("count", "size"), [(3_000, 100), (400, 10_000), (30, 80_000)])
def test_a_slow_sink_loses_nothing_although_its_queue_is_small(count: int, size: int) -> None:
    configure("Slow")

    send(Gate(QUEUE, 30.0), count, size)

    assert penstock.flush(10.0)
    account = penstock.ledger()["out"]
    assert (account.delivered, account.dropped) == (count, {})


def test_without_it_the_same_would_be_lost() -> None:
    configure("Slow")

    send(Gate(10**12, 30.0), 3_000, 100)

    penstock.flush(10.0)
    assert penstock.ledger()["out"].dropped["shed"] > 0


def test_a_sink_that_is_down_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr("penstock_cli.pipe.gate.sleep", naps.append)
    now = iter(range(1_000_000))
    monkeypatch.setattr("penstock_cli.pipe.gate.monotonic", lambda: float(next(now)))
    configure("Down")

    gate = Gate(QUEUE, 50.0)
    send(gate, 500, 100)
    waited = len(naps)
    assert 0 < waited <= 50
    send(gate, 5_000, 100)

    account = penstock.ledger()["out"]
    assert len(naps) == waited
    assert account.accepted == 5_500
    assert account.dropped["shed"] > 0


def test_settled_says_whether_it_is_done() -> None:
    assert settled(lambda: True, 0.0)
    assert not settled(lambda: False, 0.0)
