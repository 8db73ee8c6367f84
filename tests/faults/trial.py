"""Trial: a file, a board and who writes to it; options in, orders and verdicts out; the judge's process; raises what
files raise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from board import Board
from oracle import Verdict, files_of, judge
from program import Order, board_of, rotated, running


@final
class Trial:
    """One file that a library writes to, under a fault.

    Attributes:
        path: The file.
        board: What the programs say they did.
        library: Which library.
    """

    def __init__(self, folder: Path, board: Board, library: str, path: Path) -> None:
        self.board = board
        self.library = library
        self.path = path
        self._board_path = folder / "board"

    def order(
        self,
        *,
        max_size: int = 0,
        keep: int | None = None,
        compress: str = "none",
        delivery: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        **asked: Any,
    ) -> Order:
        """Return an order to write to the file, with the same limits for every library."""
        size = f"{max_size} B" if max_size else False
        if config is None:
            kept = 1_000_000 if keep is None else keep
            config = rotated(self.path, max_size=size, keep=kept, compress=compress, delivery=delivery)
        return Order(
            board=self._board_path,
            workers=self.board.workers,
            library=self.library,
            config=config,
            path=self.path,
            max_size=max_size,
            keep=200 if keep is None else keep,  # logging looks for each of them at each rotation
            **asked,
        )

    def verdict(self) -> Verdict:
        """Return what became of everything said so far."""
        return judge(self.board, files_of(self.path))

    @property
    def archives(self) -> list[Path]:
        """Every other file beside the file."""
        return sorted(path for path in self.path.parent.iterdir() if path != self.path)

    def start_again(self, **options: Any) -> None:
        """Have the next program take up what a dead one left."""
        with running(self.order(**options, threads=0)) as program:
            program.go()
            assert program.end() == 0, program.told()

    def lines(self) -> int:
        """Return how many lines are in the file itself; none while it is being moved away."""
        try:
            return self.path.read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def size(self) -> int:
        """Return how many bytes are in the file and its archives, but for what is being moved meanwhile."""
        return sum(size_of(path) for path in [*self.archives, self.path] if path.name.startswith(self.path.stem))


def size_of(path: Path) -> int:
    """Return the size of a file that may be gone at any moment."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@final
class Trials:
    """Makes trials, each in a folder of its own.

    Args:
        folder: Where these folders are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    @contextmanager
    def __call__(self, workers: int, library: str = "penstock", path: Path | None = None) -> Iterator[Trial]:
        """Make a trial for so many workers; its file is in a folder `logs` unless *path* says otherwise."""
        self._count += 1
        folder = self._folder / str(self._count)
        logs = folder / "logs"
        logs.mkdir(parents=True)
        with board_of(folder / "board", workers) as board:
            yield Trial(folder, board, library, path or logs / "say.jsonl")
