"""Output: how every command speaks; text in, data on standard output and messages on standard error; the main thread; a
closed reader ends the talking, never the command.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # at run time only a command that draws something pays for rich
    from rich.console import Console, RenderableType

_GONE: Final = frozenset({errno.EPIPE, errno.EINVAL})  # EINVAL: what Windows says of a pipe that nobody reads
_NATURAL: Final = 10_000
"""Columns where nothing has to fit: a pipe gets each line whole, for `grep`."""


def data(text: str) -> bool:
    """Write *text* and a newline to standard output; return whether anybody reads it.

    Raises:
        OSError: If it cannot be written for another reason, such as a full disk.
    """
    stream = sys.stdout
    if stream is None:
        return False
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except OSError as error:
        abandon_stdout()
        if error.errno in _GONE:
            return False
        raise
    return True


def data_json(value: dict[str, Any]) -> bool:
    """Write *value*, with the version of its shape, as one JSON document; return whether anybody reads it."""
    import json  # late: help and version need none of it

    return data(json.dumps({"v": 1, **value}, indent=2))


def message(text: str) -> None:
    """Write *text* and a newline to standard error, for a person."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:  # nobody reads that either: there is nowhere left to tell it
        return


def abandon_stdout() -> None:
    """Let everything written to standard output vanish, so that the interpreter's last flush cannot fail."""
    if sys.stdout is not sys.__stdout__ or sys.stdout is None:
        return  # a test's own stream
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def coloured(stream: IO[str] | None) -> bool:
    """Return whether *stream* gets colours: NO_COLOR over FORCE_COLOR over whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def width() -> int | None:
    """Return the columns of standard output, or None if it is no terminal and COLUMNS says nothing."""
    if os.environ.get("COLUMNS", "").isdecimal() or (sys.stdout is not None and sys.stdout.isatty()):
        import shutil  # late, as above

        return max(10, shutil.get_terminal_size().columns)
    return None


class _Page(io.StringIO):
    """Where rich draws: it says the encoding of standard output, so that rich draws lines that exist there."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(sys.stdout, "encoding", None) or "utf-8"


def drawn(picture: RenderableType, columns: int | None = None) -> str:
    """Return *picture* of rich as text, with colours where standard output takes them.

    Args:
        picture: A table, a tree, a text.
        columns: How wide at most; as wide as it likes if None.
    """
    return _drawn_on(_console(columns or _NATURAL), picture)


def _console(columns: int) -> Console:
    from rich.console import Console  # late: 70 ms

    colours = coloured(sys.stdout)
    return Console(
        file=_Page(),
        width=columns,
        color_system="standard" if colours else None,
        force_terminal=colours,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _drawn_on(console: Console, picture: RenderableType) -> str:
    console.print(picture)
    page = console.file
    assert isinstance(page, _Page)
    return "\n".join(line.rstrip() for line in page.getvalue().rstrip("\n").split("\n"))


def plain(text: str) -> str:
    """Return *text* as one harmless line: what a file or a package says must not steer the terminal."""
    from penstock.plugin import escape_controls  # late: --help needs none of the core

    return escape_controls(text)
