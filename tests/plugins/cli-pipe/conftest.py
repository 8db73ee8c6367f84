"""A folder with sinks of its own, and the real command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SINKS = '''
import json, os, time
from attrs import define, field
from penstock.plugin import Unavailable, level_name

@define(kw_only=True)
class Lines:
    """Appends each event as JSON to a file."""
    accepts = "event"
    path: str
    _fd: int = field(default=-1, init=False)
    def open(self):
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def write(self, batch):
        for e in batch:
            line = {"name": e.name, "message": e.message, "level": level_name(e.level), "time_ns": e.time_ns,
                    "pid": e.pid, "fields": e.merged()}
            os.write(self._fd, json.dumps(line).encode() + b"\\n")
    def close(self):
        os.close(self._fd)

@define(kw_only=True)
class Slow:
    """Takes one record after the other, each in its time; queued."""
    path: str
    seconds: float = 0.001
    def write(self, batch):
        with open(self.path, "ab") as file:
            for record in batch:
                time.sleep(self.seconds)
                file.write(record.data + b"\\n")

@define(kw_only=True)
class Down:
    """Takes nothing."""
    def write(self, batch):
        raise Unavailable("it is down")
'''


class Pipe:
    """The command, run in a folder with a configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pipe_sinks.py").write_text(SINKS)
        self.out = folder / "out.jsonl"
        self.configure(sink={"type": "python:pipe_sinks:Lines", "path": str(self.out)})
        path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
        self.env = {**os.environ, "PYTHONPATH": path, "TZ": "UTC", "LC_ALL": "C.UTF-8"}

    def configure(self, **tables: Any) -> None:
        """Write the configuration: one sink, and one pipeline that lets everything pass."""
        sink = dict(tables["sink"])
        delivery = sink.pop("delivery", None)
        text = 'level = "trace"\n[context]\nservice = "tests"\n[sink.out]\n' + _toml(sink)
        if delivery:
            text += "[sink.out.delivery]\n" + _toml(delivery)
        (self.folder / "penstock.toml").write_text(f'{text}[pipeline.all]\nsink = "out"\n')

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "penstock_cli", "pipe", "--format", "json", *arguments]

    def run(self, stdin: bytes = b"", *arguments: str) -> Ended:
        ended = subprocess.run(
            self.argv(*arguments), input=stdin, capture_output=True, cwd=self.folder, env=self.env, timeout=60
        )
        return Ended(ended.returncode, ended.stderr.decode(), ended.stdout.decode())

    def start(self, *arguments: str, stdin: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv(*arguments), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=self.folder, env=self.env,
        )  # fmt: skip

    @property
    def events(self) -> list[dict[str, Any]]:
        """What is in the file by now."""
        text = self.out.read_text() if self.out.exists() else ""
        # Up to the last newline: a reader can see half of a line that is just being written.
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    @property
    def messages(self) -> list[str]:
        return [event["message"] for event in self.events]


class Ended:
    """What a process left."""

    def __init__(self, code: int, stderr: str, stdout: str) -> None:
        self.code = code
        self.stderr = stderr
        self.stdout = stdout

    @property
    def report(self) -> dict[str, Any]:
        """The last line of standard error that is one."""
        lines = [line for line in self.stderr.splitlines() if line.startswith('{"v": 1')]
        assert lines, self.stderr
        report: dict[str, Any] = json.loads(lines[-1])
        return report


def _toml(table: dict[str, Any]) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    return Pipe(tmp_path)
