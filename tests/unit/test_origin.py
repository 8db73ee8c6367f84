"""Each value of a document knows where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.assembly.config import Document, read_document

BASE = """\
level = "debug"
[sink.out]
type = "stderr"
keep = 1
[profile.production.sink.out]
size = "1 MB"
"""
FILE = """\
extends = "base.toml"

[sink.out]
keep = 2
list = [1, 2]
[profile.production]
level = "error"
sink.out.size = "2 MB"
"""


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "penstock.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK__SINK__OUT__DELIVERY__BATCH", "9")
    found = read_document("penstock.toml", "production")
    assert found is not None
    assert found.problems == []
    return found


@pytest.mark.parametrize(
    ("keys", "kind", "shown"),
    [
        (["sink", "out", "type"], "extended", "base.toml:3:8"),
        (["sink", "out", "keep"], "file", "penstock.toml:4:8"),
        (["sink", "out", "list", 1], "file", "penstock.toml:5:12"),
        (["level"], "profile", "penstock.toml:7:9"),
        (["sink", "out", "size"], "profile", "penstock.toml:8:17"),
        (["sink", "out", "delivery", "batch"], "environment", "env PENSTOCK__SINK__OUT__DELIVERY__BATCH"),
        (["sink", "out"], "profile", "penstock.toml:8:6"),  # of a table, the highest text
        (["capture"], "default", "default"),
        (["sink", "out", "list", 2], "default", "default"),
    ],
)
def test_each_value_knows_its_file_its_profile_or_its_variable(
    document: Document, keys: list[str | int], kind: str, shown: str
) -> None:
    origin = document.origin(keys)

    assert origin.kind == kind
    assert str(origin).rpartition("/")[2] == shown


def test_the_key_has_a_place_and_so_has_the_value(document: Document) -> None:
    origin = document.origin(["level"])

    assert origin.key is not None
    assert origin.value is not None
    assert (origin.key.line, origin.key.column, origin.key.length) == (7, 1, 5)
    assert (origin.value.line, origin.value.column, origin.value.length) == (7, 9, 7)
    assert origin.keys == ("profile", "production", "level")


def test_in_a_pyproject_the_path_begins_with_the_tool(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nlevel = "x"\n[tool.penstock]\nlevel = "info"\n')
    document = read_document(tmp_path / "pyproject.toml", None)
    assert document is not None

    origin = document.origin(["level"])

    assert origin.keys == ("tool", "penstock", "level")
    assert str(origin).endswith("pyproject.toml:4:9")


def test_a_dict_is_the_program_and_without_layers_nothing_is_known() -> None:
    document = read_document({"level": "info"}, None)
    assert document is not None

    assert str(document.origin(["level"])) == "program"
    assert str(Document({"level": "info"}, None, Path()).origin(["level"])) == "default"
