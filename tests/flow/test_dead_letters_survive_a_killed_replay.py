"""`penstock replay` may be killed at any moment: no letter is lost, and one batch is repeated at most."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from deliveries import line as record
from penstock.river.letters import DeadLetters, read_letters

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill a process")

LETTERS = 3_000
BATCH = 500
SINK = """
import os, signal
from penstock.plugin import Rejected

class Picky:
    # Takes the even ones, refuses the odd ones, and has the process killed where its environment says.
    def write(self, batch, /):
        even = [one for one in batch if int(one.data) % 2 == 0]
        with open("out.txt", "ab") as file:
            file.write(b"".join(one.data + b"\\n" for one in even))
        if os.environ.get("DIE_AT") and sum(1 for _ in open("out.txt")) >= int(os.environ["DIE_AT"]):
            os.kill(os.getpid(), signal.SIGKILL)
        odd = [index for index, one in enumerate(batch) if int(one.data) % 2]
        if odd:
            raise Rejected("odd", indexes=odd)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "picky.py").write_text(SINK)
    (tmp_path / "penstock.toml").write_text('[sink.out]\ntype = "python:picky:Picky"\n[pipeline.all]\nsink = "out"\n')
    DeadLetters(tmp_path / "dead.jsonl", "out").keep([record(number) for number in range(LETTERS)], "rejected")
    return tmp_path


def replay(folder: Path, **environ: str) -> int:
    command = [sys.executable, "-m", "penstock_cli", "replay", "dead.jsonl", "-c", "penstock.toml"]
    env = {**os.environ, "PYTHONPATH": str(folder), **environ}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=100, check=False).returncode


def test_killed_in_the_middle_of_a_batch_each_time_it_gets_there_in_the_end(folder: Path) -> None:
    kills = 0
    for die_at in random.Random(7).sample(range(1, LETTERS // 2), 4):
        kills += replay(folder, DIE_AT=str(die_at)) == -signal.SIGKILL
    assert replay(folder) == 1  # the odd ones stay

    delivered = Counter(int(line) for line in (folder / "out.txt").read_text().splitlines())
    kept = Counter(int(letter.record[0]) for letter in read_letters(folder / "dead.jsonl"))
    assert kills
    assert set(delivered) == set(range(0, LETTERS, 2))
    assert set(kept) == set(range(1, LETTERS, 2))
    assert sum(delivered.values()) - LETTERS // 2 <= kills * BATCH
    assert sum(kept.values()) - LETTERS // 2 <= kills * BATCH
    assert not (folder / "dead.jsonl.replay").exists()
