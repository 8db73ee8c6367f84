"""What a benchmark wrote is read again line by line; whatever is measured is documented, and nothing is left out."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import sys
import tomllib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from bench import contenders, instructions, measures
from bench.check import Wrong, check_file, number_in_text
from bench.contenders.penstock import Penstock
from bench.counted import PATHS
from bench.event import Case, emitter
from bench.goals import GOALS, Goal, Reached
from bench.report import BEGIN, END
from bench.rounds import Results, measure_all
from bench.runs import Run
from bench.table import as_markdown, as_text, ratio
from repository import ROOT

BENCH = ROOT / "tests" / "bench"
CONTENDERS = sorted(path for path in BENCH.glob("contenders/*.py") if path.stem != "__init__")
PAGE = ROOT / "docs" / "benchmarks.md"


def all_runs() -> list[Run]:
    return [run for name in measures.NAMES for run in measures.load(name).runs()]


# -- reading what was written ------------------------------------------------------------------------------------------


def written(path: Path, case: Case, count: int = 5) -> Path:
    contender = Penstock(path, case)
    with contender.bound() if case.context else nullcontext():
        emitter(contender, case)(range(count))
    contender.close()
    return path


@pytest.mark.parametrize(
    "case",
    [Case(), Case(redact=True), Case(context=True), Case(caller=False), Case(frames=5), Case(shape=(1_000, 7, 3))],
)
def test_a_file_with_every_event_once_is_right(tmp_path: Path, case: Case) -> None:
    check_file(written(tmp_path / "out.jsonl", case), Penstock, case, 5, in_order=True)


def swap(lines: list[str]) -> list[str]:
    return [lines[1], lines[0], *lines[2:]]


def change(old: str, new: str) -> Callable[[list[str]], list[str]]:
    def changed(lines: list[str]) -> list[str]:
        assert old in lines[2]
        return [*lines[:2], lines[2].replace(old, new), *lines[3:]]

    return changed


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda lines: lines[1:], id="a line is missing"),
        pytest.param(lambda lines: [*lines, lines[0]], id="a line is there twice"),
        pytest.param(lambda lines: [*lines[:2], lines[1], *lines[3:]], id="a line took the place of another"),
        pytest.param(lambda lines: [*lines, "{"], id="something is behind the last line"),
        pytest.param(swap, id="two lines are in the wrong order"),
        pytest.param(change("buy", "sell"), id="a value is wrong"),
        pytest.param(change("order filled", "order"), id="the message is wrong"),
        pytest.param(change("64000.5", "NaN"), id="a value is no JSON"),
        pytest.param(change("}", ""), id="a line is no JSON"),
        pytest.param(change('"function":"Penstock.emit"', '"function":"run"'), id="the caller is wrong"),
        pytest.param(change('"line":', '"line":1'), id="the line of the call is wrong"),
    ],
)
def test_a_file_with_anything_wrong_is_refused(tmp_path: Path, damage: Callable[[list[str]], list[str]]) -> None:
    path = written(tmp_path / "out.jsonl", Case())
    path.write_text("".join(damage(path.read_text().splitlines(keepends=True))))

    with pytest.raises(Wrong):
        check_file(path, Penstock, Case(), 5, in_order=True)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        pytest.param(Case(), Case(context=True), id="its context"),
        pytest.param(Case(frames=4), Case(frames=5), id="a frame of its traceback"),
        pytest.param(Case(shape=(1_000, 7, 3)), Case(shape=(1_001, 7, 3)), id="a byte of its message"),
        pytest.param(Case(shape=(1_000, 7, 3)), Case(shape=(1_000, 8, 3)), id="a field"),
        pytest.param(Case(shape=(1_000, 7, 2)), Case(shape=(1_000, 7, 3)), id="what is nested deepest"),
    ],
)
def test_an_event_without_a_part_of_it_is_refused(tmp_path: Path, said: Case, wanted: Case) -> None:
    path = written(tmp_path / "out.jsonl", said)

    with pytest.raises(Wrong):
        check_file(path, Penstock, wanted, 5, in_order=True)


def test_a_line_of_text_has_all_the_values() -> None:
    right = b"12:00 INFO order filled symbol=BTCUSDT side=buy qty=7 price=64000.5 live=True"

    assert number_in_text(right) == 7
    for old, new in ((b"buy", b"sell"), (b" filled", b""), (b"live=True", b"")):
        with pytest.raises(Wrong):
            number_in_text(right.replace(old, new))


def test_a_child_process_measures_and_answers() -> None:
    run = Run(measure="disabled", row="nothing", contender="nothing", case=Case(wanted=False), seconds=0.0)

    results = measure_all([run], 2, 1, lambda text: None)

    assert (results.absent, results.failed) == ({}, {})
    assert len(results.found["nothing"]["ns"]) == 2


def test_a_library_that_is_not_installed_is_in_the_table_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "orjson.py").write_text("raise ModuleNotFoundError(\"No module named 'orjson'\", name='orjson')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    inline = measures.load("inline")
    (run,) = [run for run in inline.runs() if run.row == "hand-written"]

    results = measure_all([run], 1, 1, lambda text: None)

    (table,) = inline.tables(results.found)
    shown = dataclasses.replace(table, notes=results.notes())
    assert results.failed == {}
    assert re.search("hand-written +-.* not installed: orjson", as_text(shown))
    assert re.search(r"\| hand-written \| - .* not installed: orjson \|", as_markdown(shown))


def test_a_contender_that_was_wrong_once_has_no_figures() -> None:
    run = Run(measure="inline", row="liar", contender="nothing")
    results = Results(found={"liar": {}})

    results.note(run, {"figures": {"wall": 0.1}})
    results.note(run, {"failed": "3 lines for 5 events"})

    assert results.found == {"liar": {}}
    assert results.notes() == {"liar": "FAILED: 3 lines for 5 events"}


def test_a_ratio_is_taken_within_each_round() -> None:
    found = {"ours": {"wall": [1.0, 10.0, 4.0]}, "theirs": {"wall": [2.0, 20.0, 2.0]}}

    assert ratio(found, "ours", "theirs", "wall") == 0.5  # the second round was ten times slower for both


@pytest.mark.parametrize(
    ("sense", "measured", "reached"),
    [
        ("at most", 0.9, True),
        ("at most", 1.1, False),
        ("times as fast", 2.0, True),
        ("times as fast", 0.9, False),
        ("times as many", 1.1, True),
        ("at most ns", 1.5, False),
        ("at most", None, None),
    ],
)
def test_a_goal_is_reached_from_its_own_side(sense: str, measured: float | None, reached: bool | None) -> None:
    goal = Goal("inline", "wall", "penstock", "hand-written", sense, 1.0)  # type: ignore[arg-type]

    assert Reached(goal=goal, measured=measured).reached is reached


# -- nothing is left out -----------------------------------------------------------------------------------------------


def test_every_measure_is_on_the_page_and_every_contender_in_its_module() -> None:
    page = PAGE.read_text()
    named = {
        node.value.value: path.stem
        for path in CONTENDERS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and "name" in ast.unparse(node).split(" ", 1)[0]
        and isinstance(node.value, ast.Constant)
    }

    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(measures.NAMES)
    assert named == contenders.NAMES
    assert {run.contender for run in all_runs()} - {""} == set(contenders.NAMES)


def test_the_page_and_its_plot_have_figures() -> None:
    figures = PAGE.read_text().split(BEGIN)[1].split(END)[0]

    assert figures.count("| penstock |") > 5
    assert figures.count("### ") > len(measures.NAMES)
    assert "<svg" in (ROOT / "docs" / "benchmarks.svg").read_text()


def test_every_library_of_a_contender_is_in_the_group_bench() -> None:
    other_names = {"pythonjsonlogger": "python-json-logger", "opentelemetry": "opentelemetry-sdk"}
    own = {*sys.stdlib_module_names, "bench", "penstock", "attrs"}
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["bench"]
    listed = {re.split(r"[><=; ]", name)[0] for name in group}
    imported = {
        name.split(".")[0]
        for path in CONTENDERS
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert {other_names.get(name, name) for name in imported - own} == listed - {
        "opentelemetry-instrumentation-logging"
    }


def test_every_goal_is_about_rows_that_are_measured() -> None:
    rows = {(run.measure, run.row) for run in all_runs()}

    for goal in GOALS:
        assert (goal.measure, goal.ours) in rows, goal
        assert not goal.theirs or (goal.measure, goal.theirs) in rows, goal


def test_a_run_is_the_same_on_the_other_side_of_the_command_line() -> None:
    for run in all_runs():
        assert Run.from_json(run.to_json()) == run


def test_the_kept_instructions_are_of_every_path() -> None:
    kept = json.loads(instructions.KEPT.read_text())

    assert kept
    for python, counts in kept.items():
        assert re.fullmatch(r"3\.\d+", python)
        assert set(counts["instructions"]) == set(PATHS)
        assert all(count > 0 for count in counts["instructions"].values())
