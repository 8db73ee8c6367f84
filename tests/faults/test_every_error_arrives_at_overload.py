"""When far more is said than a sink can take, what gives way is what matters least: every error arrives."""

from __future__ import annotations

from typing import Any, Final

import pytest
import table
from form import either
from oracle import agrees, judge
from program import into, running
from sometimes import Sometimes
from trial import Trials

_BUSY: Final = 3
_SHOUTS: Final = _BUSY
"""The worker that says errors."""


_EVENTS: Final = either(40_000, 400_000)


@pytest.mark.sometimes("a queue shed what matters less")
@pytest.mark.sometimes("twenty times as much was said as the sink took", full=True)
def test_every_error_arrives_though_the_sink_takes_far_less_than_is_said(trials: Trials, sometimes: Sometimes) -> None:
    delivery = {"mode": "queued", "queue": "300 kB", "when_full": "shed", "batch": 100, "batch_wait": "1 ms"}
    with trials(workers=_BUSY + 1) as trial:
        sink = {"type": "python:slow:Slow", "path": str(trial.path), "nap": 0.1, "delivery": delivery}
        asked: dict[str, Any] = {"threads": _BUSY + 1, "shouting": [_SHOUTS], "shouting_pause": 0.01}
        with running(trial.order(config=into({"file": sink}), **asked)) as program:
            program.go()
            program.wait_until(lambda: trial.board.all_issued > _EVENTS)
            trial.board.stop()
            assert program.end() == 0, program.told()
        verdict, errors = trial.verdict(), judge(trial.board, [trial.path.read_bytes()], only=[_SHOUTS])
    account = program.report["sinks"]["file"]

    times = verdict.issued / verdict.arrived
    sometimes("a queue shed what matters less", account["dropped"].get("shed"))
    sometimes("twenty times as much was said as the sink took", times >= 20)
    told = f"{errors.lost} of {errors.issued:,} errors lost"
    table.note("overload", "penstock", f"{told}, {verdict.missing:,} of {verdict.issued:,} shed, {verdict.told:,} told")
    table.promise(
        "every `error` arrives at overload while the reserve is not full",
        "20 times as much is said as the sink takes, 0 lost",
        f"{times:.0f} times as much, {told}",
        errors.clean and times >= 20,
    )
    assert errors.clean, errors
    assert errors.issued > 0
    assert agrees(account, verdict), (account, verdict)
    assert verdict.told == verdict.missing
    assert verdict.sound, verdict
