"""The stages in a configured river: strictly checked, redacted, in the ledger, with every sink's format."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

import penstock
from hard_sinks import Audit
from penstock.assembly.build import find_document
from penstock.assembly.cases import EventTable
from penstock.assembly.plugins import Plugins
from penstock.assembly.trial import Trial
from penstock.errors import ConfigError
from penstock.plugin import Duration, Level

RECORDING = "python:penstock.testing:RecordingSink"


def river(emit: dict[str, Any], *, sink: str = RECORDING, always: bool = False, **pipeline: Any) -> Any:
    """Configure a river with stages in the order given, and return its sink."""
    runtime = penstock.configure(
        {
            "level": "debug",
            "context": {"service": "shop"},
            "emit": {name: {**table, "always": always} for name, table in emit.items()},
            "sink": {"s": {"type": sink, "delivery": {"mode": "inline"} if sink == RECORDING else {}}},
            "pipeline": {
                "p": {
                    "sink": "s",
                    "emit": [] if always else list(emit),
                    **({"format": "json"} if sink == RECORDING else {}),
                    **pipeline,
                }
            },
        },
        strict=True,
    )
    return runtime._graph.sinks["s"].sink.sink


def storm(times: int = 5) -> None:
    log = penstock.get_logger("shop.till")
    for _ in range(times):
        log.error("stuck", drawer=3)


@pytest.mark.parametrize("always", [False, True])
def test_a_digest_is_an_event_like_any_other(always: bool) -> None:
    sink = river({"calm": {"type": "group"}}, always=always)
    storm()

    penstock.shutdown()

    first, digest = map(json.loads, sink.texts)
    assert first["message"] == "stuck"
    assert digest["logger"] == "penstock.event.held"
    assert digest["severity"] == "error"
    assert digest["message"].startswith("4 events repeated in 1 s: 4 error shop.till (test_in_a_river.py:")
    assert (digest["count"], digest["service"]) == (4, "shop")
    assert digest["since"] <= digest["last"]
    books = penstock.ledger().pipelines
    assert books["*" if always else "p"].gated == {"held": 4}
    assert penstock.ledger().balanced


def test_a_digest_is_redacted() -> None:
    penstock.secret("s3cr3t-name")
    sink = river({"calm": {"type": "group"}}, format="plain")
    for _ in range(3):
        penstock.get_logger("user.s3cr3t-name").error("no", password="s3cr3t-value")

    penstock.shutdown()

    assert len(sink.texts) == 2
    assert "2 error user.[redacted]" in sink.texts[1]
    assert "s3cr3t" not in sink.texts[1]


def test_a_digest_comes_by_itself() -> None:
    sink = river({"calm": {"type": "group", "every": "20 ms", "over_after": "2 s"}})  # a busy machine takes its time
    storm()

    until = monotonic() + 60
    while "over: none for" not in sink.texts[-1] and monotonic() < until:
        sleep(0.005)

    told = json.loads(sink.texts[-1])
    assert (told["logger"], told["severity"], told["total"]) == ("shop.till", "notice", 5)
    assert "5 in all" in told["message"]


def test_stages_in_a_row_say_goodbye_in_one_event() -> None:
    emit = {
        "calm": {"type": "group"},
        "slow": {"type": "throttle", "total_burst": 2},
        "night": {"type": "quiet", "start": "00:00", "end": "24:00"},
    }
    sink = river(emit)
    for number in range(5):
        log = penstock.get_logger(f"shop.{number}")
        for _ in range(10):
            log.warning("stuck")
    penstock.get_logger("shop").critical("fire")
    penstock.shutdown()

    fire, digest = map(json.loads, sink.texts)
    assert (fire["message"], digest["count"]) == ("fire", 50)
    book = penstock.ledger().pipelines["p"]
    assert book.gated == {"held": 45 + 2 + 1, "rate_limited": 3 + 1}  # with a digest each that went into the next
    assert book.balanced


def test_a_reload_tells_what_the_old_river_held() -> None:
    sink = river({"calm": {"type": "group"}}, sink="python:hard_sinks:Audit")
    storm()

    river({"calm": {"type": "group"}}, sink="python:hard_sinks:Audit")

    assert [event.message.split(":")[0] for event in sink.events] == ["stuck", "4 events repeated in 1 s"]
    assert sink is Audit.made[-2]


def test_the_tests_in_a_file_do_not_depend_on_the_hour() -> None:
    table = {
        "emit": {
            "repeats": {"type": "group"},
            "nights": {"type": "quiet", "start": "22:00", "end": "07:00", "zone": "UTC"},
        },
        "sink": {"s": {"type": RECORDING}},
        "pipeline": {"p": {"sink": "s", "emit": ["repeats", "nights"], "format": "plain"}},
    }
    trial = Trial(find_document(table, None, Plugins()), begin_ns=1_767_268_800 * 10**9)  # noon
    stuck = EventTable(name="shop.till", message="stuck", level=Level("error"), after=Duration("1 min"))
    for _ in range(10):
        trial.emit(stuck)
    trial.emit(EventTable(name="shop.db", message="lost", level=Level("error"), after=Duration("11 h")))
    trial.end()

    texts = [
        record.data.decode().partition(" ")[2].split(",")[0].partition(" since=")[0] for record in trial.received["s"]
    ]
    assert texts == [
        "ERROR     shop.till: stuck",
        "ERROR     shop.till: 4 more in 5 min",
        "ERROR     shop.till: 5 more in 10 min",
        "NOTICE    shop.till: over: none for 10 min",
        "ERROR     penstock.event.held: 1 event in quiet hours in 1 s: 1 error shop.db; last at 23:10:00 UTC count=1",
    ]
    assert trial.ledger().balanced


def test_a_reload_that_changes_nothing_leaves_the_counts(tmp_path: Path) -> None:
    path = tmp_path / "penstock.toml"
    path.write_text(
        '[emit.calm]\ntype = "group"\n[sink.s]\ntype = "python:penstock.testing:RecordingSink"\n'
        '[pipeline.p]\nsink = "s"\nemit = ["calm"]\n'
    )
    runtime = penstock.configure(path)
    storm()
    assert runtime.reload()
    storm()
    assert penstock.flush()
    sink = runtime._graph.sinks["s"].sink.sink
    penstock.shutdown()

    first, digest = (text for text in sink.texts if "shop.till" in text)
    assert "shop.till: stuck" in first
    assert "9 events repeated" in digest


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"type": "group", "evry": "5 min"}, "did you mean 'every'"),
        ({"type": "group", "every": 5}, "expected"),
        ({"type": "group", "every": "0 s"}, "longer than nothing"),
        ({"type": "group", "kinds": 0}, "expected 1 or more"),
        ({"type": "throttle", "burst": 0}, "expected 1 or more"),
        ({"type": "throttle", "total_unless": "loud"}, "expected a level"),
        ({"type": "throttle", "burst": True}, "expected"),
        ({"type": "quiet", "start": "22:00"}, "'end' is missing"),
        ({"type": "quiet", "start": "22", "end": "07:00"}, "time of day"),
        ({"type": "quiet", "start": "22:00", "end": "22:00"}, "end where they begin"),
        ({"type": "quiet", "start": "22:00", "end": "07:00", "days": ["monday"]}, "expected one of"),
        ({"type": "quiet", "start": "22:00", "end": "07:00", "zone": "Mars/Olympus"}, "knows no time zone"),
        ({"type": "sample"}, "'rates' is missing"),
        ({"type": "sample", "rates": {"loud": 0.1}}, "unknown level 'loud'"),
        ({"type": "sample", "rates": {"info": 10}}, "a share from 0 to 1"),
    ],
)
def test_an_option_is_checked(table: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=r"^emit\.x") as caught:
        river({"x": table})

    assert text in str(caught.value)
