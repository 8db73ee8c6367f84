"""Names are derived by one rule; versions, ranges, texts and markers are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from repository import CORE, EXAMPLES, PACKAGES, PLUGINS, ROOT, import_package, project_of

KINDS = {"emit", "redact", "format", "sink", "command", "library", "testing"}
HEADINGS = ("## Install", "## Configure", "## Options", "## When it fails")


def each(packages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("package", packages, ids=lambda path: path.name)


@each(PACKAGES)
def test_it_has_a_version_a_readme_a_changelog_and_types(package: Path) -> None:
    project = project_of(package)["project"]

    assert re.fullmatch(r"\d+\.\d+\.\d+", project["version"])
    assert project["license"] == "MIT"
    assert project["requires-python"] == ">=3.11"
    assert "Topic :: System :: Logging" in project["classifiers"]
    assert (package / project["readme"]).stat().st_size > 200
    assert f"## {project['version']}" in (package / "CHANGELOG.md").read_text()
    assert (import_package(package) / "py.typed").exists()


def test_the_core_has_four_dependencies() -> None:
    names = {re.split(r"[<>=]", dependency)[0] for dependency in project_of(CORE)["project"]["dependencies"]}

    assert names == {"pluggy", "attrs", "cattrs", "tomli-w"}


@each(PLUGINS)
def test_a_plugin_is_named_by_its_folder_and_depends_on_a_range_of_the_core(package: Path) -> None:
    project = project_of(package)["project"]

    assert project["name"] == f"penstock-{package.name}"
    assert import_package(package).name == f"penstock_{package.name.replace('-', '_')}"
    for dependency in project["dependencies"]:
        if dependency.startswith("penstock"):
            assert re.fullmatch(r"penstock[a-z-]*>=\d+\.\d+,<\d+\.\d+", dependency), dependency
    assert any(dependency.startswith("penstock>=") for dependency in project["dependencies"])


@each([*PLUGINS, *EXAMPLES])
def test_its_entry_points_name_its_registration_module_and_its_keywords_its_kinds(package: Path) -> None:
    project = project_of(package)["project"]
    entries = project.get("entry-points", {}).get("penstock", {})
    kinds = {word.removeprefix("penstock-") for word in project["keywords"] if word.startswith("penstock-")} - {
        "plugin"
    }

    assert kinds
    assert kinds <= KINDS
    assert bool(entries) == bool(kinds - {"command", "library", "testing"})
    if package in PLUGINS:
        assert set(entries.values()) <= {import_package(package).name}


@each(PLUGINS)
def test_its_readme_answers_the_same_questions_in_the_same_order(package: Path) -> None:
    text = (package / "README.md").read_text()
    places = [text.find(f"\n{heading}") for heading in HEADINGS]
    if "library" in str(project_of(package)["project"]["keywords"]) or package.name == "cli":
        places = [place for place in places if place != -1]

    assert -1 not in places
    assert places == sorted(places)


def test_the_workspace_installs_every_plugin() -> None:
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {project_of(package)["project"]["name"] for package in PACKAGES}
    dev = {re.split(r"[\[<>=]", name)[0] for name in root["dependency-groups"]["dev"] if isinstance(name, str)}

    assert set(root["tool"]["uv"]["sources"]) == names
    assert names <= dev


def test_the_top_level_is_what_the_design_says() -> None:
    tracked = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    made_by_tools = {"uv.lock", "dist", "build", "__pycache__"}

    assert tracked - made_by_tools == {
        "LICENSE",
        "README.md",
        "core",
        "docs",
        "noxfile.py",
        "plugins",
        "pyproject.toml",
        "tests",
    }


def test_settings_of_tools_are_in_the_root_alone() -> None:
    for package in PACKAGES:
        assert set(project_of(package)) <= {"project", "build-system"}


@pytest.mark.parametrize(
    "module",
    [path for path in sorted(CORE.glob("src/penstock/**/*.py")) if path.name != "__init__.py"],
    ids=lambda path: path.stem,
)
def test_each_module_of_the_core_has_a_test_of_its_own(module: Path) -> None:
    assert (ROOT / f"tests/unit/test_{module.stem}.py").exists()
