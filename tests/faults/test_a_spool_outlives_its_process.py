"""A put that has returned is delivered, whatever kills its process and whenever; and nothing is delivered twice but
what was being attempted.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import table
from board import Board
from capabilities import need
from form import either
from program import Order, board_of, running
from sometimes import Sometimes
from strace import Moment, injected, moments, traced

from spools import KINDS, MAPPED, Journals, die, entry, folder_of, take

_THREADS: Final = 4
_PER_WORKER: Final = 100_000
_OPTIONS: Final[Mapping[str, Any]] = {"size": 200_000_000, "memory": 1_000_000, "when_full": "shed"}
_SMALL: Final[Mapping[str, Any]] = {"size": 200_000, "memory": 1_000_000, "when_full": "shed"}
"""Segments of 12 kB: a new one every few records."""


@pytest.fixture(params=KINDS)
def journals(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journals]:
    if request.param == MAPPED:
        need("memory-backed files")
    with folder_of(request.param, tmp_path) as folder:
        made = Journals(request.param, folder)
        yield made
        made.close()


def order(journals: Journals, board: Path, **more: Any) -> Order:
    """Return what the program has to do; *more* is what only it understands."""
    threads = more.pop("threads", _THREADS)
    first, count, workers = more.pop("first", 0), more.pop("count", 0), more.pop("workers", threads)
    fixed = {"folder": journals.folder, "kind": journals.kind, "delivered": board.with_name("delivered")}
    more = {"batch": 0, "in_turn": False, "largest": 600, "options": _OPTIONS, **fixed, **more}
    return Order(board=board, workers=workers, threads=threads, first=first, count=count, more=more)


def delivered(board: Path) -> list[int]:
    """Return what went out; a line that the kill cut off did not."""
    path = board.with_name("delivered")
    return [int(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []


def left(journals: Journals) -> list[int]:
    """Start again, and return what was left, settled."""
    journal = journals.open(**_OPTIONS)
    found = take(journal)
    ledger = journals.ledger(journal)
    assert (ledger.accepted, ledger.dropped) == (len(found), {})
    assert journal.settle(len(found))
    journal.close("shutdown_deadline")
    return found


def judge(board: Board, out: Sequence[int], found: Sequence[int], batch: int) -> int:
    """Check that everything is there, once; return how many were delivered twice."""
    assert max(Counter(found).values(), default=1) == 1
    assert max(Counter(out).values(), default=1) == 1
    there = {*out, *found}
    for worker in range(board.workers):
        begin = worker * _PER_WORKER
        mine = sorted(number - begin for number in there if number // _PER_WORKER == worker)
        assert board.acknowledged(worker) <= len(mine) <= board.issued(worker)
        assert mine == list(range(len(mine)))
    twice = set(out) & set(found)
    assert twice <= set(out[-batch:] if batch else ())  # it was being attempted
    return len(twice)


@pytest.mark.sometimes("a killed spool had something to recover")
@pytest.mark.sometimes("some was delivered before the kill", full=True)
@pytest.mark.parametrize("batch", [0, 200], ids=["nobody takes", "a worker takes"])
def test_at_a_random_moment_under_load(journals: Journals, tmp_path: Path, batch: int, sometimes: Sometimes) -> None:
    runs, recovered, twice = either(2, 50), 0, 0
    for run in range(runs):
        folder = tmp_path / str(run)
        folder.mkdir()
        with (
            board_of(folder / "board", _THREADS) as board,
            running(order(journals, folder / "board", batch=batch), "spooling") as program,
        ):
            program.go()
            target = random.randrange(1, 20_000)
            program.wait_until(lambda: board.all_acknowledged >= target)  # noqa: B023 - it is over before the next
            program.kill()
            found = left(journals)
            out = delivered(folder / "board")
            twice += judge(board, out, found, batch)
        recovered += len(found)
        sometimes("a killed spool had something to recover", found)
        sometimes("some was delivered before the kill", out)
    told = f"0 lost, {recovered:,} recovered, {twice:,} of them delivered before, in {runs} kills"
    table.note("SIGKILL of a spool at a random moment", f"{journals.kind}, {'taking' if batch else 'putting'}", told)


def test_one_after_the_other_in_the_same_folder(journals: Journals, tmp_path: Path) -> None:
    runs = either(3, 50)
    with board_of(tmp_path / "board", _THREADS * runs) as board:
        for run in range(runs):
            more = {"batch": 100, "first": run * _THREADS, "workers": _THREADS * runs}
            with running(order(journals, tmp_path / "board", **more), "spooling") as program:
                target = board.all_acknowledged + random.randrange(1, 5_000)
                program.go()
                program.wait_until(lambda: board.all_acknowledged >= target)  # noqa: B023 - it is over before the next
                program.kill()
        found, out = left(journals), delivered(tmp_path / "board")

        counts = Counter(out)
        assert sum(count - 1 for count in counts.values()) <= 100 * runs  # each start may try its dead's last batch
        judge(board, list(counts), found, 100)


@pytest.mark.sometimes("the kill hit the making of a segment", "the kill hit the note of what was settled")
def test_at_each_system_call(journals: Journals, tmp_path: Path, sometimes: Sometimes) -> None:
    need("strace")
    asked = {"threads": 1, "in_turn": True, "count": 120, "batch": 15, "largest": 3_000, "options": _SMALL}
    with (
        board_of(tmp_path / "board", 1),
        running(order(journals, tmp_path / "board", **asked), "spooling") as program,
        traced(program.pid, tmp_path / "calls"),
    ):
        program.go()
        assert program.end() == 0
    found = moments(tmp_path / "calls")
    chosen = either(random.sample(found, 3), found)
    chosen += either([next(one for one in found if one.call == "pwrite64"), of_a_segment(found)], [])
    left(journals)

    for number, moment in enumerate(chosen):
        folder = tmp_path / str(number)
        folder.mkdir()
        with board_of(folder / "board", 1) as board:
            with (
                running(order(journals, folder / "board", **asked), "spooling") as program,
                injected(program.pid, moment, "signal=KILL"),
            ):
                program.go()
                assert program.end() == -signal.SIGKILL, moment
            judge(board, delivered(folder / "board"), left(journals), 15)
        sometimes("the kill hit the making of a segment", moment == of_a_segment(found) or moment.call == "fallocate")
        sometimes("the kill hit the note of what was settled", moment.call == "pwrite64")
        assert [path for path in journals.folder.iterdir() if path.name != "damaged"] == []
    table.note("SIGKILL at each system call of a spool", journals.kind, f"0 lost at {len(chosen)} of {len(found)}")


def of_a_segment(found: Sequence[Moment]) -> Moment:
    """Return a call that makes a segment."""
    return [one for one in found if one.call in ("fallocate", "openat")][-1]


def test_programs_that_start_at_once_share_what_is_left(journals: Journals, tmp_path: Path) -> None:
    expected = []
    for run in range(12):
        dead = journals.open(**_OPTIONS)
        for number in range(run * 100, run * 100 + 50):
            dead.put(entry(number))
            expected.append(number)
        die(dead)
    with ExitStack() as stack:
        ask = order(journals, tmp_path / "board")
        programs = [stack.enter_context(running(ask, "adopting")) for _ in range(4)]
        for program in programs:
            program.go()
        told = [program.hear() for program in programs]
        for program in programs:
            program.go()
        codes = [program.end() for program in programs]

    assert codes == [0] * 4
    assert sorted(number for one in told for number in one["found"]) == expected
    assert sum(one["accepted"] for one in told) == len(expected)
    assert list(journals.folder.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_what_many_short_children_leave_is_adopted_and_their_folders_are_gone(journals: Journals) -> None:
    children = either(50, 500)
    parent = journals.open(**_OPTIONS)
    parent.put(entry(0))
    for child in range(1, children + 1):
        pid = os.fork()
        if not pid:
            journals.account(parent).reset()
            parent.after_fork_in_child()
            os._exit(sum(not parent.put(entry(child * 100 + number)) for number in range(20)))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    taken: list[int] = []
    while parent.adopt() or len(parent):
        batch = take(parent, 1_000)
        assert parent.settle(len(batch))
        taken += batch

    assert sorted(taken) == [0, *(child * 100 + number for child in range(1, children + 1) for number in range(20))]
    assert len(list(journals.folder.rglob("*"))) <= 3  # our folder, its lock, a segment
    assert journals.ledger(parent).delivered == 1 + 20 * children
