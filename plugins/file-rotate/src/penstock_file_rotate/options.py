"""Options: what options of the sink may be; a value in; whoever configures; raises ValueError, in words for people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, Literal

from attrs import Attribute

from penstock_file_rotate.archive import ADDED
from penstock_file_rotate.compress import zstd_is_there

_LONGEST_NAME: Final = 255
"""Bytes of a file name on nearly every file system."""


def positive(instance: object, attribute: Attribute[Any], value: int | Literal[False]) -> None:
    """Refuse a size of nothing."""
    if value is not False and value <= 0:
        raise ValueError("expected more than nothing; false means without limit")


def short_enough(instance: object, attribute: Attribute[Any], value: Path) -> None:
    """Refuse a name that leaves archives no room for theirs."""
    if len(os.fsencode(value.name)) + ADDED > _LONGEST_NAME:
        raise ValueError(f"the name is too long: archives add {ADDED} bytes, and {_LONGEST_NAME} are allowed")


def installed(instance: object, attribute: Attribute[Any], value: str) -> None:
    """Refuse a compression whose library is missing."""
    if value == "zstd" and not zstd_is_there():
        raise ValueError("'zstd' is not installed; try: pip install 'penstock-file-rotate[zstd]'")
