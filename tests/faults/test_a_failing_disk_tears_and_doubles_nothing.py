"""Whatever a call of the system answers, at whichever call: what is delivered is there, whole and once; what is not is
counted; and afterwards everything works as before.
"""

from __future__ import annotations

import errno
import resource
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pytest
import table
from form import among, either
from levers import HALF, Call, Levers
from oracle import agrees
from program import Program, running
from sometimes import Sometimes
from trial import Trial, Trials

_SMALL: Final[Mapping[str, Any]] = {"max_size": 3_000, "compress": "gzip"}


class Answer(NamedTuple):
    """What some calls answer."""

    calls: Call
    effect: int
    times: int = 0
    """How often at most, 0 for no limit."""
    then: tuple[Call, int] | None = None
    """What further calls answer once the first has been met."""


_ANSWERS: Final = {
    "half of a write, then no room": Answer(Call.WRITE, HALF, 1, (Call.WRITE, errno.ENOSPC)),
    "half of a write that cannot be cut": Answer(Call.WRITE, HALF, 1, (Call.WRITE | Call.TRUNCATE, errno.EIO)),
    "a write is interrupted": Answer(Call.WRITE, errno.EINTR, 30),  # Python tries again, for ever if need be
    "no room": Answer(Call.WRITE, errno.ENOSPC),
    "no room, and none for a new file": Answer(Call.WRITE | Call.OPEN, errno.ENOSPC),
    "quota": Answer(Call.WRITE, errno.EDQUOT),
    "the disk fails": Answer(Call.WRITE, errno.EIO),
    "the disk fails in everything": Answer(~Call(0), errno.EIO),
    "a stale handle": Answer(Call.WRITE, errno.ESTALE),
    "it would block": Answer(Call.WRITE, errno.EAGAIN),
    "no descriptors": Answer(Call.OPEN, errno.EMFILE),
    "no descriptors in the whole system": Answer(Call.OPEN, errno.ENFILE),
    "no permission to open": Answer(Call.OPEN, errno.EACCES),
    "no permission to move": Answer(Call.RENAME | Call.LINK, errno.EACCES),
    "read-only": Answer(Call.OPEN | Call.RENAME | Call.LINK | Call.UNLINK, errno.EROFS),
    "the disk fails at a move": Answer(Call.RENAME, errno.EIO),
    "the disk fails at fsync": Answer(Call.SYNC, errno.EIO),
    "nothing can be deleted": Answer(Call.UNLINK, errno.EACCES),
}


def settle(trial: Trial, program: Program, torn: int = 0) -> int:
    """Judge what is there by what the ledger says, but for *torn* pieces; return how many events were dropped.

    What another thread wrote right behind a half is written again, and that may be behind a later line of its own.
    """
    trial.board.stop()
    assert program.end() == 0, program.told()
    verdict = trial.verdict()
    account = program.report["sinks"]["file"]
    assert program.report["balanced"]
    assert program.report["raised"] == 0
    assert agrees(account, verdict), (account, verdict)
    assert verdict.torn <= torn
    assert verdict.disordered <= verdict.torn
    assert verdict._replace(torn=0, disordered=0).sound, verdict
    return verdict.missing


def said(program: Program, trial: Trial, more: int) -> None:
    """Wait until the program has said *more* events than now."""
    wanted = trial.board.all_issued + more
    program.wait_until(lambda: trial.board.all_issued >= wanted)


def pull(pulled: Levers, answer: Answer, after: int, times: int) -> None:
    """Have a call answer so, after some that do not."""
    pulled.release()
    if answer.then is not None:
        calls, effect = answer.then
        pulled.pull(calls, effect, after=after + 1, times=2 * times, lever=1)
    pulled.pull(answer.calls, answer.effect, after=after, times=min(times or answer.times, answer.times or times))


_QUICK: Final = {  # of the others some wait for a rotation, which is tried again each second
    "inline": (*(name for name, answer in _ANSWERS.items() if answer.calls & Call.WRITE), "no descriptors"),
    "queued": ("half of a write that cannot be cut",),
}


def moments(answer: Answer, mode: str) -> range:
    """Return at which calls an answer is tried; after a failed rotation a second passes, as in a queue."""
    often = answer.calls & Call.WRITE and mode == "inline"
    return either(range(2, 3), range(30 if often else 4))


@pytest.mark.sometimes(*(f"for a while: {name}" for name in either(_QUICK["inline"], _ANSWERS)))
@pytest.mark.sometimes(*(f"at one call: {name}" for name in _ANSWERS), full=True)
@pytest.mark.parametrize("mode", ["inline", "queued"])
def test_each_answer_at_one_call_and_for_a_while(
    trials: Trials, sometimes: Sometimes, pulled: Levers, mode: str
) -> None:
    chosen = either({name: _ANSWERS[name] for name in _QUICK[mode]}, _ANSWERS)
    with trials(workers=2) as trial:
        # A queue waits a second after each failure: slower, so that not too much gathers meanwhile.
        delivery, pause = {"mode": mode, "batch_wait": "5 ms"}, {"inline": 0.0005, "queued": 0.003}[mode]
        order = trial.order(**_SMALL, delivery=delivery, threads=2, pause=pause)
        with running(order, env=pulled.env) as program:
            program.go()
            said(program, trial, 50)
            halves = 0  # behind each, one of two threads may write in that very moment
            for name, answer in chosen.items():
                halves += (answer.effect == HALF) * (len(moments(answer, mode)) + 1)
                for after in moments(answer, mode):
                    pull(pulled, answer, after, times=1)
                    program.wait_until(lambda: pulled.injected)
                    sometimes(f"at one call: {name}", pulled.injected)
                pull(pulled, answer, 0, times=0)
                program.wait_until(lambda: pulled.injected)
                said(program, trial, 20)
                sometimes(f"for a while: {name}", pulled.injected)
                pulled.release()
                said(program, trial, 10)
            dropped = settle(trial, program, torn=halves)
        issued = trial.board.all_issued
    fault = f"each of {len(_ANSWERS)} wrong answers of the system, at each call and for a while, {mode}"
    table.note(fault, "penstock", f"law exact, 0 torn, 0 doubled, {dropped:,} of {issued:,} dropped and counted")


@pytest.mark.sometimes("a write was short, and the next was not", "every write was short")
@pytest.mark.parametrize("threads", [1, 4])
def test_half_of_a_write_loses_nothing_and_if_nobody_else_writes_tears_nothing(
    trials: Trials, sometimes: Sometimes, pulled: Levers, threads: int
) -> None:
    order: dict[str, Any] = {"max_size": 20_000, "threads": threads, "pause": 0.0002}
    with trials(workers=threads) as trial, running(trial.order(**order), env=pulled.env) as program:
        program.go()
        halves = 0
        for after in either(range(20), range(200)):
            pulled.pull(Call.WRITE, HALF, after=after, times=1)
            program.wait_until(lambda: pulled.injected)
            halves += 1
            sometimes("a write was short, and the next was not", pulled.injected)
        pulled.pull(Call.WRITE, HALF)
        said(program, trial, 100)
        halves += pulled.injected
        sometimes("every write was short", pulled.injected > 20)
        pulled.release()
        # A line that another thread writes in that very moment stands behind the half, and is written again.
        assert settle(trial, program, torn=halves if threads > 1 else 0) == 0
        verdict = trial.verdict()
    told = f"0 of {verdict.issued:,} lost or doubled, {verdict.torn} halves left, {verdict.disordered} out of order"
    table.note(f"half of a write at each of 200 calls, threads: {threads}", "penstock", told)


@pytest.mark.sometimes("a rotation found no descriptor", "a rotation worked again")
@pytest.mark.parametrize("library", among("stdlib", "loguru"))
def test_without_descriptors_no_line_is_lost(trials: Trials, sometimes: Sometimes, library: str) -> None:
    ours = library == "penstock"
    with trials(workers=1, library=library) as trial, running(trial.order(max_size=4_000, pause=0.0005)) as program:
        program.go()
        program.wait_until(lambda: trial.archives)
        soft, hard = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (3, hard))
        before = len(trial.archives)
        said(program, trial, 200)
        sometimes("a rotation found no descriptor", ours and len(trial.archives) <= before + 1)
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (soft, hard))
        program.wait_until(lambda: len(trial.archives) > before + 1)
        sometimes("a rotation worked again", ours)
        said(program, trial, 20)
        if ours:
            assert settle(trial, program) == 0
        trial.board.stop()
        program.end()
        verdict = trial.verdict()
    figure = f"{verdict.missing:,} of {verdict.issued:,} missing, {program.report['raised']:,} raised"
    table.note("no descriptors at rotations", library, figure)
