"""A fault is counted always, told at a bounded rate, and never becomes the program's."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading

import pytest

from penstock import faults
from penstock.faults import ERROR, Aside, Fault, fault_counts, last_resort, listen, report


def test_a_fault_is_told_once_in_ten_seconds_and_counted_always(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(faults, "monotonic", lambda: now[0])
    for _ in range(5):
        report("sink.failed", "Sink failed; will retry.", subject="oncall", retry_after=2.0)
    now[0] += 11
    report("sink.failed", "Sink failed; will retry.", subject="oncall", retry_after=2.0)

    first, second = capfd.readouterr().err.splitlines()
    assert first == "penstock: warning: Sink failed; will retry. subject='oncall' retry_after=2.0"
    assert second.endswith("count=5")
    assert fault_counts() == {("sink.failed", "oncall"): 6}


def test_different_subjects_are_told_apart(capfd: pytest.CaptureFixture[str]) -> None:
    report("sink.failed", "Sink failed.", subject="a")
    report("sink.failed", "Sink failed.", subject="b")

    assert len(capfd.readouterr().err.splitlines()) == 2


def test_the_type_of_an_error_is_told_and_its_text_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    report("stage.failed", "A stage failed.", error=ValueError("s3cr3t value of the event"))

    told = capfd.readouterr().err
    assert "ValueError" in told
    assert "s3cr3t" not in told


def test_a_listener_that_heard_keeps_it_off_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[Fault] = []
    listen(lambda fault: heard.append(fault) or True)
    try:
        report("sink.closed", "Closed.", subject="x", level=ERROR, why="401")
    finally:
        listen(None)

    assert capfd.readouterr().err == ""
    assert (heard[0].kind, heard[0].subject, heard[0].level, heard[0].data) == ("sink.closed", "x", 40, {"why": "401"})


def test_a_listener_that_raises_or_reports_itself_ends_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    def broken(fault: Fault) -> bool:
        report("inner", "A fault while telling a fault.")
        raise RuntimeError

    listen(broken)
    try:
        report("outer", "The first.")
    finally:
        listen(None)

    assert "A fault while telling a fault." in capfd.readouterr().err


def test_the_number_of_subjects_is_bounded(capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(1_500):
        report("value.failed", "A value could not be shown.", subject=f"Type{number}")

    assert len(fault_counts()) <= 1_002
    assert sum(fault_counts().values()) == 1_500


def test_the_last_resort_is_one_safe_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert last_resort("a\nb\x1b[31m\u202ec")

    assert capfd.readouterr().err == "a\\nb\\x1b[31m\\u202ec\n"


def test_the_last_resort_is_cut_to_what_a_pipe_takes_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    last_resort("x" * 100_000)

    assert len(capfd.readouterr().err) == 4_096


@pytest.mark.skipif(os.name != "posix", reason="a pipe that polls")
def test_the_last_resort_never_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 65_536)
    os.set_blocking(writer, True)
    monkeypatch.setattr(faults, "_STDERR", writer)

    assert last_resort("nobody reads this") is False
    os.close(reader)
    os.close(writer)
    assert last_resort("closed") is False


@pytest.mark.skipif(os.name != "posix", reason="descriptors are those of POSIX")
def test_a_standard_error_that_was_closed_at_the_start_is_left_alone(tmp_path: object) -> None:
    code = (
        "import os; from penstock.faults import last_resort;"
        f"db = os.open({str(tmp_path)!r} + '/db', os.O_RDWR | os.O_CREAT, 0o600); assert db == 2;"
        "last_resort('x'); print(os.fstat(db).st_size)"
    )
    shell = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} 2>&-"

    assert subprocess.run(shell, shell=True, stdout=subprocess.PIPE, text=True, check=True).stdout == "0\n"


def test_what_is_set_aside_is_neither_counted_nor_told(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[Fault] = []
    inner: list[Fault] = []
    with Aside(heard.append):
        report("sink.failed", "Sink failed.", subject="a", error=ValueError("x"), count=3)
        with Aside(inner.append):
            report("sink.failed", "Sink failed.", subject="b")
        report("sink.failed", "Sink failed.", subject="c")

    assert [(fault.subject, fault.count) for fault in heard] == [("a", 3), ("c", 1)]
    assert heard[0].data == {"error": "ValueError"}
    assert [fault.subject for fault in inner] == ["b"]
    assert fault_counts() == {}
    assert capfd.readouterr().err == ""


def test_faults_of_other_threads_and_of_later_are_not_set_aside(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[Fault] = []
    with Aside(heard.append):
        thread = threading.Thread(target=report, args=("sink.failed", "Sink failed."), kwargs={"subject": "other"})
        thread.start()
        thread.join()
    report("sink.failed", "Sink failed.", subject="later")

    assert heard == []
    assert fault_counts() == {("sink.failed", "other"): 1, ("sink.failed", "later"): 1}
