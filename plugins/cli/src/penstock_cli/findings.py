"""Findings: the problems of a configuration as a person, a program, GitHub or a code scanner reads them; problems in,
text out; the main thread; the shapes are stable.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock_cli import output

if TYPE_CHECKING:
    from penstock import Problem
    from penstock.tooling import Explanation


def text(problems: Iterable[Problem], failing: Collection[Problem]) -> Iterable[str]:
    """Yield each problem in one line, and the line of the file with a mark beneath what is wrong."""
    for problem in problems:
        kind = "" if problem in failing else "warning: "
        yield kind + output.plain(f"{problem} [{problem.code}]")
        yield from (output.plain(line) for line in problem.excerpt.splitlines())


def as_json(problem: Problem) -> dict[str, object]:
    """Return *problem* with everything that is known of it; lines and columns count from one, in characters."""
    names = ("code", "path", "text", "hint", "file", "line", "column", "length", "variable", "degrades", "warns")
    return {name: getattr(problem, name) for name in names}


def github(problems: Iterable[Problem], failing: Collection[Problem]) -> Iterable[str]:
    """Yield each problem as a workflow command of GitHub Actions, which shows it beside the line.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    for problem in problems:
        end = problem.column + problem.length if problem.column and problem.length else None
        places = {"file": problem.file, "line": problem.line, "col": problem.column, "endColumn": end}
        given = {name: str(value) for name, value in places.items() if value is not None}
        words = ",".join(f"{name}={_property(value)}" for name, value in {**given, "title": problem.code}.items())
        yield f"::{'error' if problem in failing else 'warning'} {words}::{_data(_message(problem))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(problems: Sequence[Problem], failing: Collection[Problem], version: str) -> str:
    """Return *problems* as SARIF 2.1.0, which code scanners and editors take (OASIS, 2020)."""
    from penstock.tooling import EXPLANATIONS  # late: only this shape needs it

    codes = sorted({problem.code for problem in problems})
    rules = [_rule(EXPLANATIONS[code]) for code in codes]
    driver = {"name": "penstock", "version": version, "rules": rules}
    results = [_result(problem, problem in failing, codes.index(problem.code)) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps(
        {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}, indent=2
    )


def _rule(one: Explanation) -> dict[str, Any]:
    return {
        "id": one.code,
        "shortDescription": {"text": one.title},
        "fullDescription": {"text": one.text},
        "help": {"text": f"penstock explain {one.code}"},
    }


def _result(problem: Problem, fails: bool, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": "error" if fails else "warning",
        "message": {"text": _message(problem)},
    }
    if problem.file is None:
        return result
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(problem.file)}}
    if problem.line is not None:
        physical["region"] = _region(problem)
    result["locations"] = [{"physicalLocation": physical, "logicalLocations": [{"fullyQualifiedName": problem.path}]}]
    return result


def _region(problem: Problem) -> Mapping[str, int]:
    region = {"startLine": problem.line or 1}
    if problem.column is not None:
        region["startColumn"] = problem.column
        region["endColumn"] = problem.column + (problem.length or 1)
    return region


def _uri(file: str) -> str:
    """Return *file* as an address: relative, as scanners want it, where it is below the working directory."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else "/".join(map(_quoted, path.parts))


def _quoted(part: str) -> str:
    from urllib.parse import quote  # late: only this shape needs it

    return quote(part)


def _message(problem: Problem) -> str:
    variable = f"env {problem.variable}" if problem.variable is not None else ""
    told = ": ".join(part for part in (variable, problem.path, problem.text) if part)
    return output.plain(f"{told}; {problem.hint}" if problem.hint else told)
