"""`penstock route` tells which pipelines take an event, why the others do not, and what each sink would get."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from penstock_cli.group import penstock

Run = Callable[..., Result]

FILE = """\
level = "notice"

[levels]
"urllib3" = "warning"

[redact.secrets]
type = "keys"
keys = ["token"]

[emit.calm]
type = "throttle"
burst = 2

[sink.console]
type = "stderr"

[sink.oncall]
type = "telegram"
token = { env = "NO_SUCH_TOKEN" }
chat_id = "-100123"
level = "critical"

[pipeline.all]
format = "plain"
sink = "console"

[pipeline.trades]
match = ["trade.**", "!trade.heartbeat"]
level = "info"
emit = ["calm"]
format = "json"
sink = "console"

[pipeline.alerts]
level = "error"
sink = "oncall"
"""
TRADE = {
    "name": "trade.filled",
    "message": "filled",
    "fields": {"qty": 2, "token": "not-a-real-token"},
    "time": "2026-03-01T10:00:00Z",
}


@pytest.fixture(autouse=True)
def file(somewhere_else: None, tmp_path: Path) -> Path:
    path = tmp_path / "penstock.toml"
    path.write_text(FILE)
    return path


def routed(run: Run, event: dict[str, Any], *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("route", json.dumps(event), "--format", "json", *words).stdout)
    assert found["v"] == 1
    return found


def why_not(found: dict[str, Any], pipeline: str) -> list[tuple[str, int]]:
    (one,) = [one for one in found["pipelines"] if one["name"] == pipeline]
    return [(decision["text"], decision["line"]) for decision in one["decisions"] if not decision["passed"]]


def test_it_says_for_each_pipeline_whether_and_why_with_the_line(run: Run) -> None:
    result = run("route", json.dumps(TRADE))

    assert result.exit_code == 0
    *reasons, sink, line, nothing = result.stdout.splitlines()
    assert [" ".join(reason.split()) for reason in reasons] == [
        "pipeline all -> sink console: does not take it",
        "match yes every name matches penstock.toml:23:11 [pipeline.all]",
        'level no info is below notice, the level of the file penstock.toml:1:1 level = "notice"',
        "pipeline trades -> sink console: takes it",
        'match yes trade.filled matches \'trade.**\' penstock.toml:28:10 match = ["trade.**", "!trade.heartbeat"]',
        'level yes info reaches info, the level of the pipeline penstock.toml:29:1 level = "info"',
        "stage yes passes 'calm' penstock.toml:10:7 [emit.calm]",
        "pipeline alerts -> sink oncall: does not take it",
        "match yes every name matches penstock.toml:34:11 [pipeline.alerts]",
        'level no info is below error, the level of the pipeline penstock.toml:35:1 level = "error"',
        "level no info is below critical, the level of the sink 'oncall' penstock.toml:21:1 level = \"critical\"",
        "",
    ]
    assert sink == f"sink console (stderr) gets {len(line.strip())} bytes:"
    assert nothing == "sink oncall gets nothing"
    assert '"token":"[redacted]"' in result.stdout
    assert "not-a-real-token" not in result.output


@pytest.mark.parametrize(
    ("event", "pipeline", "reasons"),
    [
        ({"name": "trade.heartbeat"}, "trades", [("trade.heartbeat is excluded by '!trade.heartbeat'", 28)]),
        ({"name": "web.x"}, "trades", [("web.x matches none of 'trade.**'", 28)]),
        (
            {"name": "urllib3.pool", "level": "notice"},
            "all",
            [("notice is below warning, the level of 'urllib3' in [levels]", 4)],
        ),
        (
            {"name": "trade.filled", "level": "error"},
            "alerts",
            [("error is below critical, the level of the sink 'oncall'", 21)],
        ),
        ({"name": "trade.filled", "times": 3}, "trades", [("stopped by 'calm' (rate_limited)", 10)]),
    ],
)
def test_behind_each_reason_stands_its_line(
    run: Run, event: dict[str, Any], pipeline: str, reasons: list[tuple[str, int]]
) -> None:
    assert why_not(routed(run, event), pipeline) == reasons


def test_json_has_the_very_bytes(run: Run) -> None:
    found = routed(run, {**TRADE, "level": "notice"})
    console, oncall = found["sinks"]

    assert console["type"] == "stderr"
    assert console["records"][0]["text"] == (
        "2026-03-01T10:00:00.000Z NOTICE    trade.filled: filled qty=2 token=[redacted]"
    )
    assert console["records"][0]["bytes"] == len(console["records"][0]["text"])
    assert json.loads(console["records"][1]["text"])["qty"] == 2
    assert oncall["records"] == []


def test_what_is_no_text_is_base64(run: Run, file: Path) -> None:
    file.write_text(
        '[format.raw]\ntype = "python:cli_components:Raw"\n[sink.out]\ntype = "stderr"\n'
        '[pipeline.all]\nformat = "raw"\nsink = "out"\n'
    )
    (record,) = routed(run, {"name": "a"})["sinks"][0]["records"]

    assert (b64decode(record["base64"]), record["bytes"]) == (b"\xff\x00\xfe", 3)
    assert "\\xff" in run("route", '{"name": "a"}').stdout


def test_the_event_can_come_from_standard_input() -> None:
    result = CliRunner().invoke(penstock, ["route", "-", "-c", "penstock.toml"], input=json.dumps(TRADE))

    assert result.exit_code == 0
    assert "pipeline trades -> sink console: takes it" in result.stdout


def test_if_no_pipeline_takes_it_the_exit_code_says_so(run: Run) -> None:
    result = run("route", '{"name": "web.x", "level": "debug"}')

    assert result.exit_code == 1
    assert "no pipeline takes it" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the event is no JSON"),
        ("[]", "the event is no JSON object"),
        ('{"a": NaN}', "NaN is no JSON"),
        ("{}", "'name' is missing"),
        ('{"name": "a", "levle": "info"}', "levle: unknown option 'levle'; did you mean 'level'?"),
        ('{"name": "a", "level": "eror"}', "level: expected a level, got 'eror'; one of trace, debug,"),
        ('{"name": "a", "fields": 1}', "fields: expected a table, got 1"),
    ],
)
def test_what_is_no_event_is_wrong_usage(run: Run, text: str, said: str) -> None:
    result = run("route", text)

    assert result.exit_code == 2
    assert said in result.stderr


def test_a_configuration_that_cannot_run_is_told_with_every_problem(run: Run, file: Path) -> None:
    file.write_text(FILE.replace('"notice"', '"loud"').replace('sink = "oncall"', 'sink = "oncal"'))
    result = run("route", '{"name": "a"}')

    assert result.exit_code == 1
    assert "penstock.toml:1:9: level: expected a level, got 'loud'" in result.stderr
    assert "there is no sink 'oncal'; did you mean 'oncall'?" in result.stderr
    assert "nothing was tried" in result.stderr


def test_what_goes_wrong_on_the_way_is_told(run: Run, file: Path) -> None:
    file.write_text(
        '[format.raw]\ntype = "python:cli_components:Broken"\n[sink.out]\ntype = "stderr"\n'
        '[pipeline.all]\nformat = "raw"\nsink = "out"\n'
    )
    result = run("route", '{"name": "a"}')

    assert "A format failed; a minimal line takes its place." in result.stderr
    assert "[format failed]" in result.stdout


def test_nothing_is_opened_or_written(run: Run, file: Path, tmp_path: Path) -> None:
    file.write_text(
        'state = "state"\n[sink.out]\ntype = "file-rotate"\npath = "logs/out.jsonl"\n'
        '[sink.out.delivery]\nmode = "queued"\nspool = "1 MB"\n[pipeline.all]\nsink = "out"\n'
    )
    before = sorted(path.name for path in tmp_path.iterdir())
    result = run("route", '{"name": "a"}')

    assert "sink out (file-rotate) gets" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == before
