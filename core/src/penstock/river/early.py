"""Early: keeps what is emitted while no river is installed; events in, plain data kept; the caller's thread; what does
not fit is dropped, oldest first, and said.

`configure` takes what is kept and sends it down the new river. If nobody configures, it goes to standard error at exit.
"""

from __future__ import annotations

import atexit
from collections import deque
from collections.abc import Mapping

from penstock import files
from penstock.event import EMPTY, Event
from penstock.faults import ERROR, last_resort, report
from penstock.hints import TYPE_CHECKING
from penstock.levels import INFO
from penstock.river.emit import Inlet, slot

if TYPE_CHECKING:
    from typing import Final

_EVENTS: Final = 1_000
"""A large service says some hundred things while it starts."""
_BYTES: Final = 2**20
_EVENT: Final = 500
"""Bytes that a kept event costs beside its texts, roughly."""


class Early:
    """The inlet before `configure` and after `shutdown`."""

    static: Mapping[str, object] = EMPTY

    def __init__(self, *, at_exit: bool = False, before: Inlet | None = None) -> None:
        self._before = before
        self._kept: deque[tuple[Event, int]] = deque()
        self._bytes = 0
        self._lost = 0
        self._at_exit = at_exit

    def submit(self, event: Event, /) -> None:
        """Keep *event* as plain data."""
        plain, size = _plain(event)
        if self._at_exit:
            _print(plain)
            return
        if size > _BYTES:  # it would push out all others, and then itself
            self._lost += 1
            return
        self._kept.append((plain, size))
        self._bytes += size
        while len(self._kept) > _EVENTS or self._bytes > _BYTES:
            self._bytes -= self._kept.popleft()[1]
            self._lost += 1

    def take(self) -> list[Event]:
        """Return what is kept, and keep it no longer."""
        kept = [event for event, _ in self._kept]
        self._kept.clear()
        self._bytes = 0
        if self._lost:
            report(
                "event.dropped",
                "Events before configure() were dropped.",
                count=self._lost,
                level=ERROR,
                reason="queue_full",
            )
            self._lost = 0
        return kept

    def forget(self) -> None:
        """Forget what is kept: in a forked child it is the parent's, who will tell it."""
        self._kept.clear()
        self._bytes = self._lost = 0

    def end(self) -> None:
        """Print what nobody configured a sink for, and from now on everything at once: the interpreter is exiting."""
        self._at_exit = True
        self._print_kept()

    def _print_kept(self) -> None:
        for event in self.take():
            _print(event)

    def wants(self, name: str, level: int, /) -> bool:
        """Return True: nobody has said yet what is wanted."""
        return True

    def threshold(self, name: str, /) -> int:
        """Return 0: nobody has said yet what is wanted."""
        return 0

    def lowest(self) -> int:
        """Return 0: nobody has said yet what is wanted."""
        return 0

    def set_level(self, level: str | int, name: str | None, sink: str | None, seconds: float | None, /) -> None:
        """Do nothing but say so: there is no river whose level could be set."""
        report("config.ignored", "set_level() before configure() has no effect.")

    def flush(self, timeout: float, /) -> bool:
        """Return whether nothing waits."""
        return not self._kept

    def shutdown(self, timeout: float, /) -> bool:
        """Have the inlet before this one finish, if it did not, and print what waits; return whether all went."""
        finished = self._before is None or self._before.shutdown(timeout)
        self._print_kept()
        return finished


def _at_exit() -> None:
    inlet = getattr(slot, "inlet", None)
    if isinstance(inlet, Early):
        inlet.end()


def _after_fork_in_child() -> None:
    inlet = getattr(slot, "inlet", None)
    if isinstance(inlet, Early):
        inlet.forget()


# At import, so that it runs after everything that the program has registered since: that may still say something.
atexit.register(_at_exit)
files.after_fork_in_child(_after_fork_in_child)


def _plain(event: Event) -> tuple[Event, int]:
    from penstock.river.redact import build_redact  # late: what only emits should not pay for it

    plain = build_redact(())(event)
    return plain, _EVENT + len(plain.message) + len(repr(plain.merged())) + len(getattr(plain.error, "stack", ""))


def _print(event: Event) -> None:
    from penstock.river.format import PlainFormat  # late: as above

    if event.level >= INFO:
        last_resort(PlainFormat().format(event).decode())
