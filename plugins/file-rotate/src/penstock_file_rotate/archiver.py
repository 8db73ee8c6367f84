"""Archiver: takes away what is too much, and compresses the rest; a bell in, fewer bytes out; one daemon thread of its
own, for a sink that has rotated; what fails is a fault, and costs no line.

It looks at the folder, not at a list of its own: so what a dead process left is taken up like everything else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic, time
from typing import Final, TypeAlias, final

from penstock.plugin import report
from penstock_file_rotate.archive import Archive, Archives
from penstock_file_rotate.compress import Busy, Method, compress

Bell: TypeAlias = "SimpleQueue[threading.Event | None]"

_AGAIN: Final = 1.0
"""Seconds until an archive that was in use is tried again: a sink looks once a second whether its file was moved."""
_CLAIM: Final = 60.0
"""Seconds after which a name that was claimed for an archive is taken back: its owner must be dead."""


@final
class Archiver:
    """Tidies the archives of one file, when it is told that there is something to do.

    Args:
        archives: Those of the file.
        keep: How many to keep.
        room: Returns how many bytes archives may take, or None for any number.
        method: How they are compressed.
        settle: Called first: lets go of full files that nobody writes to any more.
    """

    def __init__(
        self,
        archives: Archives,
        keep: int,
        room: Callable[[], int | None],
        method: Method,
        settle: Callable[[], None],
    ) -> None:
        self._archives = archives
        self._keep = keep
        self._room = room
        self._method: Method = method
        self._settle = settle
        self.forget()

    def forget(self) -> None:
        """Be as new: in a forked child the thread does not exist, and what it was doing the parent does."""
        self._bell: Bell = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    # -- whoever writes, flushes or closes ----------------------------------------------------------------------------

    def ring(self) -> None:
        """Say that there may be something to do; where no thread can start any more, the next start does it."""
        if self._thread is None and not self._stop.is_set():
            thread = threading.Thread(
                target=self._run, name=f"penstock-archive-{self._archives.path.name}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:  # too many threads, or the interpreter is ending
                self._fault("The archives will be tidied later: no thread can be started.", error)
                return
            self._thread = thread
        self._bell.put(None)

    def has_work(self) -> bool:
        """Return whether anything was left to do, by a process that died or by other options."""
        archives = self._archives.found()
        loose = any(archive.unfinished or self._is_to_compress(archive) for archive in archives)
        return loose or len(archives) > self._keep or self._is_too_much(archives)

    def flush(self, timeout: float) -> bool:
        """Wait until everything there was to do is done or has failed; return whether it was in time."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        done = threading.Event()
        self._bell.put(done)
        return done.wait(timeout)

    def close(self, timeout: float) -> bool:
        """Stop, in the middle of an archive if need be: it stays as it was. Return whether the thread ended."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is None or thread is threading.current_thread():
            return True
        self._bell.put(None)
        thread.join(timeout)
        return not thread.is_alive()

    # -- the archiver's own thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        bell, stop = self._bell, self._stop
        in_use = False
        while not stop.is_set():
            waiting = _rung(bell, _AGAIN if in_use else None)
            try:
                in_use = self._turn(stop)
            except Exception as error:  # promise: it outlives whatever it meets
                self._fault("The archives could not be tidied.", error)
            for done in waiting:
                done.set()
        for done in _rung(bell, 0.0):
            done.set()

    def _turn(self, stop: threading.Event) -> bool:
        """Do what there is to do; return whether something was in use."""
        self._settle()
        # Only what is there now: with others who rotate faster than we compress, no turn would ever end.
        todo = {archive.key for archive in self._archives.found() if self._is_to_compress(archive)}
        in_use = False
        while todo and not stop.is_set():
            archives = self._thin_out(by_size=False)  # first: what goes anyway need not be compressed
            plain = next((one.plain for one in archives if one.key == min(todo)), None)
            todo.remove(min(todo))
            if plain is not None:
                in_use = not self._compress(plain, stop) or in_use
                self._thin_out(by_size=True)
        self._thin_out(by_size=True)
        return in_use

    def _is_to_compress(self, archive: Archive) -> bool:
        return self._method != "none" and archive.plain is not None and not archive.empty

    def _compress(self, plain: Path, stop: threading.Event) -> bool:
        """Compress an archive; return False if it is in use."""
        try:
            compress(plain, self._method, stop.is_set)
        except Busy:
            return False
        except OSError as error:
            self._fault("An archive could not be compressed; it stays as it is.", error)
        return True

    def _thin_out(self, by_size: bool) -> list[Archive]:
        """Take away the oldest archives that are too many, or too much; return the others."""
        archives = self._clean(self._archives.found())
        while len(archives) > self._keep or (by_size and archives and self._is_too_much(archives)):
            self._remove(archives.pop(0).paths)
        return archives

    def _is_too_much(self, archives: list[Archive]) -> bool:
        room = self._room()
        return room is not None and sum(archive.size for archive in archives) > room

    def _clean(self, archives: list[Archive]) -> list[Archive]:
        """Return *archives* without names that were only claimed, and without halves that nobody finishes."""
        real = []
        for archive in archives:
            if archive.plain is None or self._method == "none":
                self._remove(archive.unfinished)
            if archive.empty:
                if _is_old(archive):
                    self._remove(archive.paths)
            elif archive.plain is not None or archive.packed:
                real.append(archive)
        return real

    def _remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._fault("An archive that is too old could not be removed.", error)

    def _fault(self, text: str, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) else None
        report("archive.failed", text, subject=self._archives.path.name, error=error, why=why)


def _is_old(archive: Archive) -> bool:
    try:
        return archive.plain is not None and time() - archive.plain.stat().st_mtime > _CLAIM
    except OSError:
        return False


def _rung(bell: Bell, timeout: float | None) -> list[threading.Event]:
    """Wait for the bell, and take everything that was rung; return who waits for the end of the turn."""
    until = None if timeout is None else monotonic() + timeout
    rings: list[threading.Event | None] = []
    try:
        rings.append(bell.get(timeout=None if until is None else max(0.0, until - monotonic())))
        while True:
            rings.append(bell.get_nowait())
    except Empty:
        return [ring for ring in rings if ring is not None]
