"""penstock-pytest: the tests of a penstock.toml as pytest items, the events of a test, the faults between tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from penstock.testing import Captured


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the ini file."""
    text = "Files whose [[test]] cases are collected, relative to the ini file; default: penstock.toml at the root."
    parser.addini("penstock_toml", text, type="paths", default=[])
    text = "What a fault of Penstock's own during a test is: report (in the summary), error (of the test), ignore."
    parser.addini("penstock_faults", text, default="report")


def pytest_configure(config: pytest.Config) -> None:
    """Collect the files, and watch for faults."""
    from penstock_pytest import collect, faults  # late: `pytest --version` needs neither

    text = "allow_penstock_faults(*kinds): faults of these kinds, or of all, are no error of this test."
    config.addinivalue_line("markers", text)
    collect.ask_for_files(config)
    config.pluginmanager.register(faults.watch(config), "penstock-faults")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Return the collector of a file that holds tests of a configuration."""
    from penstock_pytest import collect

    return collect.file(file_path, parent)


@pytest.fixture
def penstock_events() -> Iterator[Captured]:
    """Every event that is emitted during the test, of any level and from any thread; nothing else changes.

    Called:
        When: by a test that names it.
        Thread: the test's; events of all threads are in it.
        May block: no; `wait_for` does, until what it is to wait for came.
        If it raises: it does not; `wait_for` raises AssertionError.

    It has ``has(what, **fields)``, ``count(what, **fields)``, ``matching(what, **fields)``,
    ``wait_for(what, timeout, times, **fields)``, and is a sequence of events.
    """
    from penstock.testing import capture  # late: only who asks for it pays

    with capture() as events:
        yield events
