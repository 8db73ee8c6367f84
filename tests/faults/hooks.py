"""Hooks: has pytest expect situations, and tell at the end what was never reached, what could not be injected, what the
faults did and which promises were kept; a run's results in, its verdict and lines out; pytest's process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import capabilities
import page
import pytest
import sometimes
import table
from form import FULL, either

_HERE: Final = Path(__file__).parent
_TIMEOUT: Final = either(600, 1_800)
"""Seconds for one test."""
_load: Final = os.getloadavg()


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "sometimes(*names, full=False): situations that a run has to reach")


def named(item: pytest.Item) -> frozenset[str]:
    """Return the situations that a test names."""
    return frozenset(name for mark in item.iter_markers("sometimes") for name in mark.args)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give real programs the time that they need on a busy machine."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.timeout(_TIMEOUT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Expect what a test names once it has passed: of one that failed or was skipped nothing can be expected."""
    table.begin(item.path.stem)
    yield
    for mark in item.iter_markers("sometimes"):
        if FULL or not mark.kwargs.get("full"):
            sometimes.expect(frozenset(mark.args))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a situation was never reached."""
    if sometimes.never() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what was never reached and what could not be injected; in the full form, everything."""
    tell = terminalreporter.write_line
    if sometimes.never():
        terminalreporter.section("faults: situations that were never reached", red=True)
        for name in sometimes.never():
            tell(name)
    if capabilities.skipped:
        terminalreporter.section("faults: tests skipped, because this cannot be injected here")
        for reason, count in sorted(capabilities.skipped.items()):
            tell(f"{count:>8,}  {reason}")
    if not FULL:
        return
    terminalreporter.section("faults: situations reached")
    for name, count in sorted(sometimes.reached.items()):
        tell(f"{count:>8,}  {name}")
    terminalreporter.section("faults: what they did")
    for line in (*table.promises(), "", *table.figures()):
        tell(line)
    if (path := config.getoption("faults_page", None)) is not None:
        page.write(path, _load)
        tell(f"the figures are in {path}")
