"""Spooling: a program that puts numbered records into a journal, and in between takes and settles, until it is killed.

Its board says which puts have returned; a file beside it, which records went out.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from board import Board
from saying import order, tell, wait_for_go

from penstock.river.spool.journal import Journal
from spools import Journals, entry, take

PER_WORKER = 100_000
_LEVELS = (10, 20, 30, 40)


def put(journal: Journal, board: Board, worker: int, count: int, size: int) -> None:
    """Put *count* records, or as many as there is time for."""
    number = board.acknowledged(worker)
    while not count or number < count:
        board.issue(worker, number + 1)
        record = entry(worker * PER_WORKER + number, level=_LEVELS[number % 4], size=number * 7 % size)
        if journal.put(record):
            number += 1
            board.acknowledge(worker, number)


def deliver(journal: Journal, out: int, batch: int) -> int:
    """Write down what is taken, as a sink would, and settle it; return how much it was."""
    taken = take(journal, batch)
    if taken:
        os.write(out, b"".join(b"%08d\n" % number for number in taken))
        journal.settle(len(taken))
    return len(taken)


def main() -> None:
    """Put from several threads and deliver in this one; or with one thread, both in turn."""
    asked = order()
    more: dict[str, Any] = asked["more"]
    board = Board(asked["board"], asked["workers"])
    journal = Journals(more["kind"], Path(more["folder"])).open(**more["options"])
    out = os.open(more["delivered"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    tell(ready=True)
    wait_for_go()
    if more["in_turn"]:
        for upto in range(10, asked["count"] + 1, 10):
            put(journal, board, asked["first"], upto, more["largest"])
            deliver(journal, out, more["batch"])
        os._exit(0)
    for worker in range(asked["first"], asked["first"] + asked["threads"]):
        threading.Thread(target=put, args=(journal, board, worker, 0, more["largest"]), daemon=True).start()
    while True:
        if more["batch"]:
            deliver(journal, out, more["batch"])
        else:
            threading.Event().wait(60)


if __name__ == "__main__":
    main()
