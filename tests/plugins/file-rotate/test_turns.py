"""Several processes that share a file rotate in turns: nobody moves what another has just begun, names are in order,
and nobody waits long for somebody who hangs.

Two sinks of one process are like two processes here: locks belong to what was opened, not to who opened it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from rotated import Clock, FileOf, Folder, posix

from penstock.testing import some_record
from penstock_file_rotate import hold
from penstock_file_rotate.hold import Turns, turn

pytestmark = posix


def write(sink: object, *numbers: int) -> None:
    for n in numbers:
        sink.write([some_record(b"%03d" % n)])  # type: ignore[attr-defined]


@contextmanager
def somebody_else_rotates(folder: Folder) -> Iterator[None]:
    with turn(folder.path.parent, 0.0):
        yield


def test_a_name_is_behind_those_that_others_gave_and_took_away(folder: Folder, sink: FileOf, clock: Clock) -> None:
    ours, others = sink(max_size="4 B", keep=1), sink(max_size="4 B", keep=1)
    write(ours, 0, 1)
    clock.pass_time(1.1)
    clock.set(2026, 11, 21, 18, 45)  # all names of one second
    write(others, *range(2, 9))
    others.flush()
    (before,) = folder.archives
    clock.pass_time(1.1)
    clock.set(2026, 11, 21, 18, 45)
    write(ours, 9)
    ours.flush()

    assert folder.lines == ["008", "009"], "the newest stay"
    assert folder.archives > [before]


def test_a_line_does_not_wait_for_somebody_who_is_stopped_in_the_middle_of_a_rotation(
    folder: Folder, sink: FileOf, clock: Clock
) -> None:
    one = sink(max_size="8 B", keep=99)
    with somebody_else_rotates(folder):
        write(one, *range(20))
        assert folder.archives == [], "it is not our turn"
    write(one, 20)

    assert folder.lines == [f"{n:03d}" for n in range(21)]
    assert [len(data) for data in folder.contents] == [80, 4]


def test_a_turn_that_never_ends_is_ignored_after_a_second(folder: Folder, sink: FileOf, clock: Clock) -> None:
    one = sink(max_size="4 B", keep=99)
    with somebody_else_rotates(folder):
        write(one, 0, 1)
        clock.pass_time(1.1)
        write(one, 2, 3)

    assert [len(data) for data in folder.contents] == [8, 4, 4]


def test_who_comes_meanwhile_waits_for_a_rotation_that_goes_on(folder: Folder, sink: FileOf) -> None:
    one = sink(max_size="4 B", keep=99)
    write(one, 0)
    began, end = threading.Event(), threading.Event()

    def rotate() -> None:
        with somebody_else_rotates(folder):
            began.set()
            end.wait()

    other = threading.Thread(target=rotate)
    other.start()
    began.wait()
    timer = threading.Timer(0.001, end.set)
    timer.start()
    with turn(folder.path.parent, 60):
        assert end.is_set()
    other.join()
    timer.join()


def test_a_child_forked_in_the_middle_does_not_keep_the_turn(folder: Folder, sink: FileOf) -> None:
    sink()
    stop, waiting = os.pipe()
    with somebody_else_rotates(folder):
        child = os.fork()
        if child == 0:
            os.close(waiting)
            os.read(stop, 1)
            os._exit(0)
    try:
        with somebody_else_rotates(folder):
            pass
    finally:
        os.close(waiting)
        os.close(stop)
        os.waitpid(child, 0)


def test_who_met_others_at_each_look_waits_for_the_turn_rather_than_go_without(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.path.parent.mkdir(exist_ok=True)
    turns = Turns(folder.path.parent)
    with ExitStack() as others:
        others.enter_context(somebody_else_rotates(folder))
        with pytest.raises(BlockingIOError), turns.have(100.0):
            pass
        monkeypatch.setattr(hold, "sleep", lambda seconds: others.close())

        with turns.have(102.0):
            others.close()
            with pytest.raises(BlockingIOError), turn(folder.path.parent, 0.0):
                pass
