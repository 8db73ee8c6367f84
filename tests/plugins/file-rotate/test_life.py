"""Opened, closed, configured anew, wrongly configured: what a sink does besides writing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from rotated import FileOf, Folder

import penstock
from penstock import tooling
from penstock.plugin import Closed
from penstock.testing import some_record
from penstock_file_rotate import compress
from penstock_file_rotate.sink import FileRotateSink

LINE = [some_record(b"line")]


def test_open_and_close_twice_or_without_each_other_are_fine(folder: Folder) -> None:
    one = FileRotateSink(path=folder.path)
    one.close()
    one.open()
    one.open()
    one.write(LINE)
    one.close()
    one.close()

    assert folder.lines == ["line"]


def test_open_twice_leaves_one_archiver(folder: Folder) -> None:
    one = FileRotateSink(path=folder.path, max_size=10, compress="gzip")  # type: ignore[arg-type]
    one.open()
    for _ in range(3):
        one.write([some_record(b"123456789")])
    one.open()  # the leak check sees a thread that nobody ends
    one.flush()
    one.close()

    assert len(folder.lines) == 3


def test_a_write_without_open_opens(folder: Folder) -> None:
    one = FileRotateSink(path=folder.path)
    one.write(LINE)
    one.close()

    assert folder.lines == ["line"]


def test_a_write_after_close_is_closed_until_it_is_opened_again(folder: Folder) -> None:
    one = FileRotateSink(path=folder.path)
    one.open()
    one.close()
    with pytest.raises(Closed):
        one.write(LINE)
    one.open()
    one.write(LINE)
    one.close()

    assert folder.lines == ["line"]


def test_a_closed_sink_compresses_again_when_it_is_opened_again(folder: Folder) -> None:
    one = FileRotateSink(path=folder.path, max_size=10, compress="gzip")  # type: ignore[arg-type]
    for _ in range(2):
        one.open()
        for _ in range(2):
            one.write([some_record(b"123456789")])
        one.flush()
        one.close()

    assert [path.suffix for path in folder.archives] == [".gz"] * 3


def test_close_in_the_middle_of_many_writes_leaves_nothing_open(folder: Folder) -> None:
    one = FileRotateSink(path=folder.path, max_size=200, keep=1_000, compress="gzip")  # type: ignore[arg-type]
    one.open()
    written = []

    def work(number: int) -> None:
        for n in range(1_000):
            try:
                one.write([some_record(f"{number}.{n}".encode())])
            except Closed:
                return
            written.append(f"{number}.{n}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while len(written) < 500:
        threads[0].join(0.001)
    one.close()
    for thread in threads:
        thread.join()
    one.close()

    assert sorted(folder.lines) == sorted(written)


def test_a_reload_loses_and_doubles_no_line(folder: Folder, tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(
        '[sink.file]\ntype = "file-rotate"\npath = "logs/trade.jsonl"\nmax_size = "20 kB"\nkeep = 1000\n'
        'compress = "gzip"\n[pipeline.all]\nsink = "file"\n'
    )
    runtime = penstock.configure(file, strict=True)
    stop = threading.Event()
    counts = [0, 0]

    def work(number: int) -> None:
        while not stop.wait(0.0005):
            penstock.get_logger("trade").info("sold", n=number + 2 * counts[number])
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        assert runtime.reload()
    stop.set()
    for thread in threads:
        thread.join()
    assert penstock.flush()

    assert sorted(n // 2 for n in folder.numbers if n % 2) == list(range(counts[1]))
    assert sorted(n // 2 for n in folder.numbers if n % 2 == 0) == list(range(counts[0]))


def test_a_relative_path_is_relative_to_the_document(folder: Folder, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "penstock.toml").write_text(
        '[sink.file]\ntype = "file-rotate"\npath = "logs/trade.jsonl"\n[pipeline.all]\nsink = "file"\n'
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    penstock.configure(tmp_path / "penstock.toml", strict=True)
    penstock.get_logger("trade").info("sold", n=1)

    assert folder.numbers == [1]


def problems(**options: Any) -> list[str]:
    sink = {"type": "file-rotate", "path": "out.log", **options}
    found = tooling.check({"sink": {"file": sink}, "pipeline": {"all": {"sink": "file", "format": "plain"}}})
    return [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_size": "ten"}, "sink.file.max_size: expected a size or false, got 'ten'"),
        ({"max_size": 10}, "sink.file.max_size: expected a size or false, got 10"),
        ({"max_size": True}, "sink.file.max_size: expected a size or false, got True"),
        ({"max_size": "0 B"}, "expected more than nothing"),
        ({"max_total": "1 MB"}, "'max_total' is less than 'max_size'"),
        ({"keep": -1}, "sink.file.keep: must be >= 0, got -1"),
        ({"keep": "5"}, "sink.file.keep: expected a whole number, got '5'"),
        ({"every": "daily"}, "sink.file.every: expected one of 'hour', 'day', 'week', got 'daily'"),
        ({"compress": "gz"}, "did you mean 'gzip'?"),
        ({"path": "x" * 250}, "the name is too long"),
        ({"kepe": 3}, "did you mean 'keep'?"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(options: dict[str, Any], words: str) -> None:
    (problem,) = problems(**options)

    assert words in problem


def test_all_options_may_be_given_at_once() -> None:
    assert not problems(
        max_size=False, every="week", utc=True, keep=0, max_total="1 GB", compress="zstd", level="error"
    )


def test_a_missing_zstd_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compress, "find_spec", lambda name: None)

    (problem,) = problems(compress="zstd")

    assert problem == ("sink.file.compress: 'zstd' is not installed; try: pip install 'penstock-file-rotate[zstd]'")


def test_every_option_has_a_text() -> None:
    for field in FileRotateSink.__attrs_attrs__:
        assert not field.init or field.metadata["doc"]


def test_what_it_shows_of_itself_are_its_options(tmp_path: Path) -> None:
    shown = repr(FileRotateSink(path=Path("out.log")))

    assert shown == (
        "FileRotateSink(path=PosixPath('out.log'), max_size=Size('10 MB'), every=None, utc=False, keep=5, "
        "max_total=False, compress='none')"
    ).replace("PosixPath", type(Path()).__name__)


def test_a_folder_in_its_place_is_a_problem_at_configure(folder: Folder, river: FileOf) -> None:
    folder.path.mkdir(parents=True)

    with pytest.raises(penstock.ConfigError, match="it is a folder"):
        river()


def test_a_link_in_its_place_is_a_problem_at_configure(folder: Folder, river: FileOf, tmp_path: Path) -> None:
    folder.path.parent.mkdir()
    folder.path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(penstock.ConfigError, match="it is a symbolic link, which is not followed"):
        river()
    assert not (tmp_path / "elsewhere").exists()
