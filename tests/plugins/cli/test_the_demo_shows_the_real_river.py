"""`penstock demo`: everything it claims is measured while it runs, and it fails when delivery does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import Result

import penstock
from penstock.plugin import Record, Rejected
from penstock_cli.demo import river, sinks
from penstock_cli.demo.story import TOKEN, Counts, Outage
from penstock_cli.demo.verdict import Arrived, findings

Run: TypeAlias = Callable[..., Result]

FAST = ("demo", "--seconds", "0.2")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_json_is_one_document_of_the_real_run(run: Run) -> None:
    result = run(*FAST, "--format", "json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0, found
    assert (found["v"], found["ok"], found["findings"], found["missing"]) == (1, True, [], [])
    assert found["balanced"] is True
    assert set(found["sinks"]) == {"console", "trades", "alerts"}
    for sink in found["sinks"].values():
        assert sink["accepted"] == sink["delivered"] > 0
        assert (sink["pending"], sink["dropped"]) == (0, {})
    for pipeline in found["pipelines"].values():
        assert pipeline["offered"] == pipeline["accepted"] + sum(pipeline["gated"].values())
    assert found["outage"]["waiting_max"] > 0
    assert found["outage"]["recovered"] is True
    assert found["outage"]["retries"] > 0
    assert found["sinks"]["alerts"]["redelivered"] > 0
    assert found["span"]["event"] == "web.request.stop"
    assert found["span"]["duration_ms"] >= 2  # the shortest that the demo pretends to work
    assert "[redacted]" in found["redacted"]
    assert TOKEN not in result.output
    in_and_out = found["sinks"]["trades"]["accepted"] + found["sinks"]["alerts"]["accepted"]
    assert found["events"] > in_and_out


def test_the_printed_ledger_is_that_of_the_library(run: Run) -> None:
    found = json.loads(run(*FAST, "--format", "json").stdout)
    ledger = penstock.ledger()
    assert {name: sink["delivered"] for name, sink in found["sinks"].items()} == {
        name: ledger[name].delivered for name in ledger
    }


def test_text_shows_tree_outage_ledger_and_what_to_type_next(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    result = run(*FAST)
    live = capfd.readouterr().err
    assert result.exit_code == 0, result.output
    for part in (
        "├── pipeline live",
        "the alert sink is down",
        "the program goes on: ",
        "p95 of the emit call",
        "it is up again",
        "all delivered",
        "tried again",
        "it balances, and all of it was delivered",
        "penstock check",
        "penstock.configure()",
    ):
        assert part in result.stdout, part
    assert "market opened" in live
    assert "[redacted]" in live
    assert "web.request" in live
    assert "NOTICE" in live.upper()
    assert "alert service does not answer" in live  # the real fault
    assert TOKEN not in live + result.output


def test_nothing_is_left_behind(run: Run, temporary: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert run(*FAST, "--format", "json").exit_code == 0
    assert list(temporary.iterdir()) == []
    assert sorted(tmp_path.iterdir()) == before


def test_the_configuration_and_overlays_of_the_folder_have_no_part_in_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("penstock.toml").write_text("broken")
    monkeypatch.setenv("PENSTOCK_CONFIG", "nowhere.toml")
    monkeypatch.setenv("PENSTOCK_PROFILE", "nobody")
    monkeypatch.setenv("PENSTOCK__SINK__ALERTS__LEVEL", "emergency")
    assert run(*FAST, "--format", "json").exit_code == 0
    assert os.environ["PENSTOCK_PROFILE"] == "nobody"


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_ends_at_once_and_leaves_nothing(temporary: Path, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock_cli", "demo", "--seconds", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith(b"live: "):
        assert process.poll() is None
    assert len(list(temporary.iterdir())) == 1
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert errors.endswith(b"penstock: interrupted\n")
    assert list(temporary.iterdir()) == []


def test_when_nobody_watches_any_more_it_ends(temporary: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock_cli", "demo", "--seconds", "10"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert b"sink.failed" not in errors  # it did not come as far as the outage
    assert b"Traceback" not in errors
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("columns", ["20", "200"])
def test_it_fits_any_terminal(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    result = run(*FAST)
    assert result.exit_code == 0
    assert "…" not in result.stdout


# -- what is missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disabled", "still"),
    [
        ("keys", {"console", "trades", "alerts"}),
        ("json", {"console", "trades", "alerts"}),
        ("file-rotate", {"console", "alerts"}),
        ("stderr", {"console", "trades", "alerts"}),
        ("keys json file-rotate stderr console", {"console", "alerts"}),
    ],
)
def test_a_missing_plugin_is_named_and_makes_it_shorter(
    run: Run, monkeypatch: pytest.MonkeyPatch, disabled: str, still: set[str]
) -> None:
    monkeypatch.setenv("PENSTOCK_DISABLE", disabled)
    result = run(*FAST, "--format", "json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0, found
    assert set(found["sinks"]) == still
    for name in disabled.split():
        assert any(f"'{name}'" in text for text in found["missing"]) or name == "console"
    assert (found["redacted"] is None) is ("keys" in disabled)


def test_the_text_names_what_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_DISABLE", "file-rotate")
    assert run(*FAST).stdout.startswith("the demo is shorter: ")


def test_without_a_temporary_folder_no_file_is_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(**_: object) -> str:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr(tempfile, "mkdtemp", nowhere)
    result = run(*FAST, "--format", "json")
    assert result.exit_code == 0
    assert "trades" not in json.loads(result.stdout)["sinks"]


# -- sabotage: each of these must be found ----------------------------------------------------------------------------


def wrong(run: Run) -> str:
    result = run(*FAST, "--format", "json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["ok"] is False
    return "; ".join(found["findings"])


def test_a_sink_that_refuses_is_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, batch: Sequence[Record], /) -> None:
        sinks.SERVICE.refused += 1  # the outage is noticed, as it should be
        raise Rejected("no")

    monkeypatch.setattr(sinks.FlakySink, "write", refuse)
    assert "were not delivered to 'alerts'" in wrong(run)


def test_a_delivery_that_swallows_a_record_is_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.river.modes import queued

    begin = queued.QueuedDelivery.__init__

    def forgetful(self: Any, *given: Any) -> None:
        begin(self, *given)
        real = self.deliver
        self.deliver = lambda line: None if b'"number":7,' in line[0] else real(line)

    monkeypatch.setattr(queued.QueuedDelivery, "__init__", forgetful)
    text = wrong(run)
    assert "were on their way to 'alerts'" in text
    assert "did not arrive each once and in order" in text


def test_a_sink_that_lies_about_what_it_wrote_is_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sinks.Service.post

    def lossy(self: sinks.Service, lines: Sequence[bytes]) -> bool:
        return real(self, lines[1:] if len(lines) > 1 else lines)

    monkeypatch.setattr(sinks.Service, "post", lossy)
    assert "the counts for 'alerts' differ" in wrong(run)


def test_a_river_that_forgets_to_redact_is_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(river, "text", lambda: real_text().replace('"token", "password"', '"password"'))
    text = wrong(run)
    assert "a secret got out" in text
    assert "nothing was redacted" in text


def real_text() -> str:
    return (Path(river.__file__).parent / "demo.toml").read_text(encoding="utf-8")


def test_an_outage_that_does_not_end_is_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(penstock, "flush", lambda timeout=5.0: False)
    assert "the alert sink did not recover" in wrong(run)


# -- the parts --------------------------------------------------------------------------------------------------------


def test_the_embedded_configuration_is_a_toml_without_mistakes(run: Run) -> None:
    Path("demo.toml").write_text(river.text(), encoding="utf-8")
    assert run("check", "demo.toml").stdout == "ok: 3 sinks, 3 pipelines\n"
    assert tomllib.loads(river.text())["sink"]["alerts"]["delivery"]["spool"] is False


def test_an_account_that_does_not_balance_is_a_finding() -> None:
    # A pipeline that lost one on the way to its sink: every sink is fine, and yet it is found.
    pipelines = {"alerts": penstock.PipelineLedger(1, {}, 0)}
    ledger = penstock.Ledger(dict.fromkeys(("alerts", "trades"), penstock.SinkLedger(0, 0, {}, 0)), pipelines)
    outage = Outage(1.0, 1, True, 1, 1.0, 1.0)
    told = list(findings({"redact": {}, "pipeline": {}}, ledger, Counts(), Arrived([], []), outage))
    assert told == ["an account of the ledger does not balance"]
