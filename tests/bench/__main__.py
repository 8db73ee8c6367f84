"""Measures, prints tables, keeps the figures: ``nox -s bench -- --help``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import instructions, machine, measures, report
from bench.goals import judge
from bench.rounds import Results, measure_all
from bench.runs import Run
from bench.table import Found, Table, as_text

ROOT = Path(__file__).parents[2]
_QUICK_SECONDS = 0.003


def options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description="What Penstock costs beside its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that everything runs, no more")
    parser.add_argument("--long", action="store_true", help="ten million events where memory is looked at")
    parser.add_argument("--measure", action="append", choices=measures.NAMES, help="only this one; may be repeated")
    parser.add_argument("--contender", action="append", help="only rows whose name has this in it; may be repeated")
    parser.add_argument("--rounds", type=int, help="instead of each measure's own number")
    parser.add_argument("--json", type=Path, help="where all figures go; a full run leaves them in .cache/bench.json")
    parser.add_argument("--docs", action="store_true", help="put tables and plot of a full run into the documentation")
    parser.add_argument("--instructions", action="store_true", help="count instructions instead of time")
    parser.add_argument("--update", action="store_true", help="keep the counts as those to compare with")
    asked = parser.parse_args()
    asked.full = not (asked.quick or asked.measure or asked.contender)
    if asked.docs and not asked.full:
        parser.error("--docs wants all figures")
    return asked


class Plan:
    """Which runs are made of what the command line asks for."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._seen: set[tuple[str, str]] = set()

    def runs(self, found: Sequence[Run]) -> list[Run]:
        """Return those of *found* that are asked for, as long as they shall be."""
        wanted = self._asked.contender
        runs = [run for run in found if not wanted or any(part in run.row for part in wanted)]
        if self._asked.quick:
            short = [run for run in runs if wanted or self._is_new(run)]
            return [dataclasses.replace(run, seconds=_QUICK_SECONDS, length="quick") for run in short]
        return [dataclasses.replace(run, length="long") for run in runs] if self._asked.long else runs

    def _is_new(self, run: Run) -> bool:
        """Return whether a quick look has to run this, too: another contender, or another kind of run of Penstock's.

        The first word of a column says the kind.
        """
        what = {("", run.contender)}
        if run.row.startswith("penstock") or run.row != run.contender:
            what.add((run.measure, run.column.split(" ")[0]))
        new = not what <= self._seen
        self._seen |= what
        return new


def main() -> int:
    """Measure and print; return whether a contender's output was wrong."""
    asked = options()
    if asked.instructions:
        return instructions.report(update=asked.update, quick=asked.quick)
    described, plan = machine.describe(), Plan(asked)
    print(report.machine_text(described), flush=True)
    found: dict[str, Found] = {}
    tables: list[Table] = []
    failed = 0
    for name in asked.measure or measures.NAMES:
        results, shown = measured(name, plan, asked)
        found[name] = results.found
        tables += shown
        failed += len(results.failed)
    keep(asked, described, found, tables)
    return 1 if failed else 0


def keep(
    asked: argparse.Namespace, described: Mapping[str, str], found: Mapping[str, Found], tables: Sequence[Table]
) -> None:
    """Print what was reached, and leave the figures where they are asked for."""
    goals = judge(found)
    shown = [goal for goal in goals if asked.full or goal.measured is not None]
    if shown and not asked.quick:
        print("\n" + report.goals_text(shown))
    if path := asked.json or (ROOT / ".cache" / "bench.json" if asked.full else None):
        report.keep(path, described, found, goals)
    if asked.docs:
        report.into_page(ROOT / "docs" / "benchmarks.md", described, tables, goals)
        (ROOT / "docs" / "benchmarks.svg").write_text(report.picture(found))


def measured(name: str, plan: Plan, asked: argparse.Namespace) -> tuple[Results, list[Table]]:
    """Do all rounds of one measure, and print its tables."""
    measure = measures.load(name)
    runs = plan.runs(measure.runs())
    rounds = asked.rounds or (1 if asked.quick else measure.ROUNDS)
    start = time.perf_counter()
    results = measure_all(runs, rounds, 2 if asked.quick else 1, lambda text: tell(f"{name}: {text}"))
    tell(f"{name}: {len(runs)} runs, {rounds} rounds, {time.perf_counter() - start:.0f} s\n")
    tables = [dataclasses.replace(table, notes=results.notes(table.runs)) for table in measure.tables(results.found)]
    for table in tables:
        print("\n" + as_text(table), flush=True)
    for cell, text in results.failed.items():
        tell(f"{' '.join(cell)}: {text}\n")
    return results, tables


def tell(text: str) -> None:
    """Say how far it is."""
    print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
