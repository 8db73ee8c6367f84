"""`penstock check`: all problems at once, one per line, each with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result

Run: TypeAlias = Callable[..., Result]

GOOD = """
[sink.a]
type = "python:cli_components:RefuseSink"
[sink.b]
type = "last-resort"
[pipeline.p]
sink = "a"
[pipeline.q]
level = "error"
sink = "b"
"""


def write(text: str, name: str = "penstock.toml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_a_right_file_says_what_it_has(run: Run) -> None:
    result = run("check", write(GOOD))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "ok: 2 sinks, 2 pipelines\n", "")


def test_without_a_name_the_file_of_the_folder_is_checked(run: Run) -> None:
    write("sinc = 1")
    result = run("check")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "penstock.toml:1:1: sinc: unknown option 'sinc'; did you mean 'sink'? [unknown-key]",
        " 1 | sinc = …",
        "   | ^^^^",
    ]


def test_without_any_file_it_says_so(run: Run) -> None:
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout.startswith("ok: 1 sink, 1 pipeline; no penstock.toml belongs to this folder")


def test_all_mistakes_are_found_at_once_one_on_each_line(run: Run) -> None:
    write('level = "loud"\nsinc = 1\n' + GOOD.replace('sink = "b"', 'sink = "c"'))
    result = run("check", "penstock.toml")
    lines = [line for line in result.stdout.splitlines() if line[0] != " "]
    assert [line.split(" ")[0] for line in lines] == ["penstock.toml:1:9:", "penstock.toml:2:1:", "penstock.toml:12:8:"]
    assert result.stderr == "3 problems; what one means: penstock explain invalid-value\n"


def test_json_has_every_part_of_a_problem(run: Run) -> None:
    write("a = 1\nb = \n", "broken.toml")
    result = run("check", "broken.toml", "--format", "json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (document["v"], document["ok"], len(document["problems"])) == (1, False, 1)
    problem = document["problems"][0]
    assert set(problem) == {
        *("code", "path", "text", "hint", "file", "line", "column", "length", "variable", "degrades", "warns")
    }
    assert (problem["code"], problem["file"], problem["line"]) == ("toml-syntax", "broken.toml", 2)


def test_json_of_a_right_file_names_its_parts(run: Run) -> None:
    document = json.loads(run("check", write(GOOD), "--format", "json").stdout)
    assert document == {
        "v": 1,
        "ok": True,
        "file": "penstock.toml",
        "sinks": ["a", "b"],
        "pipelines": ["p", "q"],
        "problems": [],
    }


def test_an_unknown_key_is_an_error_unless_told_otherwise(run: Run) -> None:
    write(GOOD.replace('type = "last-resort"', 'type = "last-resort"\nkeeep = 1'))
    assert run("check").exit_code == 1
    lenient = run("check", "--no-strict")
    assert lenient.exit_code == 0
    assert lenient.stdout.startswith("warning: ")
    assert lenient.stdout.endswith("ok: 2 sinks, 2 pipelines\n")


def test_no_secrets_follows_no_reference(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLI_TEST_TOKEN", raising=False)
    token = 'type = "python:cli_components:RefuseSink"\ntoken = { env = "CLI_TEST_TOKEN" }'
    write(GOOD.replace('type = "python:cli_components:RefuseSink"', token))
    missing = run("check")
    assert missing.exit_code == 1
    assert "sink.a.token: the environment variable 'CLI_TEST_TOKEN' is not set" in missing.stdout
    assert run("check", "--no-secrets").exit_code == 0


def test_a_profile_is_checked_as_it_would_run(run: Run) -> None:
    write(GOOD + '[profile.prod.sink.a]\ntype = "last-resort"\nkeeep = 1\n')
    assert run("check").exit_code == 0
    assert run("check", "--profile", "prod").exit_code == 1
    unknown = run("check", "--profile", "prd")
    assert unknown.exit_code == 1
    assert "did you mean 'prod'?" in unknown.stdout


def test_a_key_with_control_characters_cannot_steer_the_terminal(run: Run) -> None:
    write('"a\\u001b[31m\\nb" = 1')
    result = run("check", "penstock.toml")
    assert len(result.stdout.splitlines()) == 3
    assert "\x1b" not in result.stdout


def test_no_secret_is_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLI_TEST_TOKEN", "s3cr3t-value")
    token = 'type = "python:cli_components:RefuseSink"\nlevel = "loud"\ntoken = { env = "CLI_TEST_TOKEN" }'
    write(GOOD.replace('type = "python:cli_components:RefuseSink"', token))
    for shape in ("text", "json"):
        result = run("check", "--format", shape)
        assert result.exit_code == 1
        assert "s3cr3t-value" not in result.output


def test_no_sink_is_opened_and_no_file_made(run: Run, tmp_path: Path) -> None:
    write('[sink.a]\ntype = "python:cli_components:KeepSink"\npath = "kept/out"\n[pipeline.p]\nsink = "a"\n')
    assert run("check").exit_code == 0
    assert not (tmp_path / "kept").exists()


def test_a_warning_is_told_and_is_no_finding(run: Run) -> None:
    Path("penstock.toml").write_text(
        '[redact.secrets]\ntype = "keys"\n[sink.out]\ntype = "stderr"\n[pipeline.all]\nsink = "out"\nredact = []\n',
        encoding="utf-8",
    )
    result = run("check")

    assert result.exit_code == 0
    assert "warning: penstock.toml:7:10: pipeline.all.redact" in result.output


BAD = GOOD.replace('type = "last-resort"', 'type = "last-resort"\nkeeep = "a value that may be secret"')


def test_github_shows_each_problem_beside_its_line(run: Run) -> None:
    write(BAD.replace("keeep", '"ke,e:p%"'), "a,b.toml")
    result = run("check", "a,b.toml", "--format", "github")
    assert result.exit_code == 1
    assert result.stdout == (
        "::error file=a%2Cb.toml,line=6,col=1,endColumn=10,title=unknown-key::"
        """sink.b."ke,e:p%25": 'last-resort' has no options; take it out\n"""
    )


def test_sarif_is_what_scanners_take(run: Run) -> None:
    write(BAD + "redact = []\n[redact.r]\ntype = 'keys'\nkeys = ['token']\n")
    result = run("check", "--format", "sarif")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    (found,) = document["runs"]
    rules = [rule["id"] for rule in found["tool"]["driver"]["rules"]]
    assert document["version"] == "2.1.0"
    assert [(one["ruleId"], one["level"], rules[one["ruleIndex"]]) for one in found["results"]] == [
        ("unknown-key", "error", "unknown-key"),
        ("no-redaction", "warning", "no-redaction"),
    ]
    place = found["results"][0]["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "penstock.toml"},
        "region": {"startLine": 6, "startColumn": 1, "endColumn": 6},
    }


@pytest.mark.parametrize("shape", ["text", "json", "github", "sarif"])
def test_no_shape_tells_a_value_that_may_be_a_secret(run: Run, shape: str) -> None:
    write(BAD)
    result = run("check", "--format", shape)
    assert result.exit_code == 1
    assert "may be secret" not in result.output


def test_what_a_variable_says_wrong_names_the_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__SINK__B__LEVEL", "loud")
    write(GOOD)
    text = run("check").stdout
    assert text.startswith("env PENSTOCK__SINK__B__LEVEL: sink.b.level: expected a level, got 'loud'; one of trace")
    (problem,) = json.loads(run("check", "--format", "json").stdout)["problems"]
    assert (problem["variable"], problem["file"], problem["line"]) == ("PENSTOCK__SINK__B__LEVEL", None, None)
