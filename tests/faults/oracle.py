"""Oracle: says what became of every event; the board and what arrived in, a verdict out; in the judge's process, which
no fault of the program under test can reach; what cannot be read counts as torn.

It takes nobody's word but the board's for what was said, and believes only lines that prove themselves.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from board import Board
from numbered import Number, whole

_TEXT_LINE: Final = re.compile(rb"20\d\d-[^<>\0]*<[^<>\0]*>")
"""A line of text: a date first, the numbered text last."""
_NOTICE: Final = "penstock.event.dropped"


class Verdict(NamedTuple):
    """What became of the events of a program."""

    issued: int
    acknowledged: int
    arrived: int
    """Different events that arrived whole."""
    lost: int
    """Acknowledged, and did not arrive."""
    doubled: int
    """Arrivals of what had arrived before."""
    torn: int
    """Lines, or pieces of lines, that nobody said so."""
    invented: int
    """Whole, but never issued."""
    disordered: int
    """Arrived behind a later event of the same worker."""
    notices: int = 0
    """Whole lines of Penstock's own, which say how many events were dropped before them."""
    told: int = 0
    """How many events those say were dropped, all together."""
    foreign: int = 0
    """Whole lines of anybody's own that are no such notices."""

    @property
    def missing(self) -> int:
        """Issued, and did not arrive."""
        return self.issued - self.arrived

    @property
    def sound(self) -> bool:
        """Whether what arrived is whole, in order, and there once."""
        return not (self.doubled or self.torn or self.invented or self.disordered)

    @property
    def clean(self) -> bool:
        """Whether it is sound, and everything acknowledged is there."""
        return self.sound and not self.lost


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the sum of *verdicts*."""
    return Verdict(*map(sum, zip(*verdicts, strict=True)))


def judge(board: Board, sources: Iterable[bytes], only: Collection[int] | None = None) -> Verdict:
    """Return what became of the events on *board*.

    Args:
        board: What the program said it did.
        sources: The contents of its files, or what its servers got, the oldest first.
        only: The workers whose events are judged; None for all.
    """
    workers = range(board.workers) if only is None else only
    seen: Counter[Number] = Counter()
    highest: dict[int, int] = {}
    torn = disordered = foreign = notices = told = 0
    for source in sources:
        lines = source.split(b"\n")
        torn += lines.pop() != b""
        for line in lines:
            number = read(line)
            if number is None:
                dropped = told_by(line)
                notices += dropped > 0
                told += dropped
                foreign += not dropped and is_foreign(line)
                torn += not is_foreign(line)
                continue
            if only is not None and number.worker not in only:
                continue
            if not seen[number]:
                disordered += number.number < highest.get(number.worker, -1)
                highest[number.worker] = number.number
            seen[number] += 1
    issued = {worker: board.issued(worker) for worker in workers}
    acknowledged = {worker: board.acknowledged(worker) for worker in workers}
    real = [number for number in seen if number.number < issued.get(number.worker, 0)]
    lost = sum((worker, number) not in seen for worker, count in acknowledged.items() for number in range(count))
    return Verdict(
        issued=sum(issued.values()),
        acknowledged=sum(acknowledged.values()),
        arrived=len(real),
        lost=lost,
        doubled=seen.total() - len(seen),
        torn=torn,
        invented=len(seen) - len(real),
        disordered=disordered,
        notices=notices,
        told=told,
        foreign=foreign,
    )


def agrees(account: Mapping[str, Any], verdict: Verdict) -> bool:
    """Return whether what a ledger says of a sink is what became of its events, to the last one.

    The notices in the sink's own stream are events like others: accepted, delivered, and none of them dropped here.
    """
    return bool(
        account["balanced"]
        and account["pending"] == 0
        and account["accepted"] == verdict.issued + verdict.notices
        and account["delivered"] == verdict.arrived + verdict.notices
        and sum(account["dropped"].values()) == verdict.missing
        and verdict.told in (0, verdict.missing)
        and not verdict.foreign
    )


def read(line: bytes) -> Number | None:
    """Return the number of a line that is whole from its first byte to its last; None for any other."""
    number = whole(line)
    if number is None:
        return None
    if not line.startswith(b"{"):
        return number if _TEXT_LINE.fullmatch(line) else None
    row = parsed(line)
    return number if row is not None and any(whole(str(value).encode()) for value in row.values()) else None


def is_foreign(line: bytes) -> bool:
    """Return whether a line is whole, but nothing of ours: what a library says about itself."""
    return parsed(line) is not None and b"<" not in line


def told_by(line: bytes) -> int:
    """Return how many events a line says were dropped; 0 if it is no such notice."""
    row = parsed(line) or {}
    return sum(row["dropped"].values()) if row.get("logger") == _NOTICE else 0


def parsed(line: bytes) -> Mapping[str, Any] | None:
    """Return a line as a JSON object, None if it is none."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def files_of(path: Path) -> list[bytes]:
    """Return what is in *path* and in its archives, the oldest first, unpacked."""
    there = [other for other in path.parent.glob(f"{path.stem}*") if other.is_file() and other.suffix != ".tmp"]
    return [content(one) for one in sorted(there, key=lambda one: age(path, one))]


def age(path: Path, other: Path) -> tuple[int, int, str]:
    """Return what sorts the archives of *path* by age, whichever library named them; the file itself comes last."""
    rank = other.suffix[1:]
    number = -int(rank) if rank.isdigit() else 0  # logging and logrotate count backwards
    return (other == path, number, other.name)


def content(path: Path) -> bytes:
    """Return what is in a file, unpacked; of a packed one that is damaged, a piece that counts as torn."""
    data = path.read_bytes()
    if path.suffix != ".gz" or not data:
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return b"damaged"
