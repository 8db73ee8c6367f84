"""Real logs of four systems: every line arrives once, failed logins in a file of their own, and no IP address."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

LOGHUB = Path(os.environ.get("PENSTOCK_LOGHUB") or Path(__file__).resolve().parents[3] / "shared" / "data" / "loghub")
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "pipe.md"
PATIENCE = 60.0
"""Seconds until a test gives up waiting for another process."""

TOML = """
[redact.addresses]
type = "patterns"
detect = ["default", "ipv4"]
[redact.addresses.patterns]  # host129.206.196.21.maximumasp.com: to the detector, numbers behind a letter are a version
in_a_name = '(?<=[A-Za-z])[0-9]{1,3}(?:[.][0-9]{1,3}){3}(?![0-9])'

[sink.all]
type = "file-rotate"
path = "all.jsonl"
[sink.failed]
type = "file-rotate"
path = "failed.jsonl"

[pipeline.all]
sink = "all"
format = "json"
[pipeline.failed]
match = ["login.failed"]
sink = "failed"
format = "json"
"""
SYSLOG = r"^(?P<time>\w{3} +\d+ [\d:]{8}) (?P<hostname>\S+) (?P<name>[^\s:[]+)(?:\[(?P<pid>\d+)\])?: (?P<message>.*)"
FAILED = "login.failed=Failed password|authentication failure"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


# -- what a line says, found out by cutting it at fixed places, not with those expressions -----------------------------


class Said(NamedTuple):
    """What a line says."""

    message: str
    name: str = "pipe"
    pid: int = 0
    level: str = "info"
    time: datetime | None = None


def syslog(line: str) -> Said:
    stamp, rest = line[:15], line[16:]
    program, _, message = rest.partition(" ")[2].partition(": ")
    name, _, number = program.partition("[")
    if " " in program:  # "syslogd 1.4.1: restart." is not of the form that the pattern asks for
        return Said(line)
    month, day, clock = stamp.split()
    return Said(message, name, int(number.rstrip("]") or 0), time=_in_a_year(MONTHS.index(month) + 1, int(day), clock))


def _in_a_year(month: int, day: int, clock: str) -> datetime:
    now = datetime.now(UTC)
    hour, minute, second = map(int, clock.split(":"))
    moment = datetime(now.year, month, day, hour, minute, second, tzinfo=UTC)
    return moment if (moment - now).days < 1 else moment.replace(year=now.year - 1)


def apache(line: str) -> Said:
    stamp, level, message = line.removeprefix("[").split("] ", 2)
    moment = datetime.strptime(stamp, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    return Said(message, level=level.removeprefix("["), time=moment)


def openstack(line: str) -> Said:
    _, day, clock, pid, level, name, message = line.split(" ", 6)
    moment = datetime.fromisoformat(f"{day}T{clock}+00:00")
    return Said(message, name, int(pid), level.lower(), moment)


class System(NamedTuple):
    """A log, how to read it, and what it says."""

    log: str
    options: Sequence[str]
    said: Callable[[str], Said]
    unparsed: int


SYSTEMS = [
    System("OpenSSH", ["--pattern", SYSLOG, "--event", FAILED], syslog, 0),
    System("Linux", ["--pattern", SYSLOG, "--event", FAILED], syslog, 8),
    System(
        "Apache",
        ["--pattern", r"^\[(?P<time>[^]]+)\] \[(?P<level>\w+)\] (?P<message>.*)", "--event", FAILED],
        apache,
        0,
    ),
    System(
        "OpenStack",
        [
            "--pattern",
            r"^(?P<log>\S+) (?P<time>\S+ \S+) (?P<pid>\d+) (?P<level>[A-Z]+) (?P<name>\S+) (?P<message>.*)",
            "--event",
            FAILED,
        ],
        openstack,
        0,
    ),
]

MARK = "[address]"
ADDRESS = re.compile(r"(?<![0-9])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9])")


def addresses(text: str) -> list[str]:
    """Return the IPv4 addresses in *text*, those with leading zeros too (``059.45.101.203`` is in a host's name)."""
    return [match[0] for match in ADDRESS.finditer(text) if all(int(octet) < 256 for octet in match[0].split("."))]


def without_addresses(text: str) -> str:
    for address in sorted(addresses(text), key=len, reverse=True):
        text = re.sub(rf"(?<![0-9]){re.escape(address)}(?![0-9])", MARK, text)
    return text


def messages(lines: Sequence[dict[str, Any]]) -> list[str]:
    """Return the messages, with one mark for every redactor."""
    return [re.sub(r"\[redacted:(?:ipv4|in_a_name)\]", MARK, line["message"]) for line in lines]


def failed(said: Said) -> bool:
    return "Failed password" in said.message or "authentication failure" in said.message


# -- running it --------------------------------------------------------------------------------------------------------


def loghub(log: str) -> Path:
    path = LOGHUB / f"{log}.log"
    if not path.exists():
        pytest.skip(f"the Loghub collection is not beside this repository: there is no {path.name} in {LOGHUB.name}/")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "penstock.toml").write_text(TOML)
    return tmp_path


def start(folder: Path, *arguments: str, **settings: Any) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "penstock_cli", "pipe", "--format", "json", *arguments]
    return subprocess.Popen(
        argv, stderr=subprocess.PIPE, cwd=folder, env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}, **settings
    )


def report_of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait until *process* has ended, and return its report."""
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, stderr.decode()
    report: dict[str, Any] = json.loads(stderr.splitlines()[-1])
    return report


def lines_of_log(log: Path) -> list[str]:
    """Return the lines of a log; the last has no newline, the others end as on Windows."""
    return log.read_bytes().decode().replace("\r\n", "\n").split("\n")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Run(NamedTuple):
    """What went in, and what came out."""

    system: System
    original: Sequence[str]
    said: Sequence[Said]
    written: Sequence[dict[str, Any]]
    apart: Sequence[dict[str, Any]]
    report: dict[str, Any]
    folder: Path


@pytest.fixture(scope="module", params=SYSTEMS, ids=lambda system: system.log)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Send a whole log through the command, once for all tests about it."""
    system: System = request.param
    log, folder = loghub(system.log), tmp_path_factory.mktemp(system.log)
    (folder / "penstock.toml").write_text(TOML)
    with log.open("rb") as stdin:
        report = report_of(start(folder, *system.options, stdin=stdin))
    original = lines_of_log(log)
    written, apart = lines_of(folder / "all.jsonl"), lines_of(folder / "failed.jsonl")
    return Run(system, original, [system.said(line) for line in original], written, apart, report, folder)


def test_every_line_arrives_once_and_in_order(run: Run) -> None:
    assert len(run.original) == 2_000
    assert messages(run.written) == [without_addresses(one.message) for one in run.said]
    assert (run.report["in"], run.report["dropped"], run.report["unparsed"]) == (2_000, 0, run.system.unparsed)
    assert run.report["sinks"]["all"]["delivered"] == 2_000


def test_failed_logins_and_nothing_else_are_in_a_file_of_their_own(run: Run) -> None:
    assert messages(run.apart) == [without_addresses(one.message) for one in run.said if failed(one)]
    assert run.report["sinks"]["failed"]["delivered"] == len(run.apart)


def test_no_address_is_left_in_any_file(run: Run) -> None:
    assert sum(map(len, map(addresses, run.original))) > 30, "this log would prove nothing"
    files = list(run.folder.glob("*.jsonl*"))
    assert files
    assert [found for path in files for found in addresses(path.read_text())] == []


def test_every_line_keeps_its_time_level_name_and_pid(run: Run) -> None:
    for one, line in zip(run.said, run.written, strict=True):
        assert (line["pid"], line["severity"]) == (one.pid, one.level)
        assert line["logger"] == ("login.failed" if failed(one) else one.name)
        assert one.time is None or datetime.fromisoformat(line["time"]) == one.time


def test_failed_logins_are_many_and_keep_who_said_it(folder: Path) -> None:
    with loghub("OpenSSH").open("rb") as stdin:
        report_of(start(folder, *SYSTEMS[0].options, stdin=stdin))

    apart = lines_of(folder / "failed.jsonl")
    assert len(apart) > 500
    assert {line["source"] for line in apart} == {"sshd"}
    assert {line["hostname"] for line in apart} == {"LabSZ"}


def test_a_command_says_the_same_as_a_file(folder: Path) -> None:
    log = loghub("OpenSSH")

    report = report_of(start(folder, *SYSTEMS[0].options, "--", "cat", str(log), stdin=subprocess.DEVNULL))

    said = [syslog(line) for line in lines_of_log(log)]
    written = lines_of(folder / "all.jsonl")
    assert messages(written) == [without_addresses(one.message) for one in said]
    assert (report["in"], report["exit"]) == (2_000, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_costs_no_line_that_was_written(folder: Path, number: int) -> None:
    data = loghub("OpenSSH").read_bytes()
    data = data[: data.index(b"\n", len(data) // 2) + 30]  # to the middle of a line
    with start(folder, *SYSTEMS[0].options, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(data)
        process.stdin.flush()
        deadline = time.monotonic() + PATIENCE
        while not lines_of(folder / "all.jsonl"):
            assert time.monotonic() < deadline, "it did not begin"
            time.sleep(0.01)
        process.send_signal(number)
        report = report_of(process)

    lines = data.decode().split("\n")
    written = lines_of(folder / "all.jsonl")
    assert len(written) == len(lines) == report["in"] == report["sinks"]["all"]["delivered"]
    assert messages(written[:-1]) == [without_addresses(syslog(line.removesuffix("\r")).message) for line in lines[:-1]]
    assert report["signal"] == signal.Signals(number).name


def test_the_example_of_the_guide_runs_as_it_stands(tmp_path: Path) -> None:
    blocks = {
        language: re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
        for language in ("toml", "sh", "text")
    }
    (tmp_path / "penstock.toml").write_text(blocks["toml"][0])
    (tmp_path / "penstock").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m penstock_cli "$@"\n')
    (tmp_path / "penstock").chmod(0o755)

    shell = subprocess.run(
        ["sh", "-ec", blocks["sh"][1]],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        timeout=PATIENCE,
    )

    assert shell.stderr.decode() == blocks["text"][0]
    everything, apart = (lines_of(tmp_path / "logs" / f"{name}.jsonl") for name in ("all", "failed"))
    assert [line["logger"] for line in everything] == ["login.failed", "sshd"]
    assert [(line["user"], line["pid"]) for line in apart] == [("root", 24200)]
    assert not addresses((tmp_path / "logs" / "all.jsonl").read_text())
