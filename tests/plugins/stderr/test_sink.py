"""The sinks in a river: what arrives where, and what the ledger says."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import penstock
from penstock.plugin import Closed
from penstock.testing import some_record
from penstock_stderr.sink import StderrSink, StdoutSink


def river(kind: str, **options: Any) -> None:
    document = {
        "sink": {"console": {"type": kind, **options}},
        "pipeline": {"all": {"sink": "console"}},
    }
    penstock.configure(document, strict=True)


@pytest.mark.parametrize("kind", ["stderr", "stdout"])
def test_a_line_arrives_on_its_stream_alone_and_at_once(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    river(kind)

    penstock.get_logger("shop").info("sold", qty=2)

    streams = capfd.readouterr()
    told, other = (streams.err, streams.out) if kind == "stderr" else (streams.out, streams.err)
    assert told.endswith("INFO      shop                 sold                             qty=2\n")
    assert told.count("\n") == 1
    assert other == ""
    assert penstock.ledger()["console"].delivered == 1


def test_without_a_configuration_events_go_to_stderr_in_this_format(
    capfd: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    penstock.configure()

    penstock.get_logger("shop").warning("low", left=1)

    assert capfd.readouterr().err.endswith("WARNING   shop                 low                              left=1\n")


def test_stdout_and_stderr_can_both_be_sinks(capfd: pytest.CaptureFixture[str]) -> None:
    document = {
        "sink": {"out": {"type": "stdout"}, "err": {"type": "stderr"}},
        "pipeline": {"all": {"sink": "out"}, "bad": {"sink": "err", "level": "error"}},
    }
    penstock.configure(document, strict=True)
    penstock.get_logger("a").info("fine")
    penstock.get_logger("a").error("broken")

    streams = capfd.readouterr()
    assert streams.out.count("\n") == 2
    assert streams.err.count("\n") == 1


def test_the_sinks_are_inline_and_may_be_queued(capfd: pytest.CaptureFixture[str]) -> None:
    river("stderr", wait="1 s", delivery={"mode": "queued"})
    for number in range(2_000):
        penstock.get_logger("shop").info("sold", n=number)
    assert penstock.flush()

    lines = capfd.readouterr().err.splitlines()
    assert [int(line.rpartition("=")[2]) for line in lines] == list(range(2_000))


def test_a_program_that_was_started_without_the_stream_writes_nowhere(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "__stderr__", None)
    sink = StderrSink()
    sink.open()

    with pytest.raises(Closed, match="started without"):
        sink.write([some_record()])
    assert capfd.readouterr().err == ""


def test_a_program_that_gave_itself_a_stream_later_is_believed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "__stdout__", None)
    sink = StdoutSink()
    sink.open()
    sink.write([some_record(b"hello")])

    assert capfd.readouterr().out == "hello\n"


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"wait": "-1 s"}, "expected a duration"),
        ({"wait": 1}, "expected a duration"),
        ({"colour": "never"}, "unknown option 'colour'"),
    ],
)
def test_a_wrong_option_is_told(table: dict[str, Any], text: str) -> None:
    with pytest.raises(penstock.ConfigError, match=text):
        river("stderr", **table)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"color": "sometimes"}, "expected one of 'auto', 'always', 'never', got 'sometimes'"),
        ({"show": ["loger"]}, "did you mean 'logger'"),
        ({"name_width": 3}, "name_width"),
        ({"time": "UTC"}, "expected one of 'local', 'utc', 'none', got 'UTC'"),
    ],
)
def test_a_wrong_option_of_the_format_is_told(table: dict[str, Any], text: str) -> None:
    document = {
        "sink": {"console": {"type": "stderr"}},
        "format": {"mine": {"type": "console", **table}},
        "pipeline": {"all": {"sink": "console", "format": "mine"}},
    }

    with pytest.raises(penstock.ConfigError, match=text):
        penstock.configure(document, strict=True)
