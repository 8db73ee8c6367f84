"""Entry points are found by a look into the folders as `importlib.metadata` finds them."""

from __future__ import annotations

import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.assembly import installed
from penstock.assembly.installed import Found, entry_points


def distribution(place: Path, name: str, entries: str, version: str = "1.0", kind: str = "dist-info") -> Path:
    info = place / f"{name}-{version}.{kind}"
    info.mkdir(parents=True)
    (info / ("METADATA" if kind == "dist-info" else "PKG-INFO")).write_text(f"Name: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entries)
    return info


def told_by_the_library(group: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in metadata.entry_points(group=group):
        found.setdefault(entry.name, set()).add(entry.value)
    return found


def told(group: str) -> dict[str, set[str]]:
    return {name: {entry.value for entry in entries} for name, entries in entry_points(group).items()}


@pytest.mark.parametrize("group", ["penstock", "console_scripts", "pytest11", "nobody"])
def test_what_is_installed_here_is_found_as_the_library_finds_it(group: str) -> None:
    assert told(group) == told_by_the_library(group)
    assert installed._folders() is not None


def test_no_library_is_imported_for_that(tmp_path: Path) -> None:
    import subprocess

    code = """
import sys
from penstock.assembly.installed import entry_points
assert entry_points("penstock")["json"][0].load().__name__ == "penstock_json"
print("importlib.metadata" in sys.modules)
print(entry_points("penstock")["json"][0].dist.metadata["Name"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "penstock-json"]


def test_the_first_of_a_distribution_that_is_there_twice_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path / "one", "Shop.Sink", "[g]\na = first\n")
    distribution(tmp_path / "two", "shop_sink", "[g]\na = second\n", version="2.0")
    distribution(tmp_path / "two", "other", "[g]\na = third:Sink.Inner [extra]\n# b = commented\n[h]\nc = no\n")
    distribution(tmp_path / "two", "old", "[g]\nb=x\n", kind="egg-info")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "two"), str(tmp_path / "none")])

    assert told("g") == {"a": {"first", "third:Sink.Inner [extra]"}, "b": {"x"}} == told_by_the_library("g")
    assert [entry.dist and entry.dist.version for entry in entry_points("g")["a"]] == ["1.0", "1.0"]


def test_two_that_lead_to_the_same_place_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "one", "[g]\na = m\n")
    distribution(tmp_path, "two", "[g]\na = m\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    assert len(entry_points("g")["a"]) == 1


def test_a_zip_file_on_the_path_is_left_to_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("one-1.0.dist-info/entry_points.txt", "[g]\na = m\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one.zip")])

    assert installed._folders() is None


@pytest.mark.parametrize("what", ["an egg", "another finder"])
def test_where_something_else_is_on_the_path_the_library_is_asked(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "another finder":

        class Finder:
            @staticmethod
            def find_distributions(context: object) -> list[metadata.Distribution]:
                return [metadata.Distribution.at(distribution(tmp_path, "one", "[g]\na = m\n"))]

        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    else:
        egg = tmp_path / "one-1.0-py3.11.egg"
        (egg / "EGG-INFO").mkdir(parents=True)
        (egg / "EGG-INFO" / "entry_points.txt").write_text("[g]\na = m\n")
        (egg / "EGG-INFO" / "PKG-INFO").write_text("Name: one\nVersion: 1\n")
        monkeypatch.setattr(sys, "path", [str(egg)])

    assert told("g") == {"a": {"m"}}


def test_unreadable_metadata_cost_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (distribution(tmp_path, "one", "[g]\na = m\n") / "entry_points.txt").write_bytes(b"\xff[g]\n")
    distribution(tmp_path, "two", "[g]\na = n\n")
    (tmp_path / "three-1.dist-info").write_text("a file")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    assert told("g") == {"a": {"n"}}


references = st.from_regex(r"\A[a-z]{1,3}(\.[a-z]{1,3}){0,2}( ?: ?[A-Z][a-z]?(\.[a-z])?)?( ?\[[a-z]\])?\Z")


@given(references)
def test_a_reference_leads_where_the_library_says(value: str) -> None:
    known = metadata.EntryPoint("a", value, "g")
    match = installed._REFERENCE.match(value)

    assert match is not None
    assert (match[1], match[2] or "") == (known.module, known.attr or "")


def test_what_names_no_module_is_an_import_error(tmp_path: Path) -> None:
    with pytest.raises(ImportError, match="names no module"):
        Found("a", "not a module!", tmp_path).load()
    assert Found("a", "json:decoder.JSONDecoder", tmp_path).load().__name__ == "JSONDecoder"
