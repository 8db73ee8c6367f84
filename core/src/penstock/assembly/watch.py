"""Watch: looks at the files of a configuration, and has it reloaded when they say something else; paths in, a call out;
the timers' thread looks, one of its own reloads; what cannot be read is looked at again, and stops nothing.

A look is a `stat` of each file. Only where that shows something new is the configuration read, and only if it reads
twice alike, a moment apart, is it judged: a file that is being written is not. Each content is judged once.

It polls, because that works everywhere: on network file systems, where an editor puts a new file in the place of the
old one, and where a mounted folder is a link that is led elsewhere, as Kubernetes does it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, final

from penstock.clock import TIMERS, time_ns
from penstock.faults import report

EVERY: Final = 1.0
"""Seconds between two looks, where nobody says how many."""
_LEAST: Final = 0.05
_SETTLE: Final = 0.1
"""Seconds between two readings that have to be alike."""
_RECENT: Final = 2_000_000_000
"""Nanoseconds; who writes a file again so soon may leave its times, its size and its number as they are: so coarse are
the times of some file systems."""

_Mark: TypeAlias = tuple[str, int, int, int, int, int] | None
"""Where a path leads, and what is there: device, number, size, and when it and what the system knows of it changed."""


class Seen(NamedTuple):
    """What the files say.

    Attributes:
        says: What to compare: their texts, or why they cannot be read.
        files: Which ones they are.
    """

    says: object
    files: Sequence[Path]


def digest_of(path: Path) -> bytes | None:
    """Return what tells the content of a file from any other, and not what it is; None if it cannot be read.

    Example:
        >>> digest_of(Path("no-such-file")) is None
        True
    """
    try:
        return sha256(path.read_bytes()).digest()
    except OSError:
        return None


def _mark(path: Path) -> _Mark:
    try:
        real = Path(os.path.realpath(path))
        found = real.stat()
    except (OSError, ValueError):
        return None
    return str(real), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_recent(mark: _Mark) -> bool:
    return mark is not None and abs(time_ns() - max(mark[4], mark[5])) < _RECENT


@final
class Watch:
    """Watches the files of one configuration after the other.

    Args:
        read: Reads them; called only when something seems to have changed.
        reload: Has the configuration take over.
    """

    def __init__(self, read: Callable[[], Seen], reload: Callable[[], object]) -> None:
        self._read = read
        self._reload = reload
        self._interval = EVERY
        self._files: Sequence[Path] = ()
        self._marks: list[_Mark] = []
        self._judged: object = None
        self._before: object = None
        """What was read last, if that has not been judged yet."""
        self._turn: object | None = None
        """Whose looks count; None while nobody watches."""

    def aim(self, seen: Seen, interval: float) -> None:
        """Watch the files of a configuration that runs.

        Called:
            When: a configuration that wants it is installed.
            Thread: any.
            May block: no.
            If it raises: it does not; where no thread can be started, nobody watches, and it says so.

        Args:
            seen: What they say.
            interval: Seconds between two looks.
        """
        self._interval = max(interval, _LEAST)
        self._judged, self._before = seen.says, None
        self._files, self._marks = seen.files, []
        if self._turn is None:
            self._turn = object()
            self._later(self._turn, min(self._interval, _SETTLE))  # something may have changed while it was opened

    def end(self) -> None:
        """Look no more."""
        self._turn = None

    def after_fork_in_child(self) -> None:
        """Go on in a child, whose timers are its own."""
        if self._turn is not None:
            self._turn = object()
            self._later(self._turn, self._interval)

    def _later(self, turn: object, seconds: float) -> None:
        try:
            TIMERS.after(seconds, lambda: self._look(turn))
        except RuntimeError as error:
            self._turn = None
            report("watch.failed", "No thread can be started; the configuration is not watched.", error=error)

    def _look(self, turn: object) -> None:
        if turn is not self._turn:
            return
        pause = self._interval
        try:
            pause = min(self._next(), pause)
        except Exception as error:  # promise: whatever is wrong with the files, they are looked at again
            report("watch.failed", "The configuration could not be looked at.", error=error)
        finally:
            if turn is self._turn:
                self._later(turn, pause)

    def _next(self) -> float:
        """Look once; return the seconds until it is worth to look again."""
        marks = [_mark(path) for path in self._files]
        if marks == self._marks and self._before is None and not any(map(_is_recent, marks)):
            return self._interval
        judged = self._judged
        seen = self._read()
        if self._judged is not judged:
            return _SETTLE  # another configuration took over meanwhile
        self._marks = [_mark(path) for path in seen.files] if seen.files != self._files else marks
        self._files = seen.files
        if seen.says == judged:
            self._before = None
        elif seen.says != self._before:
            self._before = seen.says
            return _SETTLE
        else:
            self._judged, self._before = seen.says, None
            self._have_reloaded()
        return self._interval

    def _have_reloaded(self) -> None:
        """Reload in a thread of its own: opening a sink may take longer than other timers can wait."""
        try:
            threading.Thread(target=self._reload, name="penstock-reload", daemon=True).start()
        except RuntimeError:  # one more would be too many
            self._reload()
