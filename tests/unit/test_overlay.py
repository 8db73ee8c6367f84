"""Later wins, tables merge, the rest is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.assembly.config import read_document
from penstock.assembly.overlay import Overlaid, Read, merged, overlaid


def over(table: dict[str, Any], profile: str | None = None, **environ: str) -> Overlaid:
    bottom = Read(table, None, Path())
    return overlaid(bottom, profile, environ, lambda path: bottom, lambda text, value: ("option", text, value))


def laid(table: dict[str, Any], profile: str | None = None, **environ: str) -> dict[str, Any]:
    found = over(table, profile, **environ)
    assert found.problems == []
    return found.table


def test_tables_merge_and_arrays_are_replaced() -> None:
    assert merged({"a": {"b": [1, 2], "c": 1}, "d": 1}, {"a": {"b": [3]}, "e": 2}) == {
        "a": {"b": [3], "c": 1},
        "d": 1,
        "e": 2,
    }


def test_merging_changes_neither() -> None:
    below: dict[str, Any] = {"a": {"b": 1}}
    merged(below, {"a": {"b": 2}})

    assert below == {"a": {"b": 1}}


def test_a_profile_lies_over_the_file() -> None:
    table = {"level": "info", "profile": {"prod": {"level": "error"}}}

    assert laid(table) == {"level": "info"}
    assert laid(table, "prod") == {"level": "error"}
    assert laid(table, PENSTOCK_PROFILE="prod") == {"level": "error"}


def test_an_unknown_profile_is_an_error_with_the_nearest_name() -> None:
    found = over({"level": "info", "profile": {"production": {}}}, "prodction")

    assert [problem.hint for problem in found.problems] == ["did you mean 'production'?"]
    assert found.table == {"level": "info"}


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("PENSTOCK__LEVEL", "debug", ["level"], "debug"),
        ("PENSTOCK__SINK__MY_FILE__KEEP", "9", ["sink", "my-file", "keep"], ("option", "9", 9)),
        ("PENSTOCK__SINK__MY_FILE__PATH", "a b/c", ["sink", "my-file", "path"], ("option", "a b/c", "a b/c")),
        ("PENSTOCK__SINK__MY_FILE__TABLE__KEY", "9", ["sink", "my-file", "table", "key"], ("option", "9", 9)),
        ("PENSTOCK__SINK__MY_FILE__LIST", "[9]", ["sink", "my-file", "list"], [9]),
        ("PENSTOCK__SINK__MY_FILE__TYPE", "stderr", ["sink", "my-file", "type"], "stderr"),
        ("PENSTOCK__SINK__MY_FILE__DELIVERY__BATCH", "9", ["sink", "my-file", "delivery", "batch"], 9),
        ("PENSTOCK__CONTEXT__SHARD", "9", ["context", "shard"], 9),
        ("PENSTOCK__CAPTURE", '["logging"]', ["capture"], ["logging"]),
        ("PENSTOCK__NEW__KEY", "true", ["new", "key"], True),
        ("PENSTOCK__LEVEL", 'a"]\n[evil]\nx=1', ["level"], 'a"]\n[evil]\nx=1'),
    ],
)
def test_the_environment_lies_on_top(name: str, text: str, path: list[str], value: object) -> None:
    found: Any = laid({"level": "info", "sink": {"my-file": {"keep": 1}}}, **{name: text})
    for key in path:
        found = found[key]

    assert found == value


def test_other_variables_are_left_alone() -> None:
    assert laid({"a": 1}, PENSTOCK_CONFIG="x", PATH="y") == {"a": 1}


def test_a_file_extends_others_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENSTOCK__STATE")  # which every test has
    (tmp_path / "base.toml").write_text('level = "debug"\n[context]\na = 1\nb = 1\n')
    (tmp_path / "more.toml").write_text("[context]\nb = 2\nc = 2\n")
    (tmp_path / "penstock.toml").write_text('extends = ["base.toml", "more.toml"]\n[context]\nc = 3\n')

    document = read_document(tmp_path / "penstock.toml", None)

    assert document is not None
    assert document.table == {"level": "debug", "context": {"a": 1, "b": 2, "c": 3}}


def problems_of(path: Path) -> list[str]:
    document = read_document(path, None)
    assert document is not None
    return [str(problem).removeprefix(f"{path.parent}/") for problem in document.problems]


def test_a_file_that_extends_itself_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n')
    (tmp_path / "b.toml").write_text('extends = ["a.toml"]\n')

    assert problems_of(tmp_path / "a.toml") == [
        "b.toml:1:12: extends[0]: 'a.toml' extends itself; take one of them out"
    ]


def test_what_is_extended_and_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extends = "x\\u0000y"\n')

    assert problems_of(tmp_path / "a.toml") == [
        "a.toml:1:11: extends: 'x\\x00y' leads nowhere: ValueError; check the path"
    ]


def test_what_is_wrong_with_several_overlays_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_PROFILE", "prod")
    monkeypatch.setenv("PENSTOCK__CONTEXT__A_B", "1")
    (tmp_path / "a.toml").write_text('extends = ["b.toml", "c.toml"]\n[context]\na_b = 1\n"a-b" = 2\n')
    (tmp_path / "c.toml").write_text("x = \n")

    assert problems_of(tmp_path / "a.toml") == [
        "a.toml:1:12: extends[0]: b.toml: cannot be read: No such file or directory; check the path",
        "c.toml:1:5: invalid value",
        "env PENSTOCK_PROFILE: profile.prod: there is no such profile; declared: none",
        "env PENSTOCK__CONTEXT__A_B: 'A_B' means several keys: 'a-b', 'a_b'; rename one of them, or set it in a file",
    ]
