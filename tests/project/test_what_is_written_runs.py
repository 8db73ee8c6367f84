"""Every python block runs, every toml block loads, every example in a docstring gives what it says."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock import tooling
from repository import PACKAGES, ROOT, documents, import_package

BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[Any]:
    found = []
    for path in documents():
        for number, match in enumerate(BLOCK.finditer(path.read_text()), 1):
            if match[1] == language:
                found.append(pytest.param(match[2], id=f"{path.relative_to(ROOT)}:{number}"))
    return found


def pages_with_python() -> list[Any]:
    found = []
    for path in documents():
        code = [match[2] for match in BLOCK.finditer(path.read_text()) if match[1] == "python"]
        if code:
            found.append(pytest.param(code, id=str(path.relative_to(ROOT))))
    return found


@pytest.mark.parametrize("code", pages_with_python())
def test_the_python_of_a_page_runs_from_top_to_bottom(
    code: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TELEGRAM_TOKEN", "0:not-a-real-token")
    module: dict[str, object] = {"__name__": "page"}
    try:
        for block in code:
            exec(compile(block, "<page>", "exec"), module)
    finally:
        for info in penstock.list_handlers():
            penstock.detach(info.handler_id)


@pytest.mark.parametrize("text", blocks("toml"))
def test_a_toml_block_loads_without_a_problem(text: str, tmp_path: Path) -> None:
    document = tomllib.loads(text)
    if not {"sink", "pipeline"} & set(document):
        return  # pyproject.toml of a plugin, say
    path = tmp_path / "penstock.toml"
    path.write_text(text)

    assert tooling.check(path, resolve=False) == []
    for case in tooling.cases(path).cases:
        assert case.run().passed, "\n".join(case.run().lines())


def modules() -> Iterator[str]:
    for package in PACKAGES:
        root = import_package(package)
        yield root.name
        for info in pkgutil.walk_packages([str(root)], f"{root.name}."):
            if not info.name.endswith("__main__"):
                yield info.name


@pytest.mark.parametrize("name", list(modules()))
def test_the_examples_in_docstrings_give_what_they_say(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)

    assert result.failed == 0, capfd.readouterr().out


def test_the_river_is_the_same_line_of_words_everywhere() -> None:
    line = "emit -> match -> redact -> format -> deliver -> sink"

    assert penstock.__doc__ is not None
    assert line in penstock.__doc__
    for path in ("README.md", "docs/architecture.md", "core/src/penstock/river/pipeline.py"):
        assert line in (ROOT / path).read_text(), path


def test_no_file_names_a_machine_or_a_registry() -> None:
    words = re.compile(
        "|".join(["/wo" + "rk/", "/ro" + "ot/", "py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.org"])
    )
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT).parts
        if path.is_file() and not any(part.startswith(".") and part not in (".github", ".ci") for part in inside[:-1]):
            if (
                "_build" in inside
                or path.suffix in {".pyc", ".png", ".gz"}
                or path.name == "uv.lock"
                or inside[0] == ".git"
            ):
                continue
            assert not words.search(path.read_text(errors="replace")), path


def test_no_lock_file_is_tracked() -> None:
    assert "uv.lock" in (ROOT / ".gitignore").read_text().split()


def test_tests_do_not_depend_on_where_they_are_started() -> None:
    assert Path(sys.modules["repository"].__file__ or "").resolve().parent == ROOT / "tests"
    assert os.environ.get("PENSTOCK_CONFIG") is None
