"""Each kind of problem is in the documentation, with what is really printed."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator

import pytest

import errors_page
from penstock.tooling import EXPLANATIONS
from repository import ROOT

ASSEMBLY = ROOT / "core" / "src" / "penstock" / "assembly"


@pytest.mark.skipif(os.name != "posix", reason="messages of the operating system are those of POSIX")
def test_the_page_is_current() -> None:
    assert errors_page.PAGE.read_text(encoding="utf-8") == errors_page.page(), "run: python tests/errors_page.py"


def test_each_example_shows_the_problem_it_is_about() -> None:
    sections = errors_page.PAGE.read_text(encoding="utf-8").split("\n## ")[1:]

    assert [section.split("\n")[0] for section in sections] == list(EXPLANATIONS)
    for section in sections:
        code = section.split("\n")[0]
        told = section.split("```text\n")[1]
        assert f"[{code}]" in told or EXPLANATIONS[code].opened, code
        assert " | " in told or "env " in told or EXPLANATIONS[code].opened, code


def codes() -> Iterator[str]:
    """Yield each name of a problem that the source gives one: the first argument of what makes problems."""
    for path in sorted(ASSEMBLY.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "attr", None) or getattr(
                getattr(node, "func", None), "id", None
            )
            if isinstance(node, ast.Call) and name in ("Problem", "problem", "_warning", "Wrong"):
                place = 2 if name == "Wrong" else 0
                if len(node.args) > place and isinstance(node.args[place], ast.Constant):
                    yield str(node.args[place].value)  # type: ignore[attr-defined]


def test_each_name_in_the_source_is_explained_and_each_explanation_used() -> None:
    assert set(codes()) == set(EXPLANATIONS)
