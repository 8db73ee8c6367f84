"""Stop: hears the signals that ask the pipe to end; signals in, a flag and a readable descriptor out; the main thread;
the second time the same is asked, the process ends at once.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self, final

_NAMES: Final = ("SIGTERM", "SIGINT", "SIGHUP")
"""SIGHUP: the terminal was closed. Windows has none."""


@final
class Stop:
    """Listens to signals inside a ``with`` block, and then gives them back.

    Attributes:
        number: The first signal that was heard, or None.
        wake: Becomes readable with every signal, so that a waiting `select` returns.
        forward: Told of the first signal, in the signal handler.
        abandon: Called before the process ends at once.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.forward: Callable[[int], None] = lambda number: None
        self.abandon: Callable[[], None] = lambda: None
        self._before: dict[int, Any] = {}
        self._wake_before = -1

    def __enter__(self) -> Self:
        self.wake, self._bell = socket.socketpair()
        self.wake.setblocking(False)
        self._bell.setblocking(False)
        self._wake_before = signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        for name in _NAMES:
            number = getattr(signal, name, None)
            # One that is ignored stays so: nohup and a shell's `&` have asked for it.
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wake_before)
        self.wake.close()
        self._bell.close()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.number is None:
            self.number = number
            self.forward(number)
        elif signal.Signals(number).name != "SIGHUP":  # a closed terminal says it twice, by itself and by the shell
            self.abandon()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
