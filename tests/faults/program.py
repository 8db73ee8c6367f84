"""Program: a program under test, started and watched; an order in, its report out; the judge's process; whoever does
not end in time is killed, and that is told.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, final

from attrs import Factory, field, frozen
from board import Board

HERE: Final = Path(__file__).parent
PATIENCE: Final = 60.0
"""Seconds for whatever should not take long; on a busy machine it may."""
_LOOK: Final = 0.002
"""Seconds between two looks at a condition."""


def rotated(path: Path, /, *, delivery: Mapping[str, Any] | None = None, **options: Any) -> Mapping[str, Any]:
    """Return a configuration of Penstock with one rotated file, for numbered texts alone."""
    sink = {"type": "file-rotate", "path": str(path), **options}
    return into({"file": {**sink, "delivery": dict(delivery)} if delivery else sink})


def into(sinks: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a configuration that says numbered texts to the first of *sinks*; others are fallbacks."""
    return {"sink": dict(sinks), "pipeline": {"all": {"match": ["say"], "sink": next(iter(sinks))}}}


@frozen(kw_only=True)
class Order:
    """What a program under test has to do.

    Attributes:
        board: Where it says what it did.
        workers: How many workers the board has.
        library: With which library; see children/libraries.py.
        config: Penstock's configuration.
        path: The file of a peer, and `max_size` and `keep` its options.
        first: The number of its first worker.
        threads: How many workers it has, each a thread.
        shouting: Workers whose texts are errors, and `shouting_pause` seconds between two of these.
        count: How many texts each says; 0 for as many as there is time for.
        pause: Seconds between two of them.
        acknowledge: When a text is done: on ``return`` of the call, or after a ``flush``.
        daemon: Whether its threads are.
        long: Whether some of its texts are longer than what a pipe takes whole.
        end: How it ends; see children/say.py.
        patience: Seconds it waits for a flush.
        more: What a special program needs to know.
    """

    board: Path
    workers: int = 1
    library: str = "penstock"
    config: Mapping[str, Any] = Factory(dict)
    path: Path = Path()
    max_size: int = 0
    keep: int = 200
    first: int = 0
    threads: int = 1
    shouting: Sequence[int] = ()
    shouting_pause: float = 0.0
    count: int = 0
    pause: float = 0.0
    acknowledge: str = "return"
    daemon: bool = False
    long: bool = True
    end: str = "flush_and_report"
    patience: float = PATIENCE
    more: Mapping[str, Any] = field(factory=dict)

    def text(self) -> str:
        """Return the order as the program reads it."""
        asked = {name: getattr(self, name) for name in self.__class__.__annotations__}
        return json.dumps(asked, default=str)


@final
class Program:
    """A program that runs.

    Attributes:
        pid: Its process.
        report: What it told last.
    """

    def __init__(self, process: subprocess.Popen[bytes], told: Path) -> None:
        self.process = process
        self.pid = process.pid
        self.report: dict[str, Any] = {}
        self._told = told

    def hear(self) -> dict[str, Any]:
        """Wait for the next thing it tells; nothing if it died."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.report = json.loads(line) if line.endswith(b"\n") else {}
        return self.report

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(b"!")
            self.process.stdin.flush()
        except BrokenPipeError:
            return  # an injector was faster

    def wait_until(self, condition: Callable[[], object], patience: float = PATIENCE) -> bool:
        """Wait until *condition* holds; return False if the program ended before."""
        until = monotonic() + patience
        while not condition():
            if self.process.poll() is not None:
                return bool(condition())
            if monotonic() > until:
                raise TimeoutError(f"it did not come to that; it said: {self.told()[-2_000:]}")
            sleep(_LOOK)
        return True

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill it by SIGKILL, and wait until it is dead."""
        self.process.kill()
        self.process.wait()

    def end(self, patience: float = PATIENCE) -> int:
        """Wait for its end and return its exit code; what it tells meanwhile is its report."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        timer = monotonic() + patience
        os.set_blocking(self.process.stdout.fileno(), False)
        rest = b""
        while self.process.poll() is None:
            if monotonic() > timer:
                self.kill()
                raise TimeoutError(f"it did not end; it said: {self.told()[-2_000:]}")
            rest += self.process.stdout.read() or b""
            sleep(_LOOK)
        rest += self.process.stdout.read() or b""
        for line in rest.splitlines():
            self.report = json.loads(line)
        return self.process.returncode

    def threads(self) -> list[int]:
        """Return the ids of its threads, the main one first."""
        return sorted(map(int, os.listdir(f"/proc/{self.pid}/task")))

    def told(self) -> str:
        """Return what it said on standard error."""
        return self._told.read_text(errors="backslashreplace")


@contextmanager
def running(
    order: Order,
    script: str = "say",
    *,
    env: Mapping[str, str] | None = None,
    stderr: int | None = None,
) -> Iterator[Program]:
    """Run a program under test and wait until it is ready; whatever happens, it is dead afterwards.

    Args:
        order: What it has to do.
        script: Which program of the folder children.
        env: Variables besides those of this process.
        stderr: A descriptor in place of a file that `told` reads.
    """
    places = os.pathsep.join(map(str, (HERE, HERE / "children", HERE.parent)))
    paths = os.pathsep.join(filter(None, (places, os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, str(HERE / "children" / f"{script}.py"), order.text()]
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "stderr"
        with told.open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors if stderr is None else stderr,
                env={**os.environ, "PYTHONPATH": paths, **(env or {})},
                preexec_fn=_die_with_parent,
                start_new_session=True,
            )
        program = Program(process, told)
        try:
            program.hear()
            yield program
        finally:
            _bury(process)


_PR_SET_PDEATHSIG: Final = 1
_libc: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Have the kernel kill this process when the judge dies, which may be killed itself."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _bury(process: subprocess.Popen[bytes]) -> None:
    """End a program and all it started, and close its pipes."""
    try:
        os.killpg(process.pid, signal.SIGCONT)
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # everything ended by itself
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # a byte for somebody who is dead


@contextmanager
def board_of(path: Path, workers: int) -> Iterator[Board]:
    """Make a board."""
    board = Board(path, workers)
    try:
        yield board
    finally:
        board.close()
