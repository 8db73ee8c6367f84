"""What a sink with a spool accepted is delivered: by this river, by the one that takes over, or by the next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import define

import penstock
from penstock.clock import monotonic
from penstock.errors import Unavailable
from penstock.types import Record

PROGRAM = """
import os, sys
import penstock

class Away:
    delivery = {"spool": "8 MB", "batch_wait": "0 s"}

    def write(self, batch):
        if os.path.exists(sys.argv[2]):
            with open(sys.argv[3], "ab") as file:
                file.write(b"".join(record.data + b"\\n" for record in batch))
            return
        raise penstock.Unavailable("away")

penstock.configure({
    "state": sys.argv[1],
    "sink": {"out": {"type": "python:__main__:Away"}},
    "pipeline": {"all": {"sink": "out", "format": "plain"}},
})
"""


@define(kw_only=True)
class Away:
    """A network sink that is away, or there."""

    retries: int = 3
    delivery: ClassVar[dict[str, object]] = {"spool": "8 MB", "batch_wait": "0 s"}
    there: ClassVar[bool] = False
    got: ClassVar[list[str]] = []

    def write(self, batch: Sequence[Record], /) -> None:
        """Take *batch*, or be away."""
        if not Away.there:
            raise Unavailable("away")
        Away.got += [record.data.decode().split()[-1] for record in batch]


def wait_until(condition: Any) -> None:
    deadline = monotonic() + 30
    while not condition():
        assert monotonic() < deadline
        threading.Event().wait(0.005)


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.delenv("PENSTOCK__STATE")
    monkeypatch.setattr(Away, "there", False)
    monkeypatch.setattr(Away, "got", [])
    return {
        "state": str(tmp_path),
        "sink": {"out": {"type": f"python:{__name__}:Away"}},
        "pipeline": {"all": {"sink": "out"}},
    }


def test_what_a_closed_river_left_is_delivered_by_the_next_start_before_anything_new(document: dict[str, Any]) -> None:
    first = penstock.configure(document)
    for number in range(5):
        penstock.get_logger("x").info(str(number))
    assert not penstock.shutdown(0.1)
    assert (first.ledger()["out"].pending, dict(first.ledger()["out"].dropped)) == (5, {})
    assert first.ledger().balanced

    Away.there = True
    second = penstock.configure(document)
    penstock.get_logger("x").info("new")
    assert penstock.flush(30)

    assert Away.got == ["0", "1", "2", "3", "4", "new"]
    assert second.ledger()["out"][:4] == (6, 6, {}, 0)


def test_what_was_left_is_delivered_even_if_nothing_new_is_said(document: dict[str, Any]) -> None:
    penstock.configure(document)
    penstock.get_logger("x").info("old")
    penstock.shutdown(0.1)

    Away.there = True
    penstock.configure(document)

    wait_until(lambda: Away.got == ["old"])


@pytest.mark.parametrize("changed", [{}, {"retries": 7}], ids=["the same sink", "another one"])
def test_what_a_river_could_not_deliver_is_delivered_by_the_one_that_takes_over(
    document: dict[str, Any], changed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.assembly.runtime._TIME_TO_CLOSE", 0.1)
    document["pipeline"]["all"]["match"] = ["x"]
    runtime = penstock.configure(document)
    for number in range(3):
        penstock.get_logger("x").info(str(number))

    document["sink"]["out"].update(changed)
    assert runtime.reload()
    for number in range(3, 6):
        penstock.get_logger("x").info(str(number))
    Away.there = True

    wait_until(lambda: Away.got == ["0", "1", "2", "3", "4", "5"])
    wait_until(lambda: penstock.ledger()["out"][:4] == (6, 6, {}, 0))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_what_was_accepted_when_the_process_was_killed_is_delivered_by_the_next_start(tmp_path: Path) -> None:
    state, there, out = tmp_path / "state", tmp_path / "there", tmp_path / "out.txt"
    main = tmp_path / "program.py"
    main.write_text(
        PROGRAM
        + """
log = penstock.get_logger("x")
for number in range(int(sys.argv[4])):
    log.info(f"event {number}")
print("said", flush=True)
if int(sys.argv[4]):
    sys.stdin.read()
penstock.shutdown(30)
"""
    )
    environ = {name: value for name, value in os.environ.items() if name != "PENSTOCK__STATE"}

    def start(count: int) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, str(main), str(state), str(there), str(out), str(count)]
        return subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
        )

    with start(1_000) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"said\n"
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    there.touch()
    with start(0) as following:
        following.communicate(timeout=60)

    assert following.returncode == 0
    assert [int(line.split()[-1]) for line in out.read_text().splitlines()] == list(range(1_000))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_leaves_what_waits_to_its_parent(document: dict[str, Any]) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    penstock.configure(document)
    penstock.get_logger("x").info("parent")

    child = os.fork()
    if child == 0:  # pragma: no cover, in the child
        Away.there = True
        penstock.get_logger("x").info("child")
        flushed = penstock.flush(30)
        os._exit(0 if flushed and Away.got == ["child"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    Away.there = True
    assert penstock.flush(30)
    assert Away.got == ["parent"]
