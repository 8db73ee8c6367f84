"""A sink that hangs, whatever it hangs in, stops nobody who says something: what does not fit into its queue is
counted, the queue keeps to its bound, and when the sink goes on, so does everything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from mmap import PAGESIZE
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import pytest
import table
from capabilities import need
from form import either, full_length
from hang import FrozenDisk, Hang, HungCall, stopped_reader
from oracle import agrees, judge
from program import Program, into, running
from sometimes import Sometimes
from trial import Trial, Trials

_EVENTS: Final = either(20_000, 300_000)
_STANDSTILL: Final = 3.0
"""Seconds without an event after which a caller counts as stopped."""
_MICROSECONDS: Final = 100
"""What one call in a thousand may take."""
_TIMES_HEALTHY: Final = 1.5
"""How much longer it may take than with a sink that does not hang."""
_TRIES: Final = 20
"""How often latency is measured at most; the best counts, for what else runs on a machine can only make it longer."""
_BOUND: Final = 16_000_000
_HANGS: Final = ["a hung call", "a frozen disk", "a stopped reader"]


@pytest.fixture
def hang(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hang]:
    """The sink that is asked for."""
    if request.param == "a frozen disk":
        yield FrozenDisk(request.getfixturevalue("real_disk"))
    elif request.param == "a stopped reader":
        need("linux")
        with stopped_reader(tmp_path / "reader") as made:
            yield made
    else:
        (tmp_path / "logs").mkdir()
        yield HungCall(tmp_path / "logs" / "say.jsonl", request.getfixturevalue("pulled"))


def stands_still(program: Program, trial: Trial, events: int) -> bool:
    """Wait until all events are said, or none is any more; return whether the caller stopped."""
    last, since = -1, monotonic()
    while trial.board.all_acknowledged < events:
        if trial.board.all_acknowledged != last:
            last, since = trial.board.all_acknowledged, monotonic()
        if monotonic() - since > _STANDSTILL or program.process.poll() is not None:
            return True
        sleep(0.01)
    return False


@pytest.mark.sometimes("a queue was full while its sink hung")
@pytest.mark.parametrize("hang", _HANGS, indirect=True)
def test_a_queued_one(request: pytest.FixtureRequest, trials: Trials, sometimes: Sometimes, hang: Hang) -> None:
    sink = {**hang.sink, "delivery": {"mode": "queued", "queue": "1 MB"}}
    with trials(workers=2, path=hang.path) as trial:
        order = trial.order(config=into({"file": sink}), threads=2, count=_EVENTS // 2)
        with running(order, env=hang.env) as program:
            try:
                hang.hang()
                program.go()
                stopped = stands_still(program, trial, _EVENTS)
            finally:
                hang.release()
            assert program.end() == 0, program.told()
        verdict = judge(trial.board, hang.contents())
    report, account = program.report, program.report["sinks"]["file"]
    sometimes("a queue was full while its sink hung", sum(account["dropped"].values()))
    told = f"the caller said {verdict.issued:,}, {verdict.missing:,} of them dropped, {verdict.told:,} told"
    table.note(f"a queued sink hangs: {request.node.callspec.id}", "penstock", told)
    assert not stopped
    assert report["balanced"]
    assert verdict.issued == _EVENTS
    assert agrees(account, verdict), (account, verdict)
    assert verdict.told == verdict.missing  # whoever reads the sink can add up what is missing
    assert verdict.sound, verdict


@pytest.mark.sometimes("standard error took nothing", "standard error was read again")
def test_an_inline_one_that_writes_to_a_pipe(trials: Trials, sometimes: Sometimes) -> None:
    sinks = {"file": {"type": "stderr", "color": "never"}}
    config = {"sink": sinks, "pipeline": {"all": {"match": ["say"], "sink": "file", "format": "json"}}}
    reading, writing = os.pipe()
    with trials(workers=2) as trial, open(reading, "rb") as pipe:
        with running(trial.order(config=config, threads=2, long=False), stderr=writing) as program:
            os.close(writing)
            program.go()
            program.wait_until(lambda: trial.board.all_acknowledged > 5_000)
            sometimes("standard error took nothing")
            arrived = [os.read(reading, 1_000_000)]  # all that a pipe holds
            program.wait_until(lambda: trial.board.all_acknowledged > 6_000)
            trial.board.stop()
            arrived.append(pipe.read())
            sometimes("standard error was read again", arrived[1])
            assert program.end() == 0
        lines = b"".join(arrived).splitlines(keepends=True)
        verdict = judge(trial.board, [b"".join(line for line in lines if not line.startswith(b"penstock: "))])
    account = program.report["sinks"]["file"]

    table.note(
        "standard error is a pipe that nobody reads", "penstock", f"the caller said {verdict.issued:,}, law exact"
    )
    assert program.report["balanced"]
    assert verdict.missing > 0
    assert agrees(account, verdict), (account, verdict)
    assert verdict.sound, verdict


@pytest.mark.parametrize("hang", ["a hung call"], indirect=True)
def test_memory_keeps_to_the_bound_of_the_queue(trials: Trials, hang: Hang) -> None:
    events = either(100_000, 1_000_000)  # of some 500 bytes: three times the bound, or thirty times
    sink = {**hang.sink, "delivery": {"mode": "queued", "queue": f"{_BOUND} B"}}
    with trials(workers=1, path=hang.path) as trial:
        order = trial.order(config=into({"file": sink}), count=events, end="report_at_once")
        with running(order, env=hang.env) as program:
            hang.hang()
            program.go()
            program.hear()
            hang.release()
            assert program.end() == 0
    report = program.report
    taken = report["resident"] - report["warm"]
    figure = f"{taken / 1e6:.1f} MB, {taken / _BOUND:.2f} times the bound, after {events:,} events"
    table.note("memory behind a hung sink, 16 MB allowed", "penstock", figure)
    table.promise("memory behind a sink that hangs", "1.3 times the bound", figure, taken <= 1.3 * _BOUND)
    assert sum(report["sinks"]["file"]["dropped"].values()) > events / 2
    assert taken <= 1.3 * _BOUND


def latency(trials: Trials, hang: Hang, hangs: bool) -> int:
    """Return how many microseconds one call in a thousand takes, or longer."""
    sink = {**hang.sink, "delivery": {"mode": "queued", "queue": "1 MB"}}
    with trials(workers=1, path=hang.path) as trial:
        order = trial.order(config=into({"file": sink}), count=20_000, end="report_at_once")
        with running(order, env=hang.env) as program:
            try:
                if hangs:
                    hang.hang()
                program.go()
                return int(program.hear()["p999"])
            finally:
                hang.release()


def best(trials: Trials, hang: Hang) -> tuple[int, int]:
    """Return the shortest of several latencies, while it hangs and while it does not, measured in turn."""
    hung, healthy = latency(trials, hang, True), latency(trials, hang, False)
    for _ in range(_TRIES - 1):
        if hung < _MICROSECONDS and hung <= _TIMES_HEALTHY * healthy:
            break
        hung, healthy = min(hung, latency(trials, hang, True)), min(healthy, latency(trials, hang, False))
    return hung, healthy


@full_length
@pytest.mark.parametrize("hang", ["a hung call"], indirect=True)
def test_the_end_of_the_program_waits_for_it_no_longer_than_promised(trials: Trials, hang: Hang) -> None:
    sink = {**hang.sink, "delivery": {"mode": "queued"}}
    with trials(workers=1, path=hang.path) as trial:
        order = trial.order(config=into({"file": sink}), count=1_000, end="end_of_main")
        with running(order, env=hang.env) as program:
            hang.hang()
            program.go()
            program.wait_until(lambda: trial.board.all_acknowledged == 1_000)
            begun = monotonic()
            code, told = program.end(), program.told()
            took = monotonic() - begun
    table.note("the end of a program whose sink hangs, 5 s allowed", "penstock", f"{took:.1f} s")
    assert code == 0
    assert "shutdown_deadline=1000" in told
    assert took < 5.5


@full_length
@pytest.mark.parametrize("hang", _HANGS, indirect=True)
def test_one_call_in_a_thousand(request: pytest.FixtureRequest, trials: Trials, hang: Hang) -> None:
    hung, healthy = best(trials, hang)
    fault = f"the caller, while a queued sink hangs: {request.node.callspec.id}"
    told = f"one call in a thousand takes {hung} µs or more, {healthy} µs while it does not hang"
    table.note(fault, "penstock", told)
    kept = hung < _MICROSECONDS and hung <= _TIMES_HEALTHY * healthy
    limit = f"less than {_MICROSECONDS} µs (p99.9), at most {_TIMES_HEALTHY} times a healthy one"
    table.promise(fault, limit, f"{hung} µs, {hung / max(healthy, 1):.2f} times", kept)
    assert kept, told


@full_length
@pytest.mark.parametrize("hang", ["a hung call"], indirect=True)
@pytest.mark.parametrize("library", ["stdlib", "stdlib queue", "loguru", "loguru enqueue", "structlog"])
def test_what_becomes_of_peers(trials: Trials, hang: Hang, library: str) -> None:
    events = 100_000
    with (
        trials(workers=1, path=hang.path, library=library) as trial,
        running(trial.order(count=events), env=hang.env) as program,
    ):
        before = resident(program.pid)
        hang.hang()
        program.go()
        stopped = stands_still(program, trial, events)
        said, taken = trial.board.all_acknowledged, resident(program.pid) - before
    told = f"stopped after {said:,} events" if stopped else f"{taken / 1e6:.0f} MB after {said:,} events"
    table.note("a queued sink hangs: a hung call", library, f"the caller {told}" if stopped else told)


def resident(pid: int) -> int:
    """Return how many bytes of a process are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGESIZE
