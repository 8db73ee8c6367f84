"""Whatever is made is the owner's alone, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

import pytest
from rotated import FileOf, Folder, posix

from penstock.testing import some_record

pytestmark = posix


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("compress", ["none", "gzip", "zstd"])
def test_files_are_0600_and_new_folders_0700(folder: Folder, sink: FileOf, umask: int, compress: str) -> None:
    one = sink(path=folder.path.parent / "deep" / "trade.jsonl", max_size=100, compress=compress)
    for _ in range(3):
        one.write([some_record(b"x" * 99)])
    one.flush()

    made = sorted(folder.path.parent.rglob("*"))
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()}
    folders = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder.path.parent, *made) if path.is_dir()}
    assert len(files) == 3
    assert set(files.values()) == {0o600}
    assert len(folders) == 2
    assert set(folders.values()) == {0o700}


def test_the_mode_of_a_file_that_is_there_is_its_owners_business(folder: Folder, sink: FileOf) -> None:
    folder.path.parent.mkdir()
    folder.path.touch()
    folder.path.chmod(0o640)

    sink().write([some_record(b"line")])

    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o640
