"""Archive: the names of full files, and which of them exist; a path in, archives out; any thread; raises OSError.

`trade.jsonl` becomes `trade-20261121T184500-001.jsonl`, compressed `….jsonl.gz`. Names only ever grow, even when the
clock goes back, so their order is the order of the lines. What does not match exactly is somebody else's file.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, final

from penstock.plugin import files
from penstock_file_rotate.schedule import stamp

SUFFIXES: Final = {"none": "", "gzip": ".gz", "zstd": ".zst"}
"""What compression adds to a name."""
ADDED: Final = len("-20261121T184500-001.zst.tmp") + 4
"""Bytes an archive's name is longer than that of its file, with room for a counter of seven digits."""
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Key(NamedTuple):
    """Which archive of its file it is; the order of keys is the order of the lines in the archives."""

    stamp: str
    number: int


NO_KEY: Final = Key("", 0)


class Archive(NamedTuple):
    """One archive and the forms in which it is there: more than one only after a crash, or while it is compressed."""

    key: Key
    plain: Path | None
    packed: tuple[Path, ...]
    unfinished: tuple[Path, ...]
    """What a compression that goes on, or died, has written so far."""
    size: int
    """Bytes of all forms together."""
    empty: bool
    """Whether the name was only claimed: the file itself never came."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every form."""
        return (*((self.plain,) if self.plain else ()), *self.packed, *self.unfinished)


@final
class Archives:
    """The archives of one file.

    Args:
        path: The file.
        utc: Whether names tell UTC, not local time.

    Attributes:
        others: Whether other processes have moved the file since we last did: their names have to be found out.
    """

    def __init__(self, path: Path, utc: bool) -> None:
        self.path = path
        self.others = False
        self._utc = utc
        self._last = NO_KEY
        stem, suffix = re.escape(path.stem), re.escape(path.suffix)
        self._pattern = re.compile(rf"{stem}-(\d{{8}}T\d{{6}})-(\d{{3,9}}){suffix}(\.gz|\.zst)?(\.tmp)?", re.ASCII)

    def found(self) -> list[Archive]:
        """Return the archives that exist, oldest first."""
        forms: dict[Key, list[_Form]] = {}
        for form in self._forms():
            forms.setdefault(form.key, []).append(form)
        return [_archive(key, forms[key]) for key in sorted(forms)]

    def recall(self) -> None:
        """Find out how far names have come, so that the next one sorts behind them."""
        self._last = max((archive.key for archive in self.found()), default=self._last)
        self.others = False

    def _forms(self) -> Iterator[_Form]:
        """Yield each regular file with a name of ours; a link is not ours."""
        try:
            entries = list(os.scandir(self.path.parent))
        except FileNotFoundError:
            return
        for entry in entries:
            match = self._pattern.fullmatch(entry.name)
            if match is not None and entry.is_file(follow_symlinks=False):
                try:
                    size = entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:  # gone since: another process tidies too
                    continue
                key = Key(match[1], int(match[2]))
                yield _Form(key, bool(match[3]), bool(match[4]), self.path.parent / entry.name, size)

    def name(self, key: Key) -> Path:
        """Return the path of the archive with *key*, not compressed."""
        path = self.path
        return path.with_name(f"{path.stem}-{key.stamp}-{key.number:03d}{path.suffix}")

    def move(self, time_ns: int) -> Path:
        """Move the file out of its place, to a name that sorts behind all others, and return that name.

        Raises:
            OSError: If it cannot be moved; then it is where it was.
        """
        if self.others:
            self.recall()
        now = stamp(time_ns, self._utc)
        while True:
            last = self._last
            # Not before the last one, though the clock may have been put back.
            self._last = Key(now, 1) if now > last.stamp else Key(last.stamp, last.number + 1)
            target = self.name(self._last)
            try:
                move_new(self.path, target, SUFFIXES.values())
            except FileExistsError:
                continue
            return target


class _Form(NamedTuple):
    """A file that is an archive, or part of one."""

    key: Key
    packed: bool
    unfinished: bool
    path: Path
    size: int


def _archive(key: Key, forms: Sequence[_Form]) -> Archive:
    plain = next((form for form in forms if not form.packed and not form.unfinished), None)
    packed = tuple(form.path for form in forms if form.packed and not form.unfinished)
    return Archive(
        key=key,
        plain=plain.path if plain else None,
        packed=packed,
        unfinished=tuple(form.path for form in forms if form.unfinished),
        size=sum(form.size for form in forms),
        empty=plain is not None and plain.size == 0 and not packed,
    )


def create_new(path: Path) -> int:
    """Create *path*, for its owner alone, and return its descriptor.

    Raises:
        FileExistsError: If it exists.
    """
    fd = os.open(path, _CREATE, files.PRIVATE_FILE)
    files.set_mode(fd, files.PRIVATE_FILE)
    return fd


def move_new(source: Path, target: Path, forms: Iterable[str] = ()) -> None:
    """Give *source* the name *target*, and never overwrite what has that name.

    The name is claimed by an empty file, which the move then replaces in one step. A hard link, and then taking away
    the old name, would be two steps: a crash between them leaves one file with two names, and every line twice.

    Args:
        source: What is moved.
        target: Its new name.
        forms: Endings with which *target* must not exist either.

    Raises:
        FileExistsError: If *target* exists, in any form.
        OSError: If *source* cannot be moved.
    """
    os.close(create_new(target))
    try:
        # Looked at once the name is ours: a compressed form is there before the plain one makes room for our claim.
        for form in forms:
            if form and target.with_name(target.name + form).exists():
                raise FileExistsError(errno.EEXIST, "it exists compressed", str(target))
        source.replace(target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
