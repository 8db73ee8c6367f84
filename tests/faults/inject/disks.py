"""Disks: file systems that are small, freeze or fail; a folder in, a mounted one out; the judge's process; whatever
happens, it is thawed and unmounted afterwards.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final


def _run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@final
class Disk:
    """A small file system.

    Attributes:
        path: Where it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    @property
    def free(self) -> int:
        """Bytes for which there is room."""
        info = os.statvfs(self.path)
        return info.f_bavail * info.f_frsize

    def fill(self, room: int) -> None:
        """Put something on it, so that only *room* bytes are left."""
        self._ballast.write_bytes(bytes(max(0, self.free - room)))

    def make_room(self) -> None:
        """Take that away."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Disk]:
    """Mount a disk of *size*, in memory."""
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "penstock-faults", folder)
    try:
        yield Disk(folder)
    finally:
        _run("umount", "--lazy", folder)


@final
class RealDisk:
    """An ext4 of its own, which can freeze or fail.

    Attributes:
        path: Where it is mounted.
    """

    def __init__(self, path: Path, device: str) -> None:
        self.path = path
        self._device = device
        self._frozen = False

    def freeze(self) -> None:
        """Have every write wait, as a disk does that hangs."""
        _run("fsfreeze", "--freeze", self.path)
        self._frozen = True

    def thaw(self) -> None:
        """Let them go on."""
        if self._frozen:
            _run("fsfreeze", "--unfreeze", self.path)
            self._frozen = False

    def fail(self) -> None:
        """Report an error of the file system, after which the kernel lets nobody write to it."""
        Path(f"/sys/fs/ext4/{Path(self._device).name}/trigger_fs_error").write_text("injected")


@contextmanager
def real_disk(folder: Path, megabytes: int = 16) -> Iterator[RealDisk]:
    """Mount an ext4 in a file beside *folder*; after an error it is read-only."""
    image = folder.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    _run("mkfs.ext4", "-q", image)
    folder.mkdir()
    device = _run("losetup", "--find", "--show", image)
    try:
        _run("mount", "-o", "errors=remount-ro", device, folder)
        disk = RealDisk(folder, device)
        try:
            yield disk
        finally:
            disk.thaw()
            _run("umount", "--lazy", folder)
    finally:
        _run("losetup", "--detach", device)
