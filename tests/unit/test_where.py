"""Behind everything that was written stands its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.assembly.config import read_document
from penstock.assembly.where import Where, where

TEXT = """level = "notice"
[sink.out]
type = "last-resort"

[pipeline.all]
sink  = "out"
  match = [
    "a.**",
    "!a.b",
  ]

[profile.night]
level = "error"
"""


def test_a_value_a_table_and_an_item_have_the_line_that_says_them(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(TEXT)
    document = read_document(tmp_path / "p.toml", None)
    assert document is not None

    assert where(document, ("level",))[1:4] == (1, 1, 'level = "notice"')
    assert where(document, ("pipeline", "all"))[1::2] == (5, "[pipeline.all]")
    assert where(document, ("pipeline", "all", "match"))[1:4] == (7, 3, "match = [")
    assert where(document, ("pipeline", "all", "match", 1))[1:4] == (9, 5, '"!a.b",')
    assert str(where(document, ("level",))) == f"{tmp_path / 'p.toml'}:1:1"


def test_a_profile_and_a_variable_say_what_they_laid_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.toml").write_text(TEXT)
    monkeypatch.setenv("PENSTOCK__SINK__OUT__LEVEL", "error")
    document = read_document(tmp_path / "p.toml", "night")
    assert document is not None

    assert where(document, ("level",))[1::2] == (13, 'level = "error"')
    assert where(document, ("sink", "out", "level")).variable == "PENSTOCK__SINK__OUT__LEVEL"
    assert str(where(document, ("sink", "out", "level"))) == "$PENSTOCK__SINK__OUT__LEVEL"


def test_what_nobody_wrote_has_no_line() -> None:
    document = read_document({"level": "info"}, None)
    assert document is not None

    assert where(document, ("capture",)) == Where()
    assert str(where(document, ("level",))) == ""
