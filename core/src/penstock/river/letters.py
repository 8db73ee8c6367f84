"""Letters: keeps dropped records in a file, to be sent again; records and a reason in, lines of JSON out; the thread
that drops, for a queued sink its worker; a letter that cannot be written is a counted fault.

A line is one object: ``time`` when it was dropped, ``sink``, ``reason``, and the record: ``level``, ``name``,
``time_ns``, ``format``, and ``data`` as text, or ``base64`` where the data is none. The file is private, appended to,
and readable with any tool; a torn line, of a full disk, costs itself. Who writes locks it, and so does who has moved it
away: then nobody writes to what is being read.
"""

from __future__ import annotations

import errno
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, final

from penstock import clock, files
from penstock.faults import ERROR, report
from penstock.river.store import Entry

_MOST: Final = 64 * 1024 * 1024
"""Bytes in one file; then it becomes ``.1``, in the place of the one before, so that refusals cannot fill a disk."""

_PATIENCE: Final = 1.0
"""Seconds until what is to be kept is written without the lock: a record is worth more than an order of steps."""
_NAP: Final = 0.002
_RACES: Final = 100
"""So often a file may be moved away while it is written to."""


class Letter(NamedTuple):
    """A dropped record, read again."""

    record: Entry
    sink: str
    reason: str
    time: str


@final
class DeadLetters:
    """The dead letters of one sink; the file may be shared by several.

    Args:
        path: Where they are kept; missing folders are made.
        sink: Name of the sink.
        most: Bytes in one file.
    """

    def __init__(self, path: Path | str, sink: str, most: int = _MOST) -> None:
        self._path = Path(path)
        self._sink = sink
        self._most = most

    def keep(self, records: Sequence[Entry], reason: str) -> None:
        """Append *records*, dropped for *reason*."""
        if not records:
            return
        try:
            self._append(self._lines(records, reason))
        except OSError as error:  # promise: what cannot be kept is told, and stops nobody
            text = "Dead letters could not be kept."
            report("letter.lost", text, subject=self._sink, level=ERROR, error=error, count=len(records))

    def _append(self, data: bytes) -> None:
        if append_lines(self._path, data) > self._most:
            self._path.replace(f"{self._path}.1")

    def _lines(self, records: Iterable[Entry], reason: str) -> bytes:
        time = datetime.fromtimestamp(clock.time_ns() / 1e9, UTC).isoformat()
        head = {"time": time, "sink": self._sink, "reason": reason}
        return b"".join(json.dumps({**head, **_shown(record)}).encode() + b"\n" for record in records)


def _shown(record: Entry) -> dict[str, Any]:
    data, level, name, time_ns, made_by = record
    shown: dict[str, Any] = {"level": level, "name": name, "time_ns": time_ns, "format": made_by}
    try:
        shown["data"] = data.decode()
    except UnicodeDecodeError:
        shown["base64"] = b64encode(data).decode()
    return shown


def append_lines(path: Path, data: bytes) -> int:
    """Append whole lines to a file of letters; return its size.

    Raises:
        OSError: If they cannot be written; some of *data* may be there then.
    """
    for _ in range(_RACES):
        try:
            fd = _open_alone(path)
        except FileNotFoundError:
            continue
        try:
            size = os.fstat(fd).st_size
            begin = b"" if not size or _ends_whole(path) else b"\n"  # whatever was torn before ends here
            if files.still_at(fd, path):  # else that was the end of another file
                files.write_all(fd, begin + data)
                return size + len(data)
        except FileNotFoundError:  # moved away between two steps: whoever did waits for the lock
            continue
        finally:
            os.close(fd)
    raise FileNotFoundError(errno.ENOENT, "it is moved away again and again", str(path))


def _open_alone(path: Path) -> int:
    """Open *path*, each time: it is rare, and the file may be moved away. It is not while this opening of it lasts."""
    until = clock.monotonic() + _PATIENCE
    while True:
        fd = files.open_append(path)
        if have(fd, path) or clock.monotonic() >= until:
            return fd
        os.close(fd)
        clock.sleep(_NAP)


def have(fd: int, path: Path) -> bool:
    """Lock an open file of letters; return False if somebody else has it, or it is no longer at *path*."""
    try:
        return files.lock(fd) and files.still_at(fd, path)
    except OSError:
        return True  # nobody can lock anything here


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_letters(path: Path | str) -> Iterator[Letter]:
    """Yield the letters in a file, in order; lines that are none are passed over.

    Raises:
        OSError: If it cannot be read.
    """
    with Path(path).open("rb") as file:
        for line in file:
            letter = letter_of(line)
            if letter is not None:
                yield letter


def letter_of(line: bytes) -> Letter | None:
    """Return the letter in a line, or None if it is torn or something else."""
    try:
        return _letter(json.loads(line))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _letter(shown: Any) -> Letter:
    data = b64decode(shown["base64"]) if "base64" in shown else shown["data"].encode()
    record = (data, int(shown["level"]), str(shown["name"]), int(shown["time_ns"]), str(shown["format"]))
    return Letter(record, str(shown["sink"]), str(shown["reason"]), str(shown["time"]))
