"""`penstock send`: one event down the real river, and the ledger of it in words."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result

from penstock_cli.one_event import SinkChoice, for_one_event, without_spools

Run: TypeAlias = Callable[..., Result]
Shell: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]

DOCUMENT = """
[redact.tokens]
type = "python:cli_components:HideToken"
[sink.kept]
type = "python:cli_components:KeepSink"
path = "logs.txt"
[sink.other]
type = "python:cli_components:KeepSink"
path = "other.txt"
[pipeline.errors]
match = ["shop.**"]
level = "error"
sink = "kept"
[pipeline.all]
sink = "other"
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    folder = tmp_path / "conf"
    folder.mkdir()
    path = folder / "logs.toml"
    path.write_text(DOCUMENT.replace('path = "', f'path = "{folder}/'))
    return path


def test_it_goes_where_the_configuration_says(run: Run, document: Path) -> None:
    result = run("send", "-c", str(document), "sold out", "qty=2", "shop=north")
    assert result.exit_code == 0
    assert result.stdout == "kept: not wanted: no pipeline to it takes this event\nother: delivered\n"
    assert (document.parent / "other.txt").read_text().endswith("send: sold out qty=2 shop=north\n")
    assert not (document.parent / "logs.txt").exists()


def test_paths_are_relative_to_the_file(run: Run, document: Path, tmp_path: Path) -> None:
    document.write_text(DOCUMENT)
    run("send", "-c", "conf/logs.toml", "hello")
    assert (tmp_path / "conf" / "other.txt").exists()
    assert Path.cwd() == tmp_path


def test_one_sink_gets_it_whatever_its_pipelines_want_redacted_as_they_say(run: Run, document: Path) -> None:
    result = run("send", "-c", str(document), "--sink", "kept", "hello", "token=s3cr3t")
    assert (result.exit_code, result.stdout) == (0, "kept: delivered\n")
    assert "hello token=[hidden]" in (document.parent / "logs.txt").read_text()
    assert not (document.parent / "other.txt").exists()


def test_a_misspelt_sink_gets_the_nearest_name(run: Run, document: Path) -> None:
    result = run("send", "-c", str(document), "--sink", "keppt", "hello")
    assert result.exit_code == 2
    assert "there is no sink 'keppt'; did you mean 'kept'?" in result.stderr


def test_a_level_that_a_pipeline_does_not_take_is_said(run: Run, document: Path) -> None:
    result = run("send", "-c", str(document), "--name", "shop.till", "hello")
    assert "kept: not wanted: its level is too low" in result.stdout


def test_an_event_that_nobody_wants_is_exit_1_and_says_what_to_try(run: Run, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text('[pipeline.p]\nlevel = "error"\nsink = "last-resort"\n')
    result = run("send", "hello")
    assert result.exit_code == 1
    assert "no pipeline takes an event 'send' at level info; try --level error" in result.stderr


def test_a_sink_that_refuses_is_exit_1(run: Run, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(
        '[sink.no]\ntype = "python:cli_components:RefuseSink"\n[pipeline.p]\nsink = "no"\n'
    )
    result = run("send", "hello")
    assert (result.exit_code, result.stdout) == (1, "no: dropped: the sink refused it (rejected)\n")


def test_a_fallback_that_got_it_is_named_with_its_own_account(run: Run, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(
        '[sink.no]\ntype = "python:cli_components:RefuseSink"\ndelivery.fallback = "kept"\n'
        '[sink.kept]\ntype = "python:cli_components:KeepSink"\npath = "out"\n[pipeline.p]\nsink = "no"\n'
    )
    result = run("send", "hello", "--sink", "no")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "no: dropped: the sink refused it (rejected); went to its fallback, kept",
        "kept: delivered",
    ]
    assert "hello" in (tmp_path / "out").read_text()


def test_a_sink_that_is_not_there_leaves_it_waiting(run: Run, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(
        '[sink.down]\ntype = "python:cli_components:DownSink"\n[pipeline.p]\nsink = "down"\n'
    )
    result = run("send", "hello", "--timeout", "0.2")
    assert result.exit_code == 1
    assert result.stdout.startswith("down: not delivered in time: it was still waiting")


def test_a_stage_that_stops_it_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(
        '[emit.stop]\ntype = "python:cli_components:Stop"\n[pipeline.p]\nemit = ["stop"]\nsink = "last-resort"\n'
    )
    result = run("send", "hello")
    assert result.exit_code == 1
    assert "last-resort: not wanted: an emit stage stopped it" in result.stdout


def test_no_source_is_started(run: Run, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(
        '[emit.in]\ntype = "python:cli_components:Consumer"\npath = "started"\n[pipeline.p]\nsink = "last-resort"\n'
    )
    assert run("send", "hello").exit_code == 0
    assert not (tmp_path / "started").exists()


def test_json_has_the_account_of_each_sink_and_no_value_of_the_event(run: Run, document: Path) -> None:
    result = run("send", "-c", str(document), "--format", "json", "hello", "token=s3cr3t")
    found = json.loads(result.stdout)
    assert (found["v"], found["ok"], found["event"]["fields"]) == (1, True, ["token"])
    assert [(sink["sink"], sink["accepted"], sink["delivered"]) for sink in found["sinks"]] == [
        ("kept", 0, 0),
        ("other", 1, 1),
    ]
    assert "s3cr3t" not in result.output


def test_values_are_json_scalars_or_texts(run: Run, document: Path) -> None:
    pairs = ["a=1", "b=1.5", "c=true", "d=null", 'e="1"', "f=one", "g=[1]", "h=NaN", "i=", "j=x=y", "k=" + "9" * 5000]
    run("send", "-c", str(document), "hello", *pairs)
    line = (document.parent / "other.txt").read_text()
    assert "a=1 b=1.5 c=True d=None e=1 f=one g=[1] h=NaN" in line
    assert "j=x=y" in line


def test_a_word_that_is_no_pair_is_wrong_usage(run: Run) -> None:
    result = run("send", "disk", "is", "full")
    assert result.exit_code == 2
    assert "expected key=value, got 'is'; a message of several words needs quotes" in result.stderr


def test_without_a_configuration_it_says_where_it_goes(shell: Shell) -> None:
    done = shell("send", "hello", "qty=2")
    assert done.returncode == 0
    assert done.stdout == "stderr: delivered\n"
    assert "no configuration belongs to this folder" in done.stderr
    assert "hello" in done.stderr


def test_overlays_of_the_environment_are_applied_once_and_hurt_no_part_that_was_left_out(
    run: Run, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK__SINK__OTHER__LEVEL", "error")
    monkeypatch.setenv("PENSTOCK_PROFILE", "loud")
    document.write_text(document.read_text() + '[profile.loud.sink.kept]\nlevel = "info"\n')
    assert run("send", "-c", str(document), "--sink", "kept", "hello").stdout == "kept: delivered\n"
    assert run("send", "-c", str(document), "hello").exit_code == 1  # the overlay still counts
    assert os.environ["PENSTOCK_PROFILE"] == "loud"


# -- the document for one event ---------------------------------------------------------------------------------------


def test_a_sink_without_a_pipeline_gets_one() -> None:
    table = for_one_event({"sink": {"a": {"type": "x"}, "b": {"type": "y"}}}, "a", "send")
    assert table["sink"] == {"a": {"type": "x"}}
    assert table["pipeline"]["send"]["sink"] == "a"


def test_a_pipeline_keeps_its_redactors_and_its_format_and_nothing_else() -> None:
    pipeline = {"sink": "a", "redact": ["r"], "format": "f", "match": ["x"], "level": "alert", "emit": ["s"]}
    document = {"pipeline": {"p": pipeline}, "sink": {"a": {"type": "x"}}, "levels": {"": "alert"}, "capture": []}
    table = for_one_event(document, "a", "send")
    assert table["pipeline"] == {
        "p": {"sink": "a", "redact": ["r"], "format": "f", "match": ["**", "!penstock.**"], "level": "trace"}
    }
    assert "levels" not in table
    assert "capture" not in table


def test_fallbacks_that_turn_in_a_circle_end() -> None:
    sinks = {"a": {"delivery": {"fallback": "b"}}, "b": {"delivery": {"fallback": "a"}}}
    assert set(for_one_event({"sink": sinks}, "a", "send")["sink"]) == {"a", "b"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"sink": 3},
        {"pipeline": 3},
        {"pipeline": {"p": 3}},
        {"pipeline": {"p": {"sink": "a", "match": 3, "emit": 4}}},
        {"emit": {"e": 3}},
        {"sink": {"a": 3}},
    ],
)
def test_what_is_wrong_stays_for_configure_to_tell(wrong: dict[str, object]) -> None:
    assert (
        for_one_event(wrong, None, "send").items()
        >= {key: value for key, value in wrong.items() if key != "pipeline"}.items()
    )
    with pytest.raises(SinkChoice):
        for_one_event(wrong, "zzz", "send")


def test_what_is_sent_is_kept_in_no_spool_for_another_day() -> None:
    sinks = {
        "a": {"type": "x"},
        "b": {"delivery": {"spool": "1 MB", "queue": "1 MB"}},
        "wrong": 3,
        "worse": {"delivery": 3},
    }

    assert without_spools({"level": "info", "sink": sinks}) == {
        "level": "info",
        "sink": {
            "a": {"type": "x", "delivery": {"spool": False}},
            "b": {"delivery": {"spool": False, "queue": "1 MB"}},
            "wrong": 3,
            "worse": {"delivery": 3},
        },
    }
    assert without_spools({"sink": 3}) == {"sink": 3}


def test_sending_one_event_leaves_the_signals_alone() -> None:
    assert "signals" not in for_one_event({"signals": True, "sink": {"a": {"type": "x"}}}, None, "send")
