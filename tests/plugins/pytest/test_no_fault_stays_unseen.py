"""What goes wrong inside Penstock during a test is told, or an error, whenever it went wrong."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

pytest_plugins = ["pytester"]

RunPytest = Callable[..., pytest.RunResult]

TESTS = """
import pytest

from penstock.plugin import report

def test_fine():
    pass

def test_with_faults():
    report("sink.failed", "Sink failed.", subject="oncall")
    report("sink.failed", "Sink failed.", subject="oncall")
    report("stage.failed", "A stage failed.", subject="calm")

@pytest.fixture
def late():
    yield
    report("redact.failed", "A redactor failed.", subject="secrets")

def test_with_a_fault_after_it(late):
    pass

@pytest.mark.allow_penstock_faults("sink.failed")
def test_that_wants_one():
    report("sink.failed", "Sink failed.", subject="trades")

@pytest.mark.allow_penstock_faults
def test_that_wants_any():
    report("format.failed", "A format failed.")

@pytest.mark.allow_penstock_faults("sink.failed")
def test_that_wants_another():
    report("format.failed", "A format failed.", subject="json")
"""


@pytest.fixture
def tests(pytester: pytest.Pytester) -> pytest.Pytester:
    """Tests with faults."""
    pytester.makepyfile(test_shop=TESTS)
    return pytester


def section(result: pytest.RunResult) -> list[str]:
    titles = [place for place, line in enumerate(result.outlines) if line.startswith("=")]
    for begin, end in pairwise(titles):
        if "faults of Penstock's own" in result.outlines[begin]:
            return [line for line in result.outlines[begin + 1 : end] if line]
    return []


def test_by_default_the_summary_tells_them_test_by_test(tests: pytest.Pytester, run_pytest: RunPytest) -> None:
    result = run_pytest("--strict-markers")

    result.assert_outcomes(passed=6)
    assert section(result) == [
        "test_shop.py::test_with_faults: sink.failed oncall (2 times)",
        "test_shop.py::test_with_faults: stage.failed calm",
        "test_shop.py::test_with_a_fault_after_it: redact.failed secrets",
        "test_shop.py::test_that_wants_another: format.failed json",
    ]


def test_as_errors_they_fail_the_tests_that_do_not_want_them(tests: pytest.Pytester, run_pytest: RunPytest) -> None:
    result = run_pytest("--strict-markers", "-o", "penstock_faults=error")

    result.assert_outcomes(passed=6, errors=3)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_with_faults*", "*sink.failed oncall (2 times)*"])
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_with_a_fault_after_it*"])
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_that_wants_another*"])


def test_they_can_be_ignored(tests: pytest.Pytester, run_pytest: RunPytest) -> None:
    result = run_pytest("--strict-markers", "-o", "penstock_faults=ignore")

    result.assert_outcomes(passed=6)
    assert section(result) == []


def test_another_word_is_wrong_usage(tests: pytest.Pytester, run_pytest: RunPytest) -> None:
    result = run_pytest("--strict-markers", "-o", "penstock_faults=loud")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*penstock_faults: expected one of report, error, ignore, got 'loud'*"])


def test_a_fault_between_two_tests_is_the_second_ones(pytester: pytest.Pytester, run_pytest: RunPytest) -> None:
    pytester.makeconftest(
        """
        from penstock.plugin import report

        def pytest_runtest_logfinish(nodeid):
            if nodeid.endswith("first"):
                report("worker.died", "A worker died.", subject="between")
        """
    )
    pytester.makepyfile(test_it="def test_first(): pass\ndef test_second(): pass\n")

    assert section(run_pytest()) == ["test_it.py::test_second: worker.died between"]


def test_a_fault_after_the_last_test_is_told_too(pytester: pytest.Pytester, run_pytest: RunPytest) -> None:
    pytester.makeconftest(
        """
        from penstock.plugin import report

        def pytest_sessionfinish():
            report("worker.died", "A worker died.", subject="late")
        """
    )
    pytester.makepyfile(test_it="def test_first(): pass\n")

    assert section(run_pytest()) == ["after the last test: worker.died late"]


def test_faults_that_somebody_made_it_forget_are_counted_from_zero(
    pytester: pytest.Pytester, run_pytest: RunPytest
) -> None:
    pytester.makepyfile(
        test_it="""
        from penstock import faults
        from penstock.plugin import report

        def test_first():
            for _ in range(3):
                report("worker.died", "A worker died.", subject="x")

        def test_second():
            faults.forget()
            report("worker.died", "A worker died.", subject="x")
        """
    )

    assert section(run_pytest()) == [
        "test_it.py::test_first: worker.died x (3 times)",
        "test_it.py::test_second: worker.died x",
    ]


def test_tests_without_penstock_are_left_alone(pytester: pytest.Pytester, run_pytest: RunPytest) -> None:
    pytester.makepyfile(
        test_it="""
        import sys

        def test_it():
            assert not {name for name in sys.modules if name == "penstock" or name.startswith("penstock.")}
        """
    )

    run_pytest("-o", "penstock_faults=error").assert_outcomes(passed=1)
