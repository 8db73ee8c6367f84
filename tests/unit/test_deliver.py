"""Deliver: what is dropped is told, and offered to the fallback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deliveries import balanced, line
from penstock.faults import fault_counts
from penstock.ledger import SinkAccount
from penstock.river.deliver import DeliveryOptions, Drops
from penstock.river.letters import DeadLetters
from penstock.river.modes.inline import InlineDelivery
from penstock.river.sink import GuardedSink
from penstock.testing import RecordingSink, some_record
from penstock.units import Level, Size


def test_what_is_dropped_is_told_by_count_whether_its_records_are_known_or_not() -> None:
    Drops(SinkAccount("out")).divert([some_record(), some_record()], "rejected", unnamed=3)

    assert fault_counts() == {("event.dropped", "out"): 5}


def test_the_fallback_gets_the_records_and_what_it_got_is_counted_as_diverted() -> None:
    rescue = InlineDelivery(GuardedSink("rescue", RecordingSink()), SinkAccount("rescue"))
    account = SinkAccount("out")
    drops = Drops(account)
    drops.fallback = rescue
    drops.divert([some_record(b"a"), some_record(b"b")], "rejected", unnamed=1)

    assert balanced(rescue.account).delivered == 2
    assert account.read().diverted == 2


@pytest.mark.parametrize(("reason", "kept"), [("rejected", 1), ("too_old", 1), ("plugin_error", 1), ("shed", 0)])
def test_what_the_sink_had_its_chance_with_becomes_a_dead_letter(tmp_path: Path, reason: str, kept: int) -> None:
    drops = Drops(SinkAccount("out"))
    drops.letters = DeadLetters(tmp_path / "dead.jsonl", "out")
    drops.divert([line("a")], reason)

    assert len(list(tmp_path.iterdir())) == kept


def test_what_is_dropped_for_want_of_room_is_to_be_said_in_the_stream_and_what_the_sink_refused_is_not() -> None:
    drops = Drops(SinkAccount("out"))
    drops.notify = lambda text, counts: line(text)

    drops.divert([line("a")], "rejected")
    assert not drops.untold
    drops.divert([line("a")], "shed")
    assert drops.untold


def test_a_notice_names_what_was_dropped_since_the_last_one_that_got_through() -> None:
    account = SinkAccount("out")
    drops = Drops(account)
    drops.notify = lambda text, counts: (text, dict(counts))
    put: list[object] = []
    cell = account.cell()
    cell.accepted += 1_204
    cell.dropped["shed"] += 1_204

    assert not drops.say(lambda notice: False)
    assert drops.untold
    assert drops.say(lambda notice: put.append(notice) or True)
    cell.accepted += 3
    cell.dropped["too_old"] += 1
    cell.dropped["queue_full"] += 1
    cell.dropped["rejected"] += 1
    assert drops.say(lambda notice: put.append(notice) or True)
    assert not drops.say(lambda notice: put.append(notice) or True)

    assert put == [
        ("1,204 events dropped here: queue full", {"shed": 1_204}),
        ("2 events dropped here: queue full, too old", {"queue_full": 1, "too_old": 1}),
    ]


@pytest.mark.parametrize(
    ("asked", "useless"),
    [
        ({"mode": "inline", "spool": Size("1 MB")}, ["spool"]),
        ({"sync": "always"}, ["sync"]),
        ({"mode": "inline", "spool": Size("1 MB"), "sync": Level("error")}, ["spool", "sync"]),
        ({"spool": Size("1 MB"), "sync": Level("error")}, []),
        ({}, []),
    ],
)
def test_an_option_that_does_nothing_beside_the_others_is_named(asked: dict[str, Any], useless: list[str]) -> None:
    assert list(DeliveryOptions(**asked).without_effect()) == useless


@pytest.mark.parametrize(("sync", "level"), [("never", None), ("always", 0), (Level("error"), 40)])
def test_sync_is_a_level_from_which_records_are_synced(sync: Any, level: int | None) -> None:
    assert DeliveryOptions(sync=sync).sync_level == level
