"""Where things are in the repository, for the project tests; everything is found, nothing is listed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "core"
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
PACKAGES = [CORE, *PLUGINS]
EXAMPLES = sorted(path.parent for path in ROOT.glob("docs/examples/*/pyproject.toml"))


def project_of(package: Path) -> dict[str, Any]:
    """Return the pyproject.toml of a distribution."""
    return tomllib.loads((package / "pyproject.toml").read_text())


def import_package(package: Path) -> Path:
    """Return the folder that is imported."""
    (found,) = (package / "src").glob("penstock*")
    return found


def documents() -> list[Path]:
    """Return every Markdown file of the documentation."""
    found = [ROOT / "README.md", *ROOT.glob("core/*.md"), *ROOT.glob("plugins/*/README.md"), *ROOT.glob("docs/**/*.md")]
    return sorted(path for path in found if "_build" not in path.parts and path.name != "CHANGELOG.md")
