"""River: the demo's configuration, as far as what is installed allows; the embedded TOML in, a table out; the main
thread; a plugin that is missing is named, and its part left out.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

from penstock import Problem, tooling

_MISSING: Final = frozenset({"unknown-type", "plugin-load-failed", "ambiguous-type"})

Table = dict[str, Any]


class Fitted(NamedTuple):
    """The configuration that the demo runs."""

    document: tooling.Document
    missing: list[str]
    """What is not installed, with what to type; empty if everything is there."""

    @property
    def table(self) -> Table:
        """Its tables."""
        return self.document.table


def text() -> str:
    """Return the embedded TOML."""
    return resources.files("penstock_cli.demo").joinpath("demo.toml").read_text(encoding="utf-8")


def fitted(folder: Path | None) -> Fitted:
    """Return the embedded configuration with its file in *folder*, without what nothing installed can do.

    Args:
        folder: A temporary folder, or None if there is none: then no file is written.
    """
    table = tomllib.loads(text())
    if folder is None:
        _leave_out(table, "sink", "trades")
    else:
        table["sink"]["trades"]["path"] = str(folder / "trades.jsonl")
    # A finished document: the environment and profiles of the folder have no part in it.
    document = tooling.Document(table, None, folder or Path())
    missing: list[str] = []
    while problems := [one for one in tooling.check(document) if one.code in _MISSING]:
        for problem in problems:
            missing.append(f"{problem.text}; {problem.hint}")
            _make_do_without(table, problem)
    return Fitted(document, list(dict.fromkeys(missing)))


def _make_do_without(table: Table, problem: Problem) -> None:
    kind, name = str(problem.keys[0]), str(problem.keys[1])
    if kind == "pipeline":  # the default format of its sink
        table["pipeline"][name]["format"] = "plain"
    elif (kind, name) == ("sink", "console"):
        table["sink"]["console"] = {"type": "last-resort"}  # the core's own
    else:
        _leave_out(table, kind, name)


def _leave_out(table: Table, kind: str, name: str) -> None:
    del table[kind][name]
    pipelines = table["pipeline"]
    for key, pipeline in list(pipelines.items()):
        if pipeline.get(kind) == name:
            if kind == "sink":
                del pipelines[key]
            else:
                pipeline[kind] = "plain"
