"""A file of letters is taken, and what remains of it comes back, whoever writes to it and whenever who has it dies."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from deliveries import line as record
from penstock import files
from penstock.assembly import taken
from penstock.assembly.taken import Taken
from penstock.river.letters import DeadLetters, append_lines, have, letter_of, read_letters


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of ten letters, from 0 to 9."""
    path = tmp_path / "dead.jsonl"
    DeadLetters(path, "out").keep([record(number) for number in range(10)], "rejected")
    return path


def take(path: Path) -> Taken:
    found = Taken.take(path)
    assert found is not None
    return found


def numbers(path: Path) -> list[int]:
    return [int(letter.record[0]) for letter in read_letters(path)] if path.exists() else []


def away(path: Path) -> Path:
    return path.with_name("dead.jsonl.replay")


@pytest.mark.parametrize("chunk", [1, 7, 100, 1_000, 100_000])
def test_the_lines_are_those_of_the_file_wherever_it_is_cut(
    path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taken, "_CHUNK", chunk)
    with path.open("ab") as file:
        file.write(b'\n\n{"torn')
    content = path.read_bytes()
    found = take(path)
    lines = list(found.lines())

    assert [line.text for line in lines] == [text for text in content.split(b"\n") if text]
    assert all(content[line.at : line.at + len(line.text)] == line.text for line in lines)
    assert [line.letter is None for line in lines] == [False] * 10 + [True]
    found.give_back()


def test_batches_are_bounded_by_number_and_by_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = take(path)
    monkeypatch.setattr(taken, "_RECORDS", 4)
    assert [len(batch) for batch in found.batches()] == [4, 4, 2]
    monkeypatch.setattr(taken, "_BYTES", 1)
    assert [len(batch) for batch in found.batches()] == [1] * 10
    found.give_back()


def test_what_is_settled_is_gone_and_the_rest_is_back_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken, "_RECORDS", 3)
    before = path.read_bytes().splitlines()
    found = take(path)
    first, second = [batch for batch, _ in zip(found.batches(), range(2), strict=False)]
    found.settle(first)
    found.settle(second, back=second[1:])
    assert not path.read_bytes().startswith(b"#")
    found.give_back()

    assert path.read_bytes().splitlines() == before[4:6] + before[6:]
    assert not away(path).exists()


def test_a_file_of_which_nothing_remains_is_gone(path: Path) -> None:
    found = take(path)
    for batch in found.batches():
        found.settle(batch)
    found.give_back()

    assert not path.exists()
    assert not away(path).exists()
    with pytest.raises(FileNotFoundError):
        Taken.take(path)


def test_who_drops_letters_meanwhile_writes_to_a_new_file(path: Path) -> None:
    found = take(path)
    DeadLetters(path, "out").keep([record(10)], "rejected")
    assert numbers(path) == [10]
    found.give_back()

    assert numbers(path) == [10, *range(10)]


def test_only_one_can_have_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken, "_PATIENCE", 0.01)
    found = take(path)
    DeadLetters(path, "out").keep([record(10)], "rejected")
    with pytest.raises(BlockingIOError):
        Taken.take(path)
    found.give_back()

    take(path).give_back()


def test_the_letters_of_one_who_was_killed_are_taken_too(path: Path) -> None:
    found = take(path)
    batch = next(found.batches())
    found.settle(batch[:4])
    os.close(found._fd)  # as the system does it
    DeadLetters(path, "out").keep([record(10)], "rejected")
    again = take(path)

    assert [int(line.record[0]) for line in again.lines()] == [10, 4, 5, 6, 7, 8, 9]
    again.give_back()


def test_one_who_was_killed_when_all_was_settled_left_nothing(path: Path) -> None:
    found = take(path)
    found.settle(list(found.lines()))
    os.close(found._fd)

    assert Taken.take(path) is None
    assert not away(path).exists()


def test_one_who_was_killed_before_the_file_had_its_new_name_alone_took_nothing(path: Path) -> None:
    os.link(path, away(path))
    found = take(path)

    assert [int(line.record[0]) for line in found.lines()] == list(range(10))
    found.give_back()
    assert numbers(path) == list(range(10))


def test_what_cannot_be_put_back_stays_where_it_is(path: Path) -> None:
    found = take(path)
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        found.give_back()
    path.rmdir()

    assert numbers(away(path)) == list(range(10))
    take(path).give_back()
    assert numbers(path) == list(range(10))


def test_who_writes_at_the_very_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    stop = threading.Event()
    written = [0] * 3

    def write(writer: int) -> None:
        letters = DeadLetters(path, f"s{writer}")
        while not stop.is_set():
            letters.keep([record(written[writer])], "rejected")
            written[writer] += 1

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for thread in threads:
        thread.start()
    settled: Counter[tuple[str, int]] = Counter()

    def settle_some(all_of_them: bool = False) -> None:
        with contextlib.suppress(FileNotFoundError):
            found = take(path)
            for batch in found.batches():
                done = batch if all_of_them else batch[::2]
                found.settle(done)
                settled.update((line.letter.sink, int(line.record[0])) for line in done if line.letter)
            found.give_back()

    while min(written) < 300:
        settle_some()
    stop.set()
    for thread in threads:
        thread.join()
    settle_some(all_of_them=True)

    assert settled == Counter({(f"s{writer}", number): 1 for writer in range(3) for number in range(written[writer])})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork to kill")
def test_a_kill_at_any_step_loses_nothing_and_repeats_one_batch_at_most(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from penstock.assembly import taken
from penstock.assembly.taken import Taken

taken._RECORDS = 3
path, out = Path(sys.argv[1]), Path(sys.argv[2])
content = path.read_bytes()

def replay():
    # Delivers the even ones, and puts back the odd ones.
    found = Taken.take(path)
    if found is None:
        return
    for batch in found.batches():
        even = [line for line in batch if int(line.record[0]) % 2 == 0]
        with out.open("ab") as file:
            file.write(b"".join(line.record[0] + b"\\n" for line in even))
        found.settle(batch, back=[line for line in batch if line not in even])
    found.give_back()

def killed_at(step):
    count = 0
    def kill(frame, event, function):
        nonlocal count
        if event in ("c_call", "c_return"):
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
    child = os.fork()
    if child == 0:
        sys.setprofile(kill)
        replay()
        sys.setprofile(None)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])

step = 1
while True:
    path.write_bytes(content)
    out.write_bytes(b"")
    path.with_name(path.name + ".replay").unlink(missing_ok=True)
    killed = killed_at(step)
    if path.exists() or path.with_name(path.name + ".replay").exists():
        replay()
    print(step, sorted(map(int, out.read_text().split())), flush=True)
    print(path.read_text(), end="", flush=True)
    print("--", flush=True)
    if not killed:
        break
    step += 1
"""
    path = tmp_path / "dead.jsonl"
    DeadLetters(path, "out").keep([record(number) for number in range(8)], "rejected")
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "out.txt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr

    runs = done.stdout.split("--\n")[:-1]
    assert len(runs) > 100
    for run in runs:
        head, *rest = run.splitlines()
        delivered = Counter(json.loads(head.partition(" ")[2]))
        kept = Counter(int(letter.record[0]) for line in rest if (letter := letter_of(line.encode())))
        assert set(delivered) == {0, 2, 4, 6}, head
        assert set(kept) == {1, 3, 5, 7}, head
        for counts in (delivered, kept):
            twice = [number for number, count in counts.items() if count > 1]
            assert len(twice) <= 2, (head, counts)  # of a batch of three, two are even or odd at most


def test_who_opened_the_file_before_it_was_taken_does_not_write_to_it(path: Path) -> None:
    fd = files.open_append(path)
    found = take(path)
    assert not have(fd, path)
    found.give_back()

    assert not have(fd, path)  # it would go with the file
    os.close(fd)


def test_a_torn_line_is_ended_where_something_is_put_behind_it(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"time": "2026')
    append_lines(path, b'{"more": 1}\n')

    assert path.read_bytes().endswith(b'"}\n{"time": "2026\n{"more": 1}\n')
