"""Manners: what all commands do alike; a call in, an exit code out; the main thread; no exception gets out, and no
traceback is ever shown.

    0    fine
    1    findings, or something is unhealthy
    2    wrong usage
    3    our own fault
    130  interrupted
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from penstock_cli import output

FINE: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
OUR_FAULT: Final = 3
INTERRUPTED: Final = 130


class Complaint(click.ClickException):
    """Something a person has to know: what is wrong, and what to do next."""

    exit_code = FINDINGS

    def show(self, file: object = None) -> None:
        """Write it to standard error, a line for each of its lines."""
        for line in self.message.splitlines():
            output.message(f"penstock: {output.plain(line)}")


def run(call: Callable[[], object]) -> int:
    """Run a command and return its exit code.

    Called:
        When: once, around everything a command does.
        Thread: the main thread.
        May block: as long as the command does.
        If it raises: `SystemExit` passes; anything else becomes a message and an exit code.
    """
    _fill_standard_descriptors()
    _write_any_text()
    try:
        code = _code(call)
    finally:
        _last_flush()
    return code


def _code(call: Callable[[], object]) -> int:
    streams = sys.stdout, sys.stderr
    try:
        result = call()
        return result if type(result) is int else FINE
    except (click.Abort, KeyboardInterrupt):
        output.message("penstock: interrupted")
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit:
        if sys.stdout is streams[0]:
            raise
        sys.stdout, sys.stderr = streams  # click put others there: nobody reads its help, and that is no error
        output.abandon_stdout()
        return FINE
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EIO, errno.EFBIG):
            output.message(f"penstock: cannot write to standard output: {error.strerror}")
            return FINDINGS
        return _our_fault(error)
    except Exception as error:  # promise: a person never gets a traceback
        return _our_fault(error)


def _our_fault(error: Exception) -> int:
    """Tell of a mistake in Penstock itself: its place, but not its text, which may hold anything."""
    import traceback  # late: nearly nobody sees it

    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}"
    output.message(f"penstock: a mistake in Penstock itself: {type(error).__qualname__} at {place}")
    output.message("penstock: please report it, with what you typed and `penstock --version`")
    return OUR_FAULT


def _fill_standard_descriptors() -> None:
    """Open what was closed among 0, 1 and 2 on nothing, else the next file opened would be taken for one of them."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one


def _write_any_text() -> None:
    """Let a terminal that lacks a character show its number, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _last_flush() -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        output.abandon_stdout()
