"""The accounts of what a reload took out go on in the ledger, and what is left in a spool is counted once."""

from __future__ import annotations

from pathlib import Path

from penstock.assembly.graph import Past, Rest, Spool
from penstock.ledger import SinkAccount

SPOOL: Spool = ("out", (Path("/state/out"),))


def account(delivered: int, *, shed: int = 0, waiting: int = 0, name: str = "out") -> SinkAccount:
    made = SinkAccount(name)
    cell = made.cell()
    cell.accepted += delivered + shed + waiting
    cell.delivered += delivered
    cell.dropped["shed"] += shed
    made.waiting = lambda: waiting
    return made


def test_past_and_present_accounts_of_a_name_are_one() -> None:
    past, present = Past(), {"out": account(5, shed=1)}
    old = account(3, shed=2, waiting=4)
    past.add(old)
    past.add(account(1, name="gone"))

    assert past.read(present)["out"] == (15, 8, {"shed": 3}, 4, 0, 0)
    assert list(past.read(present)) == ["out", "gone"]
    assert all(one.balanced for one in past.read(present).values())


def test_an_account_that_ended_keeps_its_numbers() -> None:
    past = Past()
    old = account(3, shed=2)
    past.add(old)
    past.end(old, None)

    assert past.read({"out": account(5)})["out"] == (10, 8, {"shed": 2}, 0, 0, 0)


def test_what_waits_in_a_spool_is_pending_until_somebody_takes_it_over_and_is_accepted_once() -> None:
    past = Past()
    old = account(3, waiting=4)
    past.add(old)
    past.end(old, SPOOL)
    assert past.read({})["out"][:4] == (7, 3, {}, 4)
    past.hand_on(("out", (Path("/elsewhere/out"),)))
    assert past.read({})["out"][:4] == (7, 3, {}, 4)
    past.hand_on(SPOOL)
    past.hand_on(SPOOL)

    assert past.read({"out": account(4)})["out"][:4] == (7, 7, {}, 0)


def test_a_child_begins_without_a_past() -> None:
    past = Past()
    ended, old = account(3), account(2)
    past.add(ended)
    past.add(old)
    past.end(ended, SPOOL)
    past.after_fork_in_child()

    assert past.read({}) == {}


def test_who_is_in_a_hurry_is_not_slowed_down_by_who_is_not() -> None:
    told: list[float] = []

    class Way:
        """A delivery that hears of its ends."""

        class drops:  # noqa: N801, it stands for an attribute
            """Nothing."""

            fallback = None

        def begin_close(self, deadline: float) -> None:
            told.append(deadline)

        def close(self, deadline: float) -> bool:
            told.append(deadline)
            return True

    rest = Rest([], [Way()], [], [])  # type: ignore[list-item]
    rest.begin_close(1.0)

    assert rest.close(600.0)
    assert told == [1.0, 1.0, 1.0]
