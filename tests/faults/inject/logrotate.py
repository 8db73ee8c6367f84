"""Logrotate: moves or copies a file away under its writer; a path in, archives beside it out; the judge's process.

The real logrotate where it is installed; else the steps that its manual describes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, Literal, TypeAlias, final

How: TypeAlias = Literal["create", "copytruncate"]
_KEPT: Final = 10_000


@final
class Logrotate:
    """Rotates one file, from outside.

    Args:
        path: The file.
        how: Whether it moves the file and makes a new one, or copies and empties it.
        real: Whether to run the program; else its steps are done here.
    """

    def __init__(self, path: Path, how: How, real: bool) -> None:
        self._path = path
        self._how = how
        self._real = real
        self._count = 0
        self._table = path.with_name(f"logrotate-{how}.conf")
        self._state = path.with_name(f"logrotate-{how}.state")
        lines = [f"{path} {{", f"  {how}", f"  rotate {_KEPT}", "  size 1", "  missingok", "  nocompress", "}"]
        self._table.write_text("\n".join(lines) + "\n")
        self._table.chmod(0o600)

    def rotate(self) -> None:
        """Rotate once."""
        if self._real:
            command = ["logrotate", "--force", "--state", str(self._state), str(self._table)]
            subprocess.run(command, check=True, capture_output=True)
        else:
            self._by_hand()

    def _by_hand(self) -> None:
        for number in range(self._count, 0, -1):
            self._named(number).rename(self._named(number + 1))
        self._count += 1
        if self._how == "create":
            mode = self._path.stat().st_mode & 0o777
            self._path.rename(self._named(1))
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        else:
            shutil.copyfile(self._path, self._named(1))
            os.truncate(self._path, 0)

    def _named(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
