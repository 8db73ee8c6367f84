"""Commands and editors ask, and nothing is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import tooling

DOCUMENT = {
    "level": "notice",
    "capture": ["logging"],
    "redact": {"hide": {"type": "python:hard_sinks:Hide"}},
    "sink": {
        "chat": {"type": "python:hard_sinks:Chat", "level": "error", "delivery": {"fallback": "out"}},
        "audit": {"type": "python:hard_sinks:Audit"},
        "out": {"type": "last-resort"},
    },
    "pipeline": {"a": {"sink": "chat", "match": ["x.**"]}, "b": {"sink": "audit", "level": "debug", "redact": []}},
}


def test_a_description_has_the_defaults_filled_in() -> None:
    found = tooling.describe(DOCUMENT)

    assert [problem.code for problem in found.problems] == ["no-redaction"]
    assert found.capture == ("logging",)
    assert found.pipelines[0] == ("a", ("x.**",), "notice", (), ("hide",), "plain", "chat")
    assert found.pipelines[1] == ("b", (), "debug", (), (), "", "audit")
    assert found.sinks[0] == ("chat", "python:hard_sinks:Chat", "queued", "error", "out", "16 MB", "")
    assert found.sinks[1].mode == "inline"


def test_checking_opens_nothing(tmp_path: Path) -> None:
    document = {
        "sink": {"f": {"type": "python:acme:Sink", "path": str(tmp_path / "x")}},
        "pipeline": {"a": {"sink": "f"}},
    }

    assert [problem.code for problem in tooling.check(document)] == ["plugin-load-failed"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_a_problem_not_an_exception(tmp_path: Path) -> None:
    assert [problem.code for problem in tooling.check(tmp_path / "no.toml")] == ["unreadable-file"]
    (tmp_path / "bad.toml").write_text("[")
    assert [problem.code for problem in tooling.check(tmp_path / "bad.toml")] == ["toml-syntax"]


def test_without_any_file_the_default_is_described(tmp_path: Path, monkeypatch: object) -> None:
    import os

    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        found = tooling.describe()
        document = tooling.document()
    finally:
        os.chdir(before)

    assert [pipeline.name for pipeline in found.pipelines] == ["all"]
    assert (list(document.table["pipeline"]), document.file) == (["all"], None)


def test_a_finished_document_gets_no_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__LEVEL", "error")
    table = {"sink": {"out": {"type": "last-resort"}}, "pipeline": {"all": {"sink": "out"}}}

    with tooling.configure(tooling.Document(table, None, tmp_path)) as runtime:
        assert int(runtime.config.level) == 20
    assert tooling.document(table).table["level"] == "error"


def test_verifying_shows_kinds_time_and_error() -> None:
    for listing in tooling.list_installed():
        if listing.type == "json":
            verification = tooling.verify(listing)
            assert verification.kinds == ("format",)
            assert verification.seconds >= 0
            assert verification.error == ""
    ghost = tooling.Listing("no-such-type", (), "", "", "")
    assert "no type 'no-such-type'" in tooling.verify(ghost).error
