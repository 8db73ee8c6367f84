"""Emits so many events on one path, and nothing else: what `instructions` runs under a counter."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

import penstock
from bench.contenders.penstock import Captured, Penstock
from bench.event import Case, Contender


def execute(numbers: Iterable[int]) -> None:
    """Measure something that nobody wants."""
    for number in numbers:
        penstock.execute("shop.order.paid", {"amount": number}, {"currency": "EUR"})


class Queued(Penstock):
    """Behind a queue that has room for all of it: a count does not wait."""

    delivery: ClassVar[dict[str, object]] = {"mode": "queued", "queue": "4 GB"}


PATHS: dict[str, tuple[type[Contender], Case]] = {
    "inline": (Penstock, Case(redact=True)),
    "queued": (Queued, Case(redact=True)),
    "disabled": (Penstock, Case(redact=True, wanted=False)),
    "execute": (Penstock, Case(redact=True)),
    "capture": (Captured, Case(redact=True)),
}
"""By name: what is configured; `execute` is called without handlers, at a level that no pipeline wants."""


def main() -> None:
    """Emit on the path, as often, and into the file, that the command line says."""
    name, count, path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    kind, case = PATHS[name]
    contender = kind(path, case)
    emit: Callable[[Iterable[int]], None] = execute if name == "execute" else contender.emit
    emit(range(count))
    contender.close()
    written = path.read_bytes().count(b"\n") if path.exists() else 0
    assert written == (0 if name in ("disabled", "execute") else count), written
    logging.shutdown()


if __name__ == "__main__":
    main()
