"""Run: the whole life of a pipe: configure, read, deliver, report; a job in, an exit code out; the main thread; with a
wrong configuration, or a command that cannot be started, nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from attrs import frozen

import penstock
from penstock.plugin import Size
from penstock_cli import manners, output
from penstock_cli.manners import Complaint
from penstock_cli.pipe.child import Child, NotStarted
from penstock_cli.pipe.gate import Gate, settled
from penstock_cli.pipe.intake import Intake
from penstock_cli.pipe.reader import Reader, Stream
from penstock_cli.pipe.report import Report
from penstock_cli.pipe.stop import Stop
from penstock_cli.pipe.understand import Understand

_STDIN: Final = 0
_LOOK_AGAIN: Final = 0.1
"""Seconds between two looks whether a command that was asked to end has: others may hold its streams open."""
_LAST: Final = 1.0
"""Seconds that closing may take at least: stages may tell then what they held back."""
_QUEUE: Final = Size("16 MB")
"""The core's default for `queue`."""


@final
@frozen(kw_only=True)
class Job:
    """What to do.

    Attributes:
        config: Configuration file, or None for the one that is found.
        profile: Of the configuration.
        understand: Parses lines.
        name: Of events whose line has none.
        level: Of events whose line has none.
        longest: Bytes of a line.
        wait: Seconds to wait for sinks that make no progress.
        command: What to run, or nothing to read standard input.
        report: ``text``, ``json``, or None for none.
    """

    config: str | None
    profile: str | None
    understand: Understand
    name: str
    level: int
    longest: int
    wait: float
    command: Sequence[str]
    report: str | None


@final
class Unusable(Complaint):
    """The configuration cannot be used."""

    exit_code = manners.USAGE


def run(job: Job) -> int:
    """Do *job* and return the exit code: the command's; else 1 if an event was lost."""
    try:
        runtime = penstock.configure(job.config, profile=job.profile)
    except penstock.ConfigError as error:
        next_step = f"next: penstock check{f' {job.config}' if job.config else ''}"
        raise Unusable(f"{error}\nnothing was read; {next_step}") from None
    intake = Intake(
        understand=job.understand,
        name=job.name,
        level=job.level,
        pid=0,
        context=runtime.static,
        gate=Gate(_smallest_queue(runtime.config.sink), job.wait),
    )
    with Stop() as stop:
        code = _wrap(job, intake, stop) if job.command else _read_stdin(job, intake, stop)
        settled(lambda: penstock.flush(0.1), job.wait)
        penstock.shutdown(max(job.wait, _LAST))
        lost = _report(job, intake, stop, code)
    return code or (manners.FINDINGS if lost else manners.FINE)


def _smallest_queue(sinks: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the bytes of the smallest queue: of those that the configuration names, and the default one."""
    named = [table.get("delivery", {}).get("queue") for table in sinks.values()]
    return min([int(_QUEUE), *(int(Size(queue)) for queue in named if isinstance(queue, str))])


def _report(job: Job, intake: Intake, stop: Stop, code: int | None) -> int:
    """Say what became of everything, and return how much was lost."""
    ledger = penstock.ledger()
    report = Report(counts=intake.counts, sinks=ledger, pipelines=ledger.pipelines, signal=stop.number, exit=code)
    if job.report is not None:
        output.message(report.as_json() if job.report == "json" else report.as_text())
    return report.lost


def _read_stdin(job: Job, intake: Intake, stop: Stop) -> int | None:
    """Take in standard input, until it ends or a signal comes; there is no exit code."""

    def patience() -> float | None:
        return None if stop.number is None else 0

    for line in Reader([Stream("", _STDIN)], stop.wake, patience, job.longest).lines():
        intake.take(line)
    return None


def _wrap(job: Job, intake: Intake, stop: Stop) -> int | None:
    """Run the command, take in what it says, and return its exit code."""
    try:
        child = Child(job.command)
    except NotStarted as error:
        output.message(f"penstock: {output.plain(str(error))}")
        return error.code
    intake.pid = child.pid
    stop.abandon = child.kill
    stop.forward = child.tell
    if stop.number is not None:  # it came before the command did
        child.tell(stop.number)

    def patience() -> float | None:
        if stop.number is None:
            return None
        return _LOOK_AGAIN if child.running else 0

    for line in Reader(child.streams, stop.wake, patience, job.longest).lines():
        intake.take(line)
    return child.wait()
