"""The real command, in a process of its own: what goes in comes out once, however it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from penstock_cli.pipe.command import pipe as command

if TYPE_CHECKING:
    from conftest import Pipe
else:
    Pipe = Any

MOMENT = 1_700_000_000_000_000_000
PATIENCE = 30.0
"""Seconds until a test gives up waiting for another process."""


def until(true: Callable[[], object]) -> None:
    """Wait until *true*, or fail."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()


def end(process: subprocess.Popen[bytes]) -> tuple[int, dict[str, Any]]:
    """Wait for *process*, and return its exit code and its report."""
    _, stderr = process.communicate(timeout=PATIENCE)
    return process.returncode, json.loads(stderr.decode().splitlines()[-1])


class TestStandardInput:
    def test_every_shape_becomes_an_event_with_its_own_time_level_name_and_pid(self, pipe: Pipe) -> None:
        ended = pipe.run(
            b'{"level":40,"time":1700000000000,"pid":657,"hostname":"h1","name":"side.car","msg":"hello","qty":2}\n'
            b'time=2023-11-14T22:13:20Z level=error msg="too late" order=7\r\n'
            b"plain\n"
            b'{"level":30,"msg":"half\n'
            b"caf\xe9"
        )

        assert ended.code == 0, ended.stderr
        first, second, third, fourth, fifth = pipe.events
        assert first == {
            "name": "side.car", "message": "hello", "level": "warning", "time_ns": MOMENT, "pid": 657,
            "fields": {"service": "tests", "qty": 2, "hostname": "h1"},
        }  # fmt: skip
        assert (second["message"], second["level"], second["time_ns"]) == ("too late", "error", MOMENT)
        assert (third["name"], third["message"], third["level"], third["pid"]) == ("pipe", "plain", "info", 0)
        assert fourth["message"] == '{"level":30,"msg":"half'
        assert fourth["fields"]["unparsed"] == "not a JSON object"
        assert (fifth["message"], fifth["fields"]["invalid_utf8"]) == (r"caf\xe9", True)
        report = ended.report
        assert (report["in"], report["delivered"], report["dropped"]) == (5, 5, 0)
        assert (report["unparsed"], report["invalid_utf8"], report["signal"], report["exit"]) == (1, 1, None, None)

    def test_a_line_without_a_time_has_the_time_at_which_it_came(self, pipe: Pipe) -> None:
        before = time.time_ns()
        pipe.run(b"now")

        assert before <= pipe.events[0]["time_ns"] <= time.time_ns()

    @pytest.mark.parametrize(("stdin", "messages"), [(b"", []), (b"a\n", ["a"]), (b"\na\n\nb", ["", "a", "", "b"])])
    def test_each_line_is_one_event(self, pipe: Pipe, stdin: bytes, messages: list[str]) -> None:
        ended = pipe.run(stdin)

        assert ended.code == 0
        assert pipe.messages == messages
        assert ended.report["in"] == len(messages)

    def test_binary_garbage_is_counted_line_by_line(self, pipe: Pipe) -> None:
        garbage = bytes(range(256)) * 2_000

        ended = pipe.run(garbage)

        lines = garbage.count(b"\n") + 1
        assert ended.code == 0
        assert len(pipe.events) == lines
        assert (ended.report["in"], ended.report["invalid_utf8"]) == (lines, lines - 1)  # the first is ASCII

    def test_a_line_of_ten_megabytes_is_one_event_that_says_what_is_missing(self, pipe: Pipe) -> None:
        size = 10_000_000

        ended = pipe.run(b"x" * size + b"\nnext\n")

        long, following = pipe.events
        assert ended.code == 0
        assert long["fields"]["cut"] == size - 2**20
        assert long["message"].startswith("x" * 60_000)
        assert following["message"] == "next"
        assert (ended.report["in"], ended.report["cut"]) == (2, 1)

    def test_the_length_of_a_line_can_be_chosen(self, pipe: Pipe) -> None:
        pipe.run(b"from 10.20.30.40 to 10.20.30.41\n", "--max-line", "24 B")

        assert pipe.events[0]["message"] == "from 10.20.30.40 to"
        assert pipe.events[0]["fields"]["cut"] == 12

    def test_a_closed_standard_input_is_an_empty_one(self, pipe: Pipe) -> None:
        shell = subprocess.run(
            ["sh", "-c", 'exec "$@" <&-', "sh", *pipe.argv()],
            capture_output=True, cwd=pipe.folder, env=pipe.env, timeout=PATIENCE,
        )  # fmt: skip

        assert shell.returncode == 0, shell.stderr
        assert json.loads(shell.stderr.splitlines()[-1])["in"] == 0

    def test_a_file_is_read_as_a_pipe_is(self, pipe: Pipe) -> None:
        (pipe.folder / "log").write_bytes(b"one\ntwo")
        with (pipe.folder / "log").open("rb") as log:
            process = pipe.start(stdin=log.fileno())
            code, report = end(process)

        assert (code, report["in"], pipe.messages) == (0, 2, ["one", "two"])

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_on_a_signal_everything_that_was_written_is_delivered(self, pipe: Pipe, number: int) -> None:
        process = pipe.start()
        feed(process, b"".join(b"line %d\n" % at for at in range(1_000)))
        until(lambda: pipe.events)  # it has begun: from here on there is nothing to wait for
        process.send_signal(number)

        code, report = end(process)

        assert code == 0
        assert pipe.messages == [f"line {at}" for at in range(1_000)]
        assert (report["in"], report["delivered"], report["dropped"]) == (1_000, 1_000, 0)
        assert report["signal"] == signal.Signals(number).name

    def test_on_a_signal_half_a_line_is_a_line(self, pipe: Pipe) -> None:
        process = pipe.start()
        feed(process, b"first\n")
        until(lambda: pipe.events)
        feed(process, b"second, without an end")
        process.terminate()

        code, report = end(process)

        assert (code, report["in"]) == (0, 2)
        assert pipe.messages == ["first", "second, without an end"]

    def test_a_second_signal_ends_it_at_once(self, pipe: Pipe) -> None:
        pipe.configure(sink={"type": "python:pipe_sinks:Down"})
        process = pipe.start("--wait", "1 h")
        feed(process, b"lost\n")
        assert process.stderr is not None
        assert b"unavailable" in process.stderr.readline()  # the event is in the queue
        process.terminate()
        time.sleep(0.2)  # or the kernel makes one signal of two
        process.terminate()

        process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGTERM

    def test_a_signal_that_was_ignored_stays_ignored(self, pipe: Pipe) -> None:
        process = subprocess.Popen(
            ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *pipe.argv()],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=pipe.folder, env=pipe.env,
        )  # fmt: skip
        feed(process, b"one\n")
        until(lambda: pipe.events)
        process.send_signal(signal.SIGINT)
        feed(process, b"two\n")
        until(lambda: len(pipe.events) == 2)

        code, report = end(process)

        assert (code, report["signal"]) == (0, None)


class TestSinks:
    def test_what_a_sink_drops_is_told_and_the_exit_code_is_1(self, pipe: Pipe) -> None:
        pipe.configure(sink={"type": "python:pipe_sinks:Down"})

        ended = pipe.run(b"a\nb\n", "--wait", "0 s")

        assert ended.code == 1
        assert ended.report["sinks"]["out"]["dropped"] == {"shutdown_deadline": 2}
        assert (ended.report["in"], ended.report["lost"]) == (2, 2)

    def test_a_slow_sink_with_a_small_queue_loses_nothing(self, pipe: Pipe) -> None:
        delivery = {"queue": "20 kB", "batch": 20, "batch_wait": "0 s"}
        pipe.configure(sink={"type": "python:pipe_sinks:Slow", "path": str(pipe.out)}, delivery=delivery)

        ended = pipe.run(b"".join(b"line %d\n" % at for at in range(1_000)))

        assert ended.code == 0, ended.stderr
        lines = [line for line in pipe.out.read_text().splitlines() if "line" in line]
        assert [int(line.rsplit(" ", 1)[-1].split()[0]) for line in _messages(lines)] == list(range(1_000))


def _messages(lines: list[str]) -> list[str]:
    return [line[line.index("line ") :].split(" service")[0] for line in lines]


CRASHING = """
import json, sys
for number in range(300):
    print(json.dumps({"level": 30, "time": 1700000000000, "pid": 7, "msg": f"message {number}"}))
sys.stdout.flush()
print(input(), flush=True)
raise RuntimeError("it crashed")
"""


class TestCommand:
    def test_a_command_that_crashes_has_said_everything_on_both_streams(self, pipe: Pipe) -> None:
        ended = pipe.run(b"from stdin\n", "--name", "crash", "--", sys.executable, "-c", CRASHING)

        assert ended.code == 1  # the command's own
        by_stream: dict[str, list[dict[str, Any]]] = {"stdout": [], "stderr": []}
        for event in pipe.events:
            by_stream[event["fields"]["stream"]].append(event)
        out, err = by_stream["stdout"], by_stream["stderr"]
        assert [event["message"] for event in out] == [*(f"message {at}" for at in range(300)), "from stdin"]
        assert {event["pid"] for event in out[:300]} == {7}
        assert err[0]["message"] == "Traceback (most recent call last):"
        assert err[-1]["message"] == "RuntimeError: it crashed"
        assert {event["name"] for event in pipe.events} == {"crash"}
        assert (ended.report["in"], ended.report["delivered"]) == (len(out) + len(err), len(out) + len(err))
        assert ended.report["exit"] == 1

    def test_a_line_without_a_pid_has_the_commands(self, pipe: Pipe) -> None:
        pipe.run(b"", "--", "sh", "-c", "echo $$")

        (event,) = pipe.events
        assert event["message"] == str(event["pid"])
        assert event["name"] == "sh"

    @pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137)])
    def test_the_exit_code_is_the_commands(self, pipe: Pipe, script: str, code: int) -> None:
        ended = pipe.run(b"", "sh", "-c", script)

        assert ended.code == ended.report["exit"] == code

    def test_a_command_that_is_fine_and_an_event_that_is_lost_make_1(self, pipe: Pipe) -> None:
        pipe.configure(sink={"type": "python:pipe_sinks:Down"})

        assert pipe.run(b"", "--wait", "0 s", "--", "echo", "hello").code == 1

    @pytest.mark.parametrize(("name", "code"), [("no-such-command-anywhere", 127), ("./notes", 126)])
    def test_a_command_that_cannot_be_started_is_told_as_a_shell_does(self, pipe: Pipe, name: str, code: int) -> None:
        (pipe.folder / "notes").write_text("no program")

        ended = pipe.run(b"", "--", name)

        assert ended.code == code
        assert f"cannot start '{name}'" in ended.stderr
        assert "Traceback" not in ended.stderr

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_goes_to_the_command_and_what_it_still_says_is_taken_in(self, pipe: Pipe, number: int) -> None:
        script = (
            "import signal, sys, time\n"
            "def leave(number, frame):\n"
            "    print('leaving because of', number, flush=True)\n"
            "    sys.exit(9)\n"
            "signal.signal(signal.SIGTERM, leave); signal.signal(signal.SIGINT, leave)\n"
            "print('ready', flush=True)\n"
            "while True: time.sleep(0.05)\n"
        )
        process = pipe.start("--", sys.executable, "-c", script)
        until(lambda: "ready" in pipe.messages)
        process.send_signal(number)

        code, report = end(process)

        assert (code, report["exit"]) == (9, 9)
        assert pipe.messages == ["ready", f"leaving because of {number}"]

    def test_a_grandchild_that_holds_the_streams_does_not_hold_the_end(self, pipe: Pipe) -> None:
        process = pipe.start("--", "sh", "-c", "sleep 30 & echo $!; wait")
        until(lambda: pipe.messages)
        process.terminate()

        code, report = end(process)
        os.kill(int(pipe.messages[0]), signal.SIGKILL)

        assert (code, report["in"]) == (143, 1)

    @pytest.mark.skipif(shutil.which("node") is None, reason="node is not on this machine")
    def test_a_program_in_another_language_shares_our_field_names(self, pipe: Pipe) -> None:
        script = (
            "const os = require('os');"
            "const log = (level, msg, more) => console.log(JSON.stringify("
            "{level, time: Date.now(), pid: process.pid, hostname: os.hostname(), ...more, msg}));"
            "log(30, 'listening', {port: 8080}); log(50, 'failed', {err: {type: 'E', message: 'no'}});"
            "console.error('a warning'); process.exitCode = 4;"
        )
        before = time.time_ns()

        ended = pipe.run(b"", "--", "node", "-e", script)

        assert ended.code == 4
        events = {event["message"]: event for event in pipe.events}
        assert set(events) == {"listening", "failed", "a warning"}
        assert [events[message]["level"] for message in ("listening", "failed", "a warning")] == [
            "info",
            "error",
            "info",
        ]
        assert events["listening"]["fields"] == {
            "service": "tests", "port": 8080, "hostname": os.uname().nodename, "stream": "stdout",
        }  # fmt: skip
        assert len({event["pid"] for event in pipe.events}) == 1
        assert before - 10**9 <= events["listening"]["time_ns"] <= time.time_ns()


class TestOptions:
    def refusal(self, *arguments: str) -> str:
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 2
        return result.output

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["--pattern", "("], "no regular expression"),
            (["--event", "(?P<user>x)"], "expected NAME=REGEX"),
            (["--input", "regex"], "needs a --pattern"),
            (["--input", "text", "--pattern", "x"], "no meaning with --input text"),
            (["--time-format", "%Q"], "no format of a time"),
            (["--max-line", "long"], "expected a size"),
            (["--max-line", "1 B"], "16 bytes or more"),
            (["--wait", "long"], "expected a duration"),
            (["--name", ""], "expected a short name"),
            (["--level", "purple"], "purple"),
        ],
    )
    def test_a_wrong_option_is_told_before_anything_is_read(self, arguments: list[str], text: str) -> None:
        assert text in self.refusal(*arguments)

    def test_a_wrong_configuration_is_told_before_anything_is_read(self, pipe: Pipe) -> None:
        (pipe.folder / "penstock.toml").write_text('[sink.out]\ntype = "no-such-type"\n[pipeline.all]\nsink = "oot"\n')

        ended = pipe.run(b"line\n")

        assert ended.code == 2
        assert "oot" in ended.stderr
        assert "nothing was read" in ended.stderr

    def test_quiet_says_nothing(self, pipe: Pipe) -> None:
        ended = pipe.run(b"line\n", "--quiet")

        assert (ended.code, ended.stderr, ended.stdout) == (0, "", "")
        assert pipe.messages == ["line"]

    def test_the_name_and_level_of_lines_without_one_can_be_chosen(self, pipe: Pipe) -> None:
        pipe.run(
            b'plain\n{"level":30,"time":1700000000000,"name":"own","msg":"m"}\n', "--name", "x.y", "--level", "error"
        )

        assert [(event["name"], event["level"]) for event in pipe.events] == [("x.y", "error"), ("own", "info")]

    def test_a_configuration_may_be_named(self, pipe: Pipe, tmp_path: Path) -> None:
        (pipe.folder / "penstock.toml").rename(pipe.folder / "other.toml")

        assert pipe.run(b"line\n", "-c", "other.toml").code == 0
        assert pipe.messages == ["line"]
