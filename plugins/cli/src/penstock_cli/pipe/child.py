"""Child: the command that the pipe wraps; arguments in, a process with two streams out; the main thread; a command that
cannot be started is a `NotStarted` with the exit code that a shell would give.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, final

from penstock_cli.pipe.reader import Stream

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
"""As a shell says it (POSIX, Shell Command Language, 2.8.2)."""
_SIGNALLED: Final = 128


class NotStarted(Exception):  # noqa: N818, it says what happened
    """The command could not be started.

    Attributes:
        code: What a shell would exit with.
    """

    def __init__(self, text: str, code: int) -> None:
        self.code = code
        super().__init__(text)


@final
class Child:
    """A running command.

    Raises:
        NotStarted: If it cannot be started.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        except FileNotFoundError:
            raise NotStarted(f"cannot start {arguments[0]!r}: there is no such command", _NOT_FOUND) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NotStarted(f"cannot start {arguments[0]!r}: {reason}", _NOT_EXECUTABLE) from None

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    @property
    def streams(self) -> Sequence[Stream]:
        """Both of its outputs."""
        out, err = self._process.stdout, self._process.stderr
        assert out is not None
        assert err is not None
        return Stream("stdout", out.fileno()), Stream("stderr", err.fileno())

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def tell(self, number: int) -> None:
        """Pass a signal on, unless the terminal has sent it to the command too."""
        if sys.platform == "win32":
            if number == signal.SIGTERM:  # Ctrl-C goes to every process of the console
                self._process.terminate()
        elif number == signal.SIGTERM or not _in_foreground():
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def wait(self) -> int:
        """Wait until it ends, and return its exit code, as a shell would: 128 and the number for a signal."""
        code = self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        return _SIGNALLED - code if code < 0 else code


if sys.platform != "win32":

    def _in_foreground() -> bool:
        """Return whether this process is in the group to which the terminal sends Ctrl-C."""
        try:
            terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
        except OSError:  # there is no terminal
            return False
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        except OSError:
            return False
        finally:
            os.close(terminal)
