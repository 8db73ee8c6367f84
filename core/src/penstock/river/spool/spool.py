"""Spool: finds the place where a sink's journal can be, and opens it; a sink and its options in, a journal out, or
none; whoever configures, and people who look at what is left; where there is no place, it says so once.

A sink has a folder, in it each process one of its own, in that the segments:

    /dev/shm/penstock-1000/shop/oncall/01795297337575551726-4242-9f3a0c1e/00000001.seg
    in memory     user     program sink   begun               process      segment
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from penstock import files
from penstock.faults import report
from penstock.ledger import SinkAccount
from penstock.river.spool.chain import merged
from penstock.river.spool.journal import Journal
from penstock.river.spool.runs import Run, read_run, runs_in
from penstock.river.store import Entry

_SHARED_MEMORY: Final = Path("/dev/shm")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]|^\.")
_LONGEST: Final = 64


def safe_name(text: str) -> str:
    """Return *text* as the name of a folder: two that differ stay different.

    Example:
        >>> safe_name("on call/eu"), safe_name("../x")
        ('on%20call%2Feu', '%2E.%2Fx')
    """
    name = _UNSAFE.sub(lambda match: "".join([f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace")]), text)
    if len(name) > _LONGEST or not name:
        return f"{name[: _LONGEST - 9]}-{crc32(text.encode('utf-8', 'replace')):08x}"
    return name


def program() -> str:
    """Return what tells this program from the user's others, whose records must not go to its sinks: its main file."""
    main = os.path.realpath(sys.argv[0]) if sys.argv and sys.argv[0] not in ("", "-c") else ""
    return f"{safe_name(Path(main).name)[:40]}-{crc32(os.fsencode(main)):08x}" if main else "python"


def places(sink: str, *, path: Path | str | None = None, owner: str | None = None, durable: bool = False) -> list[Path]:
    """Return the folders where the journal of *sink* may be, the best first.

    Args:
        sink: Its name in the configuration.
        path: The folder that somebody chose, instead of all others.
        owner: What tells the program from the user's others; see `program`.
        durable: Whether it has to be on a disk, for `sync`.
    """
    if path is not None:
        return [Path(path).expanduser() / safe_name(sink)]
    own = Path(safe_name(owner) if owner else program()) / safe_name(sink)
    found: list[Path] = []
    if sys.platform != "win32" and not durable and files.memory_backed(_SHARED_MEMORY):
        found.append(_SHARED_MEMORY / f"penstock-{os.geteuid()}" / own)
    state = os.environ.get("XDG_STATE_HOME", "")
    # The standard says that a relative path is to be ignored.
    home = Path(state) if Path(state).is_absolute() else Path("~/.local/state").expanduser()
    return [*found, home / "penstock" / own]


def open_journal(
    account: SinkAccount, folders: Sequence[Path], *, size: int, memory: int, when_full: str, sync: int | None = None
) -> Journal | None:
    """Open a journal in the first of *folders* that can be used, and adopt what dead processes left in any of them.

    Called:
        When: once a sink, when a configuration is installed.
        Thread: the thread that calls `configure`.
        May block: for the disk, shortly.
        If it raises: it does not; None, and a fault, if none can be used.

    Args:
        account: Where everything is counted; what was left counts as accepted.
        folders: As `places` says.
        size: Bytes that may wait.
        memory: Bytes that may wait in memory while the journal cannot be written.
        when_full: What gives way without room.
        sync: Level from which a record is on its disk before `put` returns; None for none.
    """
    failure: OSError | None = None
    for folder in folders:
        others = [other for other in folders if other != folder]
        journal = Journal(account, folder, size=size, memory=memory, when_full=when_full, sync=sync, others=others)
        try:
            files.private_folder(_top_of(folder))
            journal.open()
        except OSError as error:
            failure = failure or error
        else:
            return journal
    text = "There is no place for a spool: what waits is lost if the process is killed."
    report("spool.failed", text, subject=account.name, error=failure, folder=str(folders[0]) if folders else "")
    return None


def _top_of(folder: Path) -> Path:
    """Return the uppermost folder on the way to *folder* that has to be private: ours in shared memory, or itself."""
    if _SHARED_MEMORY in folder.parents:
        return _SHARED_MEMORY / folder.relative_to(_SHARED_MEMORY).parts[0]
    return folder


# -- for people -------------------------------------------------------------------------------------------------------


class Waiting(NamedTuple):
    """What waits in the folder of one process."""

    run: Path
    alive: bool
    """Whether its process runs: then it delivers this itself."""
    records: Sequence[Entry]


def _time_of(record: Entry) -> int:
    return record[3]


def read_spool(folder: Path) -> Iterator[Waiting]:
    """Read what waits in a sink's folder, process by process, the oldest first; change nothing.

    Args:
        folder: One of `places`.

    Example:
        >>> for waiting in read_spool(Path("/dev/shm/penstock-0/no-such-program/oncall")):
        ...     print(waiting.alive, len(waiting.records))
    """
    for path in runs_in(folder):
        chains: dict[int, list[Entry]] = {}
        for segment in read_run(path):
            chains.setdefault(segment.header.level, []).extend(segment.records)
        yield Waiting(path, Run.is_alive(path), merged(list(chains.values()), _time_of))
