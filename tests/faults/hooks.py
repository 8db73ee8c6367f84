"""Hooks: has pytest expect situations, and tell at the end what was never reached, what could not be injected, and what
the faults did; a run's results in, its verdict and lines out; pytest's process.
"""

from __future__ import annotations

from collections.abc import Iterator

import capabilities
import pytest
import sometimes
import table
from form import FULL


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "sometimes(*names, full=False): situations that a run has to reach")


def named(item: pytest.Item) -> frozenset[str]:
    """Return the situations that a test names."""
    return frozenset(name for mark in item.iter_markers("sometimes") for name in mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Expect what a test names once it has passed: of one that failed or was skipped nothing can be expected."""
    yield
    for mark in item.iter_markers("sometimes"):
        if FULL or not mark.kwargs.get("full"):
            sometimes.expect(frozenset(mark.args))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a situation was never reached."""
    if sometimes.never() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was never reached; in the full form, everything."""
    tell = terminalreporter.write_line
    if sometimes.never():
        terminalreporter.section("faults: situations that were never reached", red=True)
        for name in sometimes.never():
            tell(name)
    if FULL:
        terminalreporter.section("faults: situations reached")
        for name, count in sorted(sometimes.reached.items()):
            tell(f"{count:>8,}  {name}")
        terminalreporter.section("faults: tests skipped, because this cannot be injected here")
        for reason, count in sorted(capabilities.skipped.items()):
            tell(f"{count:>8,}  {reason}")
        terminalreporter.section("faults: what they did")
        for line in table.lines():
            tell(line)
