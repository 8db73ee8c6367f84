"""The `[[test]]` cases of a penstock.toml are tests of pytest, in a pytest of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

RunPytest = Callable[..., pytest.RunResult]

TOML = """\
[redact.secrets]
type = "keys"
keys = ["token"]

[sink.out]
type = "stderr"

[pipeline.all]
format = "json"
sink = "out"

[[test]]
name = "a token never gets out"
emit = { name = "shop.sold", fields = { token = "s3cr3t" } }
expect = { out = { contains = "[redacted]", lacks = "s3cr3t" } }

[[test]]
name = "two were sold"
emit = { name = "shop.sold", fields = { qty = 2 } }
expect = { out = { json = { qty = 3 } } }
"""
PASSING = TOML.partition('[[test]]\nname = "two')[0]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a test in `tests`, and no setting but `testpaths`."""
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\ntestpaths = ["tests"]\n')
    (pytester.path / "tests").mkdir()
    (pytester.path / "tests" / "test_own.py").write_text("def test_own(): pass\n")
    return pytester


def write(project: pytest.Pytester, text: str, name: str = "penstock.toml") -> Path:
    path = project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_it_is_found_by_pytest_and_a_file_at_the_root_though_testpaths_does_not_name_it(
    project: pytest.Pytester,
) -> None:
    write(project, PASSING)
    result = project.runpytest_subprocess("-v")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*penstock.toml::a token never gets out PASSED*"])


def test_without_testpaths_each_test_runs_once(project: pytest.Pytester, run_pytest: RunPytest) -> None:
    write(project, PASSING)
    (project.path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")

    run_pytest().assert_outcomes(passed=2)


def test_who_names_what_to_run_gets_that_alone(project: pytest.Pytester, run_pytest: RunPytest) -> None:
    write(project, PASSING)

    run_pytest("tests").assert_outcomes(passed=1)
    run_pytest("penstock.toml::a token never gets out").assert_outcomes(passed=1)


def test_a_test_that_fails_shows_the_difference_and_the_line_and_no_traceback(
    project: pytest.Pytester, run_pytest: RunPytest
) -> None:
    path = write(project, TOML)
    result = run_pytest()

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*[[][[]test[]][]] two were sold*",
            f"{path}:20:20: expected a record with these members at out",
            '*-   "qty": 3*',
            '*+   "qty": 2*',
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*runtest*")


def test_a_file_that_cannot_be_used_is_an_error_of_the_collection_with_every_problem(
    project: pytest.Pytester, run_pytest: RunPytest
) -> None:
    write(project, TOML.replace("contains", "contians").replace('format = "json"', 'format = "jsn"'))
    result = run_pytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*there is no format 'jsn'; did you mean 'json'?*"])
    result.stdout.fnmatch_lines(["*unknown option 'contians'; did you mean 'contains'?*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_ini_file_can_name_other_files(project: pytest.Pytester, run_pytest: RunPytest) -> None:
    write(project, TOML)  # not this one
    write(project, PASSING, "deploy/shop.toml")
    tool = "".join(
        f"[tool.penstock.{line[1:]}" if line.startswith("[") and not line.startswith("[[") else line
        for line in PASSING.splitlines(keepends=True)
    ).replace("[[test]]", "[[tool.penstock.test]]")
    settings = 'testpaths = ["tests"]\npenstock_toml = ["deploy/shop.toml", "pyproject.toml"]\n'
    (project.path / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n{settings}{tool}")
    result = run_pytest("-v")

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*shop.toml::a token never gets out*", "*pyproject.toml::a token never gets out*"])


def test_a_file_that_is_named_and_not_there_is_wrong_usage(project: pytest.Pytester, run_pytest: RunPytest) -> None:
    (project.path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npenstock_toml = ["shop.toml"]\n')
    result = run_pytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*penstock_toml: there is no file *shop.toml*"])


def test_two_tests_of_one_name_can_be_told_apart(project: pytest.Pytester, run_pytest: RunPytest) -> None:
    case = PASSING[PASSING.index("[[test]]") :]
    write(project, PASSING + case.replace("a token", "a::b") + case)
    result = run_pytest("-v")

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        ["*a token never gets out [[]1[]]*", "*::a:b never*", "*a token never gets out [[]3[]]*"]
    )


def test_a_project_without_such_a_file_is_left_alone(project: pytest.Pytester, run_pytest: RunPytest) -> None:
    result = run_pytest()

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*penstock.toml*")


def test_a_junit_report_has_them(project: pytest.Pytester, run_pytest: RunPytest) -> None:
    write(project, TOML)
    run_pytest("--junitxml=report.xml")
    text = (project.path / "report.xml").read_text()

    assert 'name="a token never gets out"' in text
    assert "expected a record with these members at out" in text
