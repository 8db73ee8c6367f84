"""Room: never more than there is, never less than nobody holds."""

from __future__ import annotations

import threading

from penstock.ledger import SinkAccount
from penstock.river.queue.room import Room


def room(size: int, reserve: int = 0) -> Room:
    return Room(SinkAccount("out"), size, reserve)


def test_what_is_lent_is_exactly_what_there_is() -> None:
    small = room(1_000)
    purse = small.purse(urgent=False)

    assert small.lend(purse, 1_000, urgent=False)
    assert not small.lend(purse, 1_001, urgent=False)
    assert (purse.credit, small.left) == (1_000, 0)


def test_while_there_is_plenty_more_is_lent_than_was_asked_for() -> None:
    large = room(16_000_000)
    purse = large.purse(urgent=False)
    large.lend(purse, 300, urgent=False)

    assert purse.credit == 300 + 65_536
    assert large.left == 16_000_000 - purse.credit


def test_what_others_hold_and_do_not_spend_is_called_in_before_anybody_is_refused() -> None:
    shared = room(640_000)
    held: list[int] = []

    def hold() -> None:
        shared.lend(shared.purse(urgent=False), 300, urgent=False)
        held.append(shared.purse(urgent=False).credit)

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert held == [300 + 10_000]

    mine = shared.purse(urgent=False)
    assert shared.lend(mine, 640_000, urgent=False)
    assert sum(purse.credit for purse in shared.purses.values()) == 640_000


def test_the_reserve_is_for_urgent_records_alone() -> None:
    reserved = room(1_000, reserve=100)

    assert not reserved.lend(reserved.purse(urgent=False), 901, urgent=False)
    assert reserved.lend(reserved.purse(urgent=False), 900, urgent=False)
    assert reserved.lend(reserved.purse(urgent=True), 100, urgent=True)
    assert (reserved.left, reserved.left_low) == (0, 0)


def test_urgent_records_take_what_others_left_and_then_others_get_less() -> None:
    reserved = room(1_000, reserve=100)

    assert reserved.lend(reserved.purse(urgent=True), 950, urgent=True)
    assert not reserved.lend(reserved.purse(urgent=False), 51, urgent=False)
    assert reserved.lend(reserved.purse(urgent=False), 50, urgent=False)


def test_a_strict_thread_holds_nothing_it_did_not_ask_for() -> None:
    large = room(16_000_000)
    large.lend(large.purse(urgent=False), 300, urgent=False)
    large.be_strict(threading.get_ident())
    assert large.purse(urgent=False).credit == 0

    large.lend(large.purse(urgent=False), 300, urgent=False)
    assert large.purse(urgent=False).credit == 300


def test_after_it_closed_nothing_is_lent_and_nobody_holds_anything() -> None:
    large = room(16_000_000)
    purse = large.purse(urgent=False)
    large.lend(purse, 300, urgent=False)
    large.close()

    assert purse.credit == 0
    assert not large.lend(purse, 1, urgent=False)
