"""Faults: what went wrong inside Penstock during the tests; counts in, a summary or errors out; pytest's thread, with
pytest-xdist each worker's; it looks after each test, so a fault between two of them is the second one's.

A program never hears of a sink that failed or a value that could not be shown; that is Penstock's promise, and in tests
it would hide mistakes. By default the summary tells of them.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from typing import Final

import pytest

_MODES: Final = ("report", "error", "ignore")
_PROPERTY: Final = "penstock_faults"
_MARK: Final = "allow_penstock_faults"
_Counts = Mapping[tuple[str, str], int]


def watch(config: pytest.Config) -> Watch:
    """Return what watches in the way that the ini file wants.

    Raises:
        UsageError: If there is no such way.
    """
    mode = config.getini("penstock_faults")
    if mode not in _MODES:
        raise pytest.UsageError(f"penstock_faults: expected one of {', '.join(_MODES)}, got {mode!r}")
    return Watch(mode)


class Watch:
    """Compares the counts of faults after each test with those before."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._seen: _Counts = {}
        self._told: list[tuple[str, str]] = []

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Note what went wrong since the last test, once everything of this one is torn down."""
        result = yield
        kinds = {kind for mark in item.iter_markers(_MARK) for kind in mark.args or ("",)}
        new = {} if self._mode == "ignore" else self._new()
        wrong = {key: count for key, count in new.items() if not kinds & {"", key[0]}}
        # In the properties of the report: pytest-xdist carries them to where the summary is written.
        item.user_properties += [(_PROPERTY, _words(key, count)) for key, count in wrong.items()]
        if wrong and self._mode == "error":
            lines = "\n".join(f"    {_words(key, count)}" for key, count in wrong.items())
            pytest.fail(f"faults of Penstock's own, during this test or just before it:\n{lines}", pytrace=False)
        return result

    def _new(self) -> _Counts:
        """Return what was counted since it last looked."""
        if "penstock.faults" not in sys.modules:
            return {}  # the tests have nothing to do with it
        from penstock import testing  # late: brings what tests need

        now, before = testing.faults(), self._seen
        self._seen = dict(now)
        # Less than before: somebody made it forget, and it counts from zero.
        since = {key: count - (before.get(key, 0) if count >= before.get(key, 0) else 0) for key, count in now.items()}
        return {key: count for key, count in since.items() if count}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test's last report says."""
        if report.when == "teardown":
            self._told += [(report.nodeid, str(text)) for name, text in report.user_properties if name == _PROPERTY]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write what went wrong, test by test, and what nobody was there to see."""
        late = [] if self._mode == "ignore" else [_words(key, count) for key, count in self._new().items()]
        told = [*self._told, *(("after the last test", text) for text in late)]
        if told:
            terminalreporter.section("faults of Penstock's own")
            for where, text in told:
                terminalreporter.line(f"{where}: {text}")


def _words(key: tuple[str, str], count: int) -> str:
    kind, subject = key
    return f"{kind}{f' {subject}' if subject else ''}{f' ({count} times)' if count > 1 else ''}"
