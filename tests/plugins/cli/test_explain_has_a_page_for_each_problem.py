"""`penstock explain`: what a problem means, and what a key is for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from penstock.tooling import EXPLANATIONS

Run = Callable[..., Result]

FILE = """
[sink.a]
type = "file-rotate"
path = "a.log"
max_size = "5 MB"
[sink.chat]
type = "telegram"
token = "12345:not-a-token"
chat_id = { env = "CHAT", default = "-1" }
[pipeline.p]
sink = "a"
[profile.prod.sink.a]
keep = 9
"""


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_each_name_has_a_page_with_an_example(run: Run, code: str) -> None:
    result = run("explain", code)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{code} (")
    assert "For example:" in result.stdout
    assert json.loads(run("explain", code, "--format", "json").stdout)["code"] == code


def test_without_a_name_all_are_listed(run: Run) -> None:
    lines = run("explain").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(EXPLANATIONS)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (
            "sink.a.max_size",
            ['takes    a size, such as "10 MB" or false', 'default  "10 MB"', 'here     "5 MB", from '],
        ),
        ("sink.a.path", ["default  none: it has to be given", "penstock.toml:4:8"]),
        ("sink.a.delivery.mode", ['takes    one of "inline", "queued"']),
        ("sink.chat.chat_id", ['here     { env = "CHAT", default = "-1" }']),
        ("sink.chat.token", ["takes    a secret", "here     [redacted], from "]),
        ("sink.discord.webhook", ["takes    a secret", "default  none"]),  # no such sink: its name is its type
        ("pipeline.p.match", ["takes    an array: each a text", "default  []"]),
        ("level", ["takes    a level", 'default  "info"']),
        ("levels.urllib3", ["takes    a level"]),
    ],
)
def test_a_key_is_explained_with_its_value_and_where_that_comes_from(run: Run, key: str, told: list[str]) -> None:
    Path("penstock.toml").write_text(FILE)
    result = run("explain", key)
    assert result.exit_code == 0
    assert result.stdout.startswith(key)
    for part in told:
        assert part in result.stdout
    assert "not-a-token" not in result.output


def test_a_profile_is_where_a_value_comes_from(run: Run) -> None:
    Path("penstock.toml").write_text(FILE)
    assert "penstock.toml:13:8" in run("explain", "sink.a.keep", "--profile", "prod").stdout
    document = json.loads(run("explain", "sink.a.keep", "--format", "json").stdout)
    assert (document["value"], document["origin"]) == (None, "default")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("unknown-kye", "did you mean 'unknown-key'?"),
        ("sink.a.max_sise", "did you mean sink.a.max_size?"),
        ("levl", "did you mean level?"),
        ("a.b.c.d.e", "a key is written as sink.NAME.OPTION"),
        ("sink.nowhere.x", "no installed plugin offers the sink type 'nowhere'"),
    ],
)
def test_a_name_that_is_none_gets_the_nearest_one(run: Run, name: str, told: str) -> None:
    Path("penstock.toml").write_text(FILE)
    result = run("explain", name)
    assert result.exit_code == 1
    assert told in result.stderr
