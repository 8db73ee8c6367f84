"""Errors page: `docs/reference/errors.md`, made of what the command line really says; run me to write it anew.

uv run python tests/errors_page.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner

import penstock
from penstock.tooling import EXPLANATIONS, Explanation
from penstock_cli.group import penstock as commands

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "errors.md"

_HEAD = """\
# Errors and warnings

Every kind of problem that a configuration can have has a stable name. `penstock check` shows it behind each problem,
and `penstock explain NAME` tells what is written here. What follows was printed by `penstock check`;
`tests/errors_page.py` writes this page, and a test compares it.

Of the line of the file only those values are shown that the message tells too: a secret may stand beside a mistake.

"""


def page() -> str:
    """Return the page as it has to be."""
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for one in EXPLANATIONS.values():
            _lay_out(folder / one.code, one)
        command = [sys.executable, __file__, str(folder)]
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("PENSTOCK", "TELEGRAM"))}
        path = os.pathsep.join(map(str, [*sorted(folder.glob("*/site")), *sorted(folder.iterdir())]))
        environ |= {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "NO_COLOR": "1"}
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, encoding="utf-8", check=True, timeout=100)
    told = json.loads(done.stdout)
    return _HEAD + "\n".join(_section(one, told[one.code]) for one in EXPLANATIONS.values())


def _lay_out(folder: Path, one: Explanation) -> None:
    for file, text in {".git": "", "penstock.toml": one.toml, **one.files}.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o604 if one.code == "readable-secret" else 0o600)


def print_outputs(folder: Path) -> None:
    """In a process of its own: print what a person sees of each example below *folder*, as JSON."""
    told = {}
    for one in EXPLANATIONS.values():
        os.chdir(folder / one.code)
        os.environ.update(one.environ)
        text = _at_start() if one.opened else CliRunner().invoke(commands, ["check"]).stdout
        for name in one.environ:
            del os.environ[name]
        told[one.code] = text.replace(f"{folder / one.code}{os.sep}", "").replace(str(folder / one.code), ".")
    print(json.dumps(told))


def _at_start() -> str:
    try:
        penstock.configure("penstock.toml", strict=True)
    except penstock.ConfigError as error:
        return str(error)
    raise AssertionError("it started")


def _section(one: Explanation, told: str) -> str:
    return "\n".join(
        [
            *(f"## {one.code}", "", f"*{one.weight}*: {one.title}", "", *_wrapped(one.text), ""),
            *("```{code-block} toml", one.toml.rstrip(), "```", ""),
            *((f"With {_set(one)}:", "") if one.environ else ()),
            *("```text", told.rstrip(), "```", ""),
        ]
    )


def _set(one: Explanation) -> str:
    return " and ".join(f"`{name}={value}`" for name, value in one.environ.items())


def _wrapped(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    if sys.argv[1:]:
        print_outputs(Path(sys.argv[1]))
    else:
        PAGE.write_text(page(), encoding="utf-8")
