"""Journals with and without a disk behind them, for the tests of the spool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from spools import KINDS, ON_DISK, Journals, folder_of


@pytest.fixture(params=KINDS)
def journals(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journals]:
    """Open journals of either kind."""
    with folder_of(request.param, tmp_path) as folder:
        made = Journals(request.param, folder)
        yield made
        made.close()


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Journals]:
    """Open journals that are not mapped."""
    made = Journals(ON_DISK, tmp_path / "spool")
    yield made
    made.close()
