"""`penstock test` runs the tests in a configuration, and says what is wrong and where."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
Shell = Callable[..., "subprocess.CompletedProcess[str]"]

DESIGN = Path(__file__).parents[4] / "shared" / "design.md"
FILE = """\
[redact.secrets]
type = "keys"
keys = ["token"]
[sink.console]
type = "stderr"

[sink.oncall]
type = "telegram"
token = { env = "NO_SUCH_TOKEN" }
chat_id = "-100123"

[sink.oncall.delivery]
fallback = "console"

[pipeline.all]
format = "json"
sink = "console"

[pipeline.alerts]
level = "error"
emit = ["throttle"]
sink = "oncall"

[[test]]
name = "a token never gets out"
emit = { name = "trade.filled", fields = { token = "s3cr3t", qty = 2 } }
expect = { console = { contains = '"qty":2', lacks = "s3cr3t" }, oncall = "nothing" }

[[test]]
name = "when oncall is down, the console gets it"
emit = { name = "shop.payment", level = "error", message = "refused" }
fail = { oncall = "unavailable" }
expect = { console = { count = 2, contains = "refused" }, oncall = "nothing" }
"""
WRONG = """
[[test]]
name = "three were sold"
emit = { name = "trade.filled", fields = { qty = 2 } }
expect = { console = { json = { qty = 3, severity = "info" } } }
"""


@pytest.fixture(autouse=True)
def file(somewhere_else: None, tmp_path: Path) -> Path:
    path = tmp_path / "penstock.toml"
    path.write_text(FILE)
    return path


def test_tests_that_pass_are_listed_with_their_lines(run: Run) -> None:
    result = run("test")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ok  a token never gets out  penstock.toml:24:1",
        "ok  when oncall is down, the console gets it  penstock.toml:29:1",
        "2 passed",
    ]
    assert result.stderr == ""


def test_a_test_that_fails_shows_the_difference_and_the_line(run: Run, file: Path) -> None:
    file.write_text(FILE + WRONG)
    result = run("test", "--only", "three")

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "FAILED  three were sold  penstock.toml:35:1",
        "    penstock.toml:38:24: expected a record with these members at console",
        "          {",
        '        -   "qty": 3,',
        "        ?          ^",
        '        +   "qty": 2,',
        "        ?          ^",
        '            "severity": "info"',
        "          }",
    ]
    assert result.stderr == "1 of 1 failed\n"


def test_json_has_everything(run: Run, file: Path) -> None:
    file.write_text(FILE + WRONG)
    found = json.loads(run("test", "penstock.toml", "--format", "json").stdout)

    assert (found["v"], found["ok"], len(found["tests"])) == (1, False, 3)
    assert [test["passed"] for test in found["tests"]] == [True, True, False]
    (finding,) = found["tests"][2]["findings"]
    assert (finding["expected"], finding["line"]) == ("a record with these members at console", 38)
    assert json.loads(found["tests"][0]["received"]["console"][0])["token"] == "[redacted]"
    assert any("oncall" in fault for fault in found["tests"][1]["faults"])


def test_without_a_test_nothing_was_tested_and_that_is_no_success(run: Run, file: Path) -> None:
    assert run("test", "--only", "nobody").exit_code == 1
    assert "there is no [[test]] with 'nobody' in its name in penstock.toml" in run("test", "--only", "nobody").stderr
    file.write_text(FILE.partition("[[test]]")[0])
    assert run("test").exit_code == 1
    assert "there is no [[test]] in penstock.toml: nothing was tested" in run("test").stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("contains = '", "contians = '", ":27:24: test[0].expect.console.contians: unknown option 'contians'; did you"),
        ('oncall = "nothing" }\n\n', 'oncal = "nothing" }\n\n', "there is no sink 'oncal'; did you mean 'oncall'?"),
        ('"unavailable"', '"unavailble"', "did you mean 'unavailable'?"),
        ('name = "shop.payment", ', "", "'name' is missing"),
    ],
)
def test_a_mistake_in_a_test_is_told_where_it_stands(run: Run, file: Path, old: str, new: str, said: str) -> None:
    assert old in FILE
    file.write_text(FILE.replace(old, new))
    for command in ("test", "check"):
        result = run(command, *(["--no-secrets"] if command == "check" else []))
        assert result.exit_code == 1
        assert said in result.output, result.output
    assert "nothing was tested" in run("test").stderr


def test_a_configuration_that_cannot_run_is_told(run: Run, file: Path) -> None:
    file.write_text(FILE.replace('sink = "console"', 'sink = "consol"'))
    result = run("test")

    assert result.exit_code == 1
    assert "there is no sink 'consol'; did you mean 'console'?" in result.stderr


def test_what_the_configuration_could_do_without_is_told_beside(run: Run, file: Path) -> None:
    file.write_text(FILE.replace('type = "telegram"', 'type = "telegram"\nchatid = 1'))
    result = run("test")

    assert result.exit_code == 0
    assert "unknown option 'chatid'" in result.stderr


def test_a_profile_is_laid_over_what_is_tested(run: Run, file: Path) -> None:
    file.write_text(FILE + '\n[profile.loud.pipeline.alerts]\nlevel = "info"\n')
    result = run("test", "--profile", "loud")

    assert result.exit_code == 1
    assert "expected nothing at oncall, got 1 record" in result.stdout


def test_a_closed_output_is_no_error(shell: Shell, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = shell("test", stdout=writer)
    finally:
        os.close(writer)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not DESIGN.exists(), reason="the design is beside the repository")
def test_the_test_in_the_design_passes(run: Run, file: Path) -> None:
    toml = DESIGN.read_text().partition("```toml\n")[2].partition("```")[0]
    file.write_text(toml)

    assert run("test").exit_code == 0
    assert "ok  test 1" in run("test").stdout
