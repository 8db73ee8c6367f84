"""The report says how many came in, and what became of them at each sink."""

from __future__ import annotations

import json
import signal

from penstock import PipelineLedger, SinkLedger
from penstock_cli.pipe.intake import Counts
from penstock_cli.pipe.report import Report

REPORT = Report(
    counts=Counts(lines=7, unparsed=2, cut=1, invalid_utf8=1),
    sinks={
        "all": SinkLedger(7, 7, {}, 0),
        "on\ncall": SinkLedger(5, 1, {"queue_full": 3}, 1, diverted=2),
    },
    pipelines={"p": PipelineLedger(7, {"level": 2}, 5)},
    signal=signal.SIGTERM,
    exit=3,
)


def test_a_person_reads_a_line_for_what_came_in_and_one_for_each_sink() -> None:
    assert REPORT.as_text().splitlines() == [
        (
            "penstock pipe: 7 lines in, 2 of them unparsed, 1 of them cut, 1 of them not UTF-8, ended by SIGTERM, "
            "the command exited with 3"
        ),
        "  all: 7 delivered, 0 dropped",
        r"  on\ncall: 1 delivered, 3 dropped (queue_full 3), 2 of these to the fallback, 1 pending",
    ]


def test_a_quiet_end_is_told_in_few_words() -> None:
    report = Report(counts=Counts(lines=1), sinks={}, pipelines={}, signal=None, exit=0)

    assert report.as_text() == "penstock pipe: 1 line in"


def test_a_program_reads_one_line_of_json() -> None:
    line = REPORT.as_json()

    assert "\n" not in line
    assert json.loads(line) == {
        "v": 1,
        "in": 7,
        "delivered": 8,
        "dropped": 3,
        "lost": 1,
        "pending": 1,
        "unparsed": 2,
        "cut": 1,
        "invalid_utf8": 1,
        "signal": "SIGTERM",
        "exit": 3,
        "sinks": {
            "all": {"accepted": 7, "delivered": 7, "dropped": {}, "diverted": 0, "pending": 0},
            "on\ncall": {"accepted": 5, "delivered": 1, "dropped": {"queue_full": 3}, "diverted": 2, "pending": 1},
        },
        "pipelines": {"p": {"offered": 7, "gated": {"level": 2}, "accepted": 5}},
    }
