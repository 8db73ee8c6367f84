"""The sessions: tests, lint, types, docs, wheels, bench. Plugins are found by their folders, never listed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"  # the Pythons found, not others
nox.options.sessions = ["tests", "lint", "types", "docs", "wheels"]
nox.options.error_on_missing_interpreters = False  # `tests` runs on the Pythons found

ROOT = Path(__file__).parent
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
PACKAGES = [ROOT / "core", *PLUGINS]
PYTHONS = ["3.11", "3.12", "3.13"]


def source_of(package: Path) -> Path:
    """Return the import package inside a distribution's folder."""
    return next((package / "src").glob("penstock*"))


def install_workspace(session: nox.Session, *groups: str) -> None:
    """Install every distribution of the workspace from its sources, and dependency groups of the root."""
    extras = {"file-rotate": "[zstd]"}
    session.install(*(f"-e{package}{extras.get(package.name, '')}" for package in PACKAGES))
    for group in groups:
        session.install("--group", group)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Every test, on this Python."""
    install_workspace(session, "tests")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def states(session: nox.Session) -> None:
    """Thousands of histories of a queued delivery, where `tests` tries some dozens."""
    install_workspace(session, "tests")
    examples = session.posargs[0] if session.posargs else "5000"
    machine = "tests/unit/test_queued_as_a_machine.py"
    session.run("python", "-m", "pytest", "--timeout=0", machine, env={"PENSTOCK_EXAMPLES": examples})


@nox.session
def reloads(session: nox.Session) -> None:
    """Twenty reloads a second for a minute, where `tests` goes on for two seconds; or as many as asked for."""
    install_workspace(session, "tests")
    claim = "tests/flow/test_a_reload_keeps_what_did_not_change.py"
    count = session.posargs[0] if session.posargs else "1200"
    session.run("python", "-m", "pytest", "--timeout=0", "-k", "twenty", claim, env={"PENSTOCK_RELOADS": count})


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, and the import contracts."""
    install_workspace(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, for this system and for Windows; basedpyright over the public surface."""
    install_workspace(session, "types", "tests", "bench")
    sources = [str(source_of(package).relative_to(ROOT)) for package in PACKAGES]
    for platform in ("linux", "win32"):
        session.run("mypy", "--platform", platform, *sources)
    # Equal file names in the folders of the plugins' tests are fine for pytest, but mypy wants each folder by itself.
    folders = [folder for pattern in ("*", "plugins/*") for folder in sorted(ROOT.glob(f"tests/{pattern}"))]
    for folder in folders:
        if list(folder.glob("*.py")):
            loose = "--disable-error-code=func-returns-value"  # `note(event) or event`
            session.run("mypy", loose, str(folder.relative_to(ROOT)), env={"MYPYPATH": "tests"})
    session.run("mypy", "noxfile.py", *map(str, sorted(path.relative_to(ROOT) for path in ROOT.glob("tests/*.py"))))
    session.run("basedpyright", "--level", "error")


@nox.session
def docs(session: nox.Session) -> None:
    """Sphinx with warnings as errors; the code blocks are run by tests/project."""
    install_workspace(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build every distribution, install the wheels into a clean environment, and run a TOML through all of them."""
    folder = Path(session.create_tmp())
    shutil.rmtree(folder / "wheels", ignore_errors=True)
    built = [*PACKAGES, ROOT / "docs" / "examples" / "inhouse-sink"]
    for package in built:
        session.run("uv", "build", "--quiet", "--out-dir", str(folder / "wheels"), str(package), external=True)
    session.install(*map(str, sorted((folder / "wheels").glob("*.whl"))))
    session.chdir(folder)  # away from the source tree
    session.run("python", "-I", str(ROOT / "tests" / "wheels" / "through_all_plugins.py"))
    session.run("penstock", "demo", "--seconds", "1", "--format", "json", silent=True)


@nox.session
def bench(session: nox.Session) -> None:
    """What an event costs, beside every peer; `-- --help` says how to ask for less."""
    install_workspace(session, "bench")
    session.run("python", "-m", "bench", *session.posargs, env={"PYTHONPATH": str(ROOT / "tests")})


@nox.session(python=PYTHONS)
def faults(session: nox.Session) -> None:
    """Every fault at full length, and what it does to other libraries; on newer Pythons what ends a program there.

    ``-- --faults-page docs/faults.md`` puts the figures into the documentation.
    """
    install_workspace(session, "tests", "faults")
    everything = session.python == PYTHONS[0]
    session.run(
        *("python", "-m", "pytest", "-p", "no:randomly", "-q", "-rs", "tests/faults"),
        *(() if everything else ("-k", "end or fork")),
        *session.posargs,
        env={"PENSTOCK_FAULTS": "full"},
    )


if __name__ == "__main__":
    sys.exit("run me with nox")
