"""Place: the file that is changed; a path in, its text out, and a new one put in its place; the main thread; either the
old file or the new one is there, whole, at any moment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from penstock_cli.manners import Complaint


def read(file: str) -> str:
    """Return the text of *file*, its byte order mark included.

    Raises:
        Complaint: If it cannot be read.
    """
    try:
        return Path(file).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Complaint(f"{file}: cannot be read: {_reason(error)}") from None


def replace(file: str, text: str) -> None:
    """Put *text* into *file*, which a link may lead to; its owner and permissions stay.

    Raises:
        Complaint: If it cannot be written; then nothing changed.
    """
    path = Path(os.path.realpath(file))
    try:
        with _beside(path, text) as made:
            shutil.copystat(path, made)
            if hasattr(os, "chown"):
                about = path.stat()
                with contextlib.suppress(PermissionError):  # somebody else's file, which we may write
                    os.chown(made, about.st_uid, about.st_gid)
            os.utime(made)
            made.replace(path)
    except OSError as error:
        raise Complaint(f"{file}: cannot be written: {_reason(error)}; nothing changed") from None


@contextlib.contextmanager
def beside(file: str, text: str) -> Iterator[Path]:
    """Hold *text* in a file beside *file*, where it means the same, to try it.

    Raises:
        Complaint: If it cannot be written.
    """
    try:
        with _beside(Path(file).absolute(), text) as made:
            yield made
    except OSError as error:
        raise Complaint(f"{file}: nothing can be written beside it: {_reason(error)}; nothing changed") from None


@contextlib.contextmanager
def _beside(path: Path, text: str) -> Iterator[Path]:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".toml", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(text.encode("utf-8"))
            out.flush()
            os.fsync(out.fileno())
        yield made
    finally:
        made.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not UTF-8"
