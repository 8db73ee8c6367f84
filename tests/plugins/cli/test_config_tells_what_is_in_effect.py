"""`penstock config show`, `get` and `export`: every effective value, where it comes from, and no secret."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from penstock import tooling

Run = Callable[..., Result]

SECRET = "0:not-a-real-token"
SHOP = f"""level = "notice"
[context]
service = "shop"
[levels]
"acme.db" = "debug"
[sink.calls]
type = "telegram"
token = "{SECRET}"
chat_id = "-1"
[sink.trades]
type = "file-rotate"
path = "trades.jsonl"
[pipeline.calls]
sink = "calls"
[profile.loud]
level = "debug"
[[test]]
emit = {{ name = "a" }}
"""


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK__STATE")  # of the tests themselves
    Path("penstock.toml").write_text(SHOP)


def test_show_is_a_document_of_every_effective_value(run: Run) -> None:
    result = run("config", "show")
    shown = tomllib.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (shown["level"], shown["signals"]) == ("notice", False)
    assert shown["sink"]["trades"]["keep"] == 5
    assert shown["sink"]["calls"]["delivery"]["queue"] == "16 MB"
    assert shown["sink"]["calls"]["token"] == "[redacted]"


def test_show_origin_says_where_each_value_comes_from(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__SINK__TRADES__KEEP", "9")
    result = run("config", "show", "--origin", "--no-defaults", "--profile", "loud")
    here = str(Path.cwd() / "penstock.toml")
    assert result.stdout.splitlines() == [
        f'level = "debug"  # {here}:16:9',
        "",
        "[levels]",
        f'"acme.db" = "debug"  # {here}:5:13',
        "",
        "[context]",
        f'service = "shop"  # {here}:3:11',
        "",
        "[sink.calls]",
        f'type = "telegram"     # {here}:7:8',
        f'token = "[redacted]"  # {here}:8:9',
        f'chat_id = "-1"        # {here}:9:11',
        "",
        "[sink.trades]",
        f'type = "file-rotate"   # {here}:11:8',
        f'path = "trades.jsonl"  # {here}:12:8',
        "keep = 9               # env PENSTOCK__SINK__TRADES__KEEP",
        "",
        "[pipeline.calls]",
        f'sink = "calls"  # {here}:14:8',
    ]


def test_a_default_names_the_distribution_whose_it_is(run: Run) -> None:
    lines = run("config", "show", "--origin").stdout.splitlines()
    assert any(line.startswith("keep = 5 ") and "# default (penstock-file-rotate " in line for line in lines)
    assert any(line.startswith("signals = false ") and "# default (penstock " in line for line in lines)


def test_the_same_as_json_has_a_version(run: Run) -> None:
    found = json.loads(run("config", "show", "--format", "json").stdout)
    by_path = {one["path"]: one for one in found["settings"]}
    assert found["v"] == 1
    assert by_path['levels."acme.db"']["origin"]["line"] == 5
    assert by_path["sink.calls.token"]["secret"] is True
    assert by_path["sink.trades.keep"]["doc"]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("level", "notice"),
        ('levels."acme.db"', "debug"),
        ("sink.trades.keep", "5"),
        ("pipeline.calls.match", "[]"),
        ("sink.calls.token", "[redacted]"),
        ("context", '[context]\nservice = "shop"'),
    ],
)
def test_get_prints_one_value_or_one_table(run: Run, key: str, text: str) -> None:
    result = run("config", "get", key)
    assert (result.exit_code, result.stdout) == (0, f"{text}\n")


def test_get_tells_the_origin_behind_a_tab(run: Run) -> None:
    assert run("config", "get", "level", "--origin").stdout == f"notice\t{Path.cwd() / 'penstock.toml'}:1:9\n"


def test_get_of_what_is_not_set_is_a_finding(run: Run) -> None:
    result = run("config", "get", "sink.trades.every")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "penstock: sink.trades.every is not set\n")


@pytest.mark.parametrize(
    ("key", "code", "text"),
    [
        ("sink.trads.keep", 1, "there is no sink.trads.keep; did you mean 'sink.trades.keep'?"),
        ("zzz", 1, "there is no zzz; next: penstock config show"),
        ("a b", 2, "expected a key such as sink.trades.keep"),
        ("a = 1\nb", 2, "expected a key such as sink.trades.keep"),
    ],
)
def test_a_wrong_key_gets_the_nearest_one(run: Run, key: str, code: int, text: str) -> None:
    result = run("config", "get", key)
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr


def test_export_is_one_document_that_does_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("base.toml").write_text('capture = ["logging"]\nlevel = "error"\n')
    Path("penstock.toml").write_text(f'extends = "base.toml"\n{SHOP}')
    result = run("config", "export", "--profile", "loud")
    assert result.exit_code == 0
    assert result.stderr == "penstock: a secret is written out; set the variable SINK_CALLS_TOKEN to it\n"
    monkeypatch.setenv("SINK_CALLS_TOKEN", SECRET)
    Path("all.toml").write_text(result.stdout)
    assert [problem for problem in tooling.check("all.toml") if not problem.warns] == []
    one, other = (
        {key.keys: key.value for key in tooling.settings(tooling.document(*source)) if key.keys[-1] != "token"}
        for source in (("penstock.toml", "loud"), ("all.toml", None))
    )
    assert one == other
    assert "test" not in tomllib.loads(result.stdout)


def test_export_with_defaults_writes_them_down(run: Run) -> None:
    document = tomllib.loads(run("config", "export", "--defaults").stdout)
    assert document["sink"]["trades"]["keep"] == 5
    assert "every" not in document["sink"]["trades"]


def test_export_leaves_out_what_may_be_a_secret_and_says_so(run: Run) -> None:
    Path("penstock.toml").write_text(SHOP.replace("chat_id", "chatid").replace("service", "password"))
    result = run("config", "export")
    assert result.exit_code == 1
    assert "left out, because it may be a secret: sink.calls.chatid" in result.stderr
    assert "left out, because it may be a secret: context.password" in result.stderr
    assert "-1" not in result.stdout


@pytest.mark.parametrize("words", [("show", "--origin"), ("get", "sink"), ("export",), ("show", "--format", "json")])
def test_no_command_shows_a_secret(run: Run, words: tuple[str, ...]) -> None:
    result = run("config", *words)
    assert result.stdout
    assert SECRET not in result.output


def test_a_file_that_cannot_be_read_is_a_complaint(run: Run) -> None:
    Path("penstock.toml").write_text("[")
    for words in (("show",), ("get", "level"), ("export",), ("set", "level", "info")):
        result = run("config", *words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "next: penstock check" in result.stderr


def test_a_value_cannot_steer_the_terminal(run: Run) -> None:
    Path("penstock.toml").write_text('[context]\na = "\\u001b[31m\\u202e"\n')
    for words in (("show",), ("get", "context.a"), ("show", "--format", "json")):
        assert not {"\x1b", "\u202e"} & set(run("config", *words).stdout)
