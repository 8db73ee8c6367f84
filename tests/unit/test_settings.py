"""Every effective value, where it comes from, and never a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock import tooling
from penstock.tooling import Setting

SECRET = "0:not-a-real-token"


def settings(document: Any, profile: str | None = None) -> dict[str, Setting]:
    return {".".join(one.keys): one for one in tooling.settings(tooling.document(document, profile))}


def river(**sink: object) -> dict[str, object]:
    return {"sink": {"out": {"type": "python:hard_sinks:Chat", **sink}}, "pipeline": {"all": {"sink": "out"}}}


def test_what_nobody_said_is_there_too_and_whose_default_it_is() -> None:
    found = settings(river())
    assert (found["level"].value, found["level"].source.split()[:2]) == ("info", ["default", "(penstock"])
    assert found["sink.out.delivery.max_age"].default
    assert found["pipeline.all.match"].value == []
    assert found["pipeline.all.sink"].source == "program"


def test_each_value_says_which_file_or_variable_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base.toml").write_text('level = "notice"\n[levels]\n"a.b" = "debug"\n')
    file = tmp_path / "p.toml"
    file.write_text('extends = "base.toml"\n[sink.out]\ntype = "last-resort"\n[profile.loud]\nlevel = "trace"\n')
    monkeypatch.setenv("PENSTOCK__SINK__OUT__LEVEL", "error")
    found = settings(file)
    assert found["level"].source == f"{tmp_path / 'base.toml'}:1:9"
    assert found["levels.a.b"].source == f"{tmp_path / 'base.toml'}:3:9"
    assert found["sink.out.type"].source == f"{file}:3:8"
    assert (found["sink.out.level"].value, found["sink.out.level"].source) == (
        "error",
        "env PENSTOCK__SINK__OUT__LEVEL",
    )
    assert settings(file, "loud")["level"].source == f"{file}:5:9"


def hidden(document: Any) -> dict[str, Setting]:
    found = settings(document)
    assert SECRET not in repr(found)
    return {key: one for key, one in found.items() if one.secret}


def test_a_secret_that_is_written_out_is_hidden_and_a_reference_is_shown() -> None:
    found = hidden({"sink": {"t": {"type": "telegram", "token": SECRET, "chat_id": "-1"}}})
    assert [found["sink.t.token"].value, found["sink.t.token"].known] == ["[redacted]", True]
    reference = {"env": "TOKEN", "default": SECRET}
    found = hidden({"sink": {"t": {"type": "telegram", "token": reference, "chat_id": "-1"}}})
    assert found["sink.t.token"].value == {"env": "TOKEN", "default": "[redacted]"}


def test_a_secret_in_a_variable_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__SINK__T__TOKEN", SECRET)
    found = hidden({"sink": {"t": {"type": "telegram", "chat_id": "-1"}}})
    assert found["sink.t.token"].source == "env PENSTOCK__SINK__T__TOKEN"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"sink": {"t": {"type": "telegram", "tokn": SECRET}}}, "sink.t.tokn"),
        ({"sink": {"t": {"type": "no-such-type", "x": {"y": [SECRET]}}}}, "sink.t.x"),
        ({"sink": {"t": {"type": "python:no.such:Class", "x": SECRET}}}, "sink.t.x"),
        ({"sink": {"t": {"x": SECRET}}}, "sink.t.x"),
        ({"snik": {"t": SECRET}}, "snik"),
        ({"pipeline": {"a": {"sinc": SECRET}}}, "pipeline.a.sinc"),
        ({"sink": {"t": {"type": "last-resort", "delivery": {"x": SECRET}}}}, "sink.t.delivery.x"),
    ],
)
def test_what_nobody_knows_stays_hidden(document: object, path: str) -> None:
    found = hidden(document)[path]
    assert not found.known


@pytest.mark.parametrize(
    "context",
    [
        {"api_key": SECRET},
        {"authToken": SECRET},
        {"X-Auth-Token": SECRET},
        {"a": {"password": SECRET}},
        {"url": f"https://user:{SECRET}@example.org/x"},
    ],
)
def test_what_sounds_like_a_secret_is_hidden_where_no_class_says(context: object) -> None:
    assert hidden({"context": context})


def test_what_a_class_says_is_no_secret_is_shown() -> None:
    found = settings({"redact": {"r": {"type": "keys", "keys": ["token"], "text": False}}})
    assert found["redact.r.keys"].value == ["token"]
    assert found["redact.r.text"].value is False


def test_an_inline_sink_shows_no_option_that_has_no_effect() -> None:
    found = settings({"sink": {"a": {"type": "file-rotate", "path": "x"}, "b": river()["sink"]}})
    assert {key.rpartition(".")[2] for key in found if key.startswith("sink.a.delivery.")} == {
        "mode", "timeout", "fallback", "dead_letters"
    }  # fmt: skip


def test_a_sink_that_brings_other_defaults_is_named() -> None:
    found = settings({"sink": {"t": {"type": "telegram"}}})
    assert found["sink.t.delivery.batch"].source.startswith("default (penstock-telegram ")
    assert found["sink.t.delivery.queue"].source.startswith("default (penstock ")
