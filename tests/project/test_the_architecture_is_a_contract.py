"""The order of the layers, and what plugins may know, hold for every file."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from repository import CORE, PLUGINS, ROOT, import_package

ALLOWED = {"penstock", "penstock.plugin", "penstock.testing"}
LIBRARIES = {"penstock_http"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            if node.module == "penstock":
                yield from (f"penstock.{a.name}" for a in node.names if (CORE / f"src/penstock/{a.name}.py").exists())


def test_a_lower_module_never_imports_a_higher_one() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or "lint-imports"
    run = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_knows_only_the_front_of_the_core_and_no_other_plugin(plugin: Path) -> None:
    mine = import_package(plugin).name
    allowed = ALLOWED | ({"penstock.tooling"} if plugin.name in ("cli", "pytest") else set())
    for path in plugin.glob("src/**/*.py"):
        for name in imports(path):
            package = name.split(".")[0]
            if package == "penstock":
                known = ".".join(name.split(".")[:2])
                assert known in allowed or (
                    name.count(".") == 1 and not (CORE / f"src/penstock/{known[9:]}.py").exists()
                ), f"{path.relative_to(ROOT)} imports {name}"
            elif package.startswith("penstock_"):
                assert package == mine or package in LIBRARIES, f"{path.relative_to(ROOT)} imports {name}"


def test_the_core_imports_no_plugin_and_only_its_four_dependencies() -> None:
    foreign = {
        package
        for path in CORE.glob("src/**/*.py")
        for name in imports(path)
        if (package := name.split(".")[0]) not in sys.stdlib_module_names and package != "penstock"
    }

    assert foreign <= {"attr", "attrs", "cattrs", "pluggy", "tomli_w"}


def test_a_module_begins_with_what_it_does_for_whom_and_what_if_it_fails() -> None:
    for path in sorted(CORE.glob("src/penstock/**/*.py")):
        summary = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
        word = path.stem.capitalize() if path.stem != "hookspecs" else "Hook specs"
        if path.name != "__init__.py":
            assert summary.startswith(f"{word}: "), f"{path.relative_to(ROOT)}: {summary!r}"
