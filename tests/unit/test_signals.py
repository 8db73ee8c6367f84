"""Signals are heard while a river wants them, passed on to who was there, and given back."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

import penstock
from penstock import faults
from penstock.assembly import signals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGHUP, and SIGTERM ends the process")

HEARD = (signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def heard() -> Iterator[list[int]]:
    """Give the signals a handler that notes them, and put everything back afterwards."""
    before = {number: signal.getsignal(number) for number in HEARD}
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)

    for number in HEARD:
        signal.signal(number, note)
    yield noted
    assert soon(at_rest)
    signals.give_back()
    signals._state.begin()
    signals._holds.clear()
    for number, handler in before.items():
        signal.signal(number, handler)


def yes() -> bool:
    return True


def soon(happened: Callable[[], bool]) -> bool:
    for _ in range(2_000):
        if happened():
            return True
        threading.Event().wait(0.005)
    return False


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "penstock-signals"]


def at_rest() -> bool:
    # A reload that found no thread of its own runs in one without a name.
    return not workers() and not signals._state.reloading.locked()


def in_thread(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in HEARD]


def test_what_was_there_is_put_back() -> None:
    before = handlers()
    signals.take(yes)
    assert not set(map(id, before)) & set(map(id, handlers()))
    signals.give_back()

    assert handlers() == before


def test_taking_twice_is_taking_once(heard: list[int]) -> None:
    before = handlers()
    signals.take(yes)
    ours = handlers()
    signals.take(yes)
    assert handlers() == ours
    signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]
    signals.give_back()

    assert handlers() == before


def test_a_handler_that_was_put_over_ours_stays_and_what_it_passes_on_gets_to_who_was_there(heard: list[int]) -> None:
    signals.take(yes)
    ours = signal.getsignal(signal.SIGTERM)
    assert callable(ours)
    theirs: list[int] = []

    def over(number: int, frame: FrameType | None) -> None:
        theirs.append(number)
        ours(number, frame)

    signal.signal(signal.SIGTERM, over)
    signals.give_back()
    assert signal.getsignal(signal.SIGTERM) is over
    signal.raise_signal(signal.SIGTERM)

    assert theirs == heard == [signal.SIGTERM]


def test_taken_again_it_is_put_over_those_too_and_all_are_called_once(heard: list[int]) -> None:
    signals.take(yes)
    ours = signal.getsignal(signal.SIGTERM)
    assert callable(ours)
    theirs: list[int] = []

    def over(number: int, frame: FrameType | None) -> None:
        theirs.append(number)
        ours(number, frame)

    signal.signal(signal.SIGTERM, over)
    signals.take(yes)
    assert signal.getsignal(signal.SIGTERM) is not over
    signal.raise_signal(signal.SIGTERM)

    assert theirs == heard == [signal.SIGTERM]


def test_who_puts_ours_back_over_a_later_one_has_it_work_still(heard: list[int]) -> None:
    signals.take(yes)
    ours = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signals.take(yes)
    signal.signal(signal.SIGTERM, ours)
    signal.raise_signal(signal.SIGTERM)

    assert heard == [signal.SIGTERM]


def test_a_thread_cannot_take_them_and_that_is_told() -> None:
    before = handlers()
    in_thread(lambda: signals.take(yes))

    assert handlers() == before
    assert faults.fault_counts()["signals.refused", ""] == 1


def test_a_thread_can_take_over_what_is_there(heard: list[int]) -> None:
    reloads: list[str] = []
    signals.take(yes)
    in_thread(lambda: signals.take(lambda: not reloads.append(threading.current_thread().name)))
    signal.raise_signal(signal.SIGHUP)

    assert soon(lambda: reloads == ["penstock-signals"])
    assert heard == [signal.SIGHUP]
    assert not [kind for kind, _ in faults.fault_counts() if kind == "signals.refused"]


def test_a_thread_can_give_them_back_and_the_next_signal_does_it(heard: list[int]) -> None:
    before = handlers()
    signals.take(lambda: pytest.fail("it is not wanted any more"))
    in_thread(signals.give_back)
    signal.raise_signal(signal.SIGHUP)

    assert heard == [signal.SIGHUP]
    assert handlers() == before


def test_a_handler_that_is_not_of_python_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = handlers()
    with monkeypatch.context() as patch:
        patch.setattr(signal, "getsignal", lambda number: None)  # as where Python is a part of another program
        signals.take(yes)

    assert handlers() == before
    assert faults.fault_counts()["signals.refused", "SIGTERM"] == 1


def test_one_that_is_ignored_is_heard_if_nothing_ends_of_it() -> None:
    for number in HEARD:
        signal.signal(number, signal.SIG_IGN)
    reloads: list[bool] = []
    signals.take(lambda: not reloads.append(True))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    signal.raise_signal(signal.SIGHUP)

    assert soon(lambda: reloads == [True])


def test_what_the_handler_of_the_program_raises_is_the_programs() -> None:
    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(7)

    signal.signal(signal.SIGTERM, leave)
    signals.take(yes)

    with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGTERM)


def test_every_reload_that_was_asked_for_begins_after_it_was_and_none_beside_another() -> None:
    begun, go = threading.Semaphore(0), threading.Semaphore(0)
    running: list[int] = []
    most: list[int] = []

    def reload() -> bool:
        running.append(1)
        most.append(len(running))
        begun.release()
        go.acquire()
        running.pop()
        return True

    signals.take(reload)
    signal.raise_signal(signal.SIGHUP)
    assert begun.acquire(timeout=10)
    for _ in range(50):  # the file may have changed since the first one read it
        signal.raise_signal(signal.SIGHUP)
    assert soon(lambda: len(workers()) == 1)
    go.release()
    assert begun.acquire(timeout=10)
    go.release()

    assert soon(lambda: not running and not signals._state.reloading.locked())
    assert most == [1, 1]


def test_a_reload_that_raises_is_told_and_the_next_one_works() -> None:
    attempts: list[int] = []

    def reload() -> bool:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("no such thing")
        return True

    signals.take(reload)
    signal.raise_signal(signal.SIGHUP)
    assert soon(lambda: ("config.rejected", "") in faults.fault_counts())
    signal.raise_signal(signal.SIGHUP)

    assert soon(lambda: attempts == [1, 1])


@pytest.mark.parametrize("where", ["start_new_thread", "Thread.start"])
def test_without_a_thread_the_program_hears_it_all_the_same(
    where: str, heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    if where == "Thread.start":
        monkeypatch.setattr(threading.Thread, "start", refuse)
    else:
        monkeypatch.setattr(signals, "start_new_thread", refuse)
    reloads: list[bool] = []
    signals.take(lambda: not reloads.append(True))
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGTERM)

    assert heard == [signal.SIGHUP, signal.SIGTERM]
    if where == "Thread.start":  # one that is there already does it
        assert soon(lambda: reloads == [True])
    else:
        assert ("config.rejected", "") in faults.fault_counts()


def test_without_a_thread_the_river_is_drained_before_the_end() -> None:
    code = """
import os, sys
import penstock
from penstock.assembly import signals
from penstock.testing import RecordingSink

class Prints(RecordingSink):
    def close(self):
        os.write(1, b" ".join(text.encode()[-1:] for text in self.texts))

def refuse(*_):
    raise RuntimeError("can't start new thread")

sys.modules["program"] = sys.modules["__main__"]
penstock.configure({"signals": True, "sink": {"out": {"type": "python:program:Prints"}},
                    "pipeline": {"all": {"sink": "out"}}})
for number in range(5):
    penstock.get_logger("shop").info("sold", number=number)
signals.start_new_thread = refuse
os.kill(os.getpid(), 15)
os.write(1, b"alive")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"0 1 2 3 4")


def test_a_river_takes_them_and_its_end_gives_them_back() -> None:
    before = handlers()
    document = {"signals": True, "sink": {"out": {"type": "last-resort"}}, "pipeline": {"all": {"sink": "out"}}}
    with penstock.configure(document) as runtime:
        ours = handlers()
        assert not set(map(id, before)) & set(map(id, ours))
        assert runtime.reload()
        assert handlers() == ours
    assert handlers() == before
    penstock.configure(document)
    penstock.configure({**document, "signals": False})

    assert handlers() == before
