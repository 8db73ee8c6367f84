"""Colour: option over NO_COLOR over FORCE_COLOR over CLICOLOR_FORCE over a terminal, of which TERM=dumb is none."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.plugin import LEVELS
from penstock_stderr.colour import LEVEL_STYLES, wants_colour

PROGRAM = """
import penstock, sys
stream, options = sys.argv[1], dict(word.split("=") for word in sys.argv[2:])
penstock.configure({
    "sink": {"console": {"type": stream}},
    "format": {"mine": {"type": "console", "stream": stream, **options}} if options else {},
    "pipeline": {"all": {"sink": "console", **({"format": "mine"} if options else {})}},
}, strict=True)
penstock.get_logger("shop").info("hello", n=1)
"""


@pytest.fixture
def terminal() -> Iterator[int]:
    master, slave = pty.openpty()
    yield slave
    os.close(master)
    os.close(slave)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.mark.parametrize(
    ("environ", "on_terminal", "on_file"),
    [
        ({}, True, False),
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False, False),
        ({"CLICOLOR_FORCE": "1", "FORCE_COLOR": "0"}, False, False),
    ],
)
def test_the_environment_decides_in_this_order(
    environ: Mapping[str, str], on_terminal: bool, on_file: bool, terminal: int, file: int
) -> None:
    assert wants_colour("auto", terminal, environ) is on_terminal
    assert wants_colour("auto", file, environ) is on_file


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}])
def test_the_option_is_above_the_environment(environ: Mapping[str, str], terminal: int, file: int) -> None:
    assert wants_colour("always", file, environ)
    assert not wants_colour("never", terminal, environ)


def test_a_closed_stream_is_no_terminal() -> None:
    assert not wants_colour("auto", 9_999, {})


def test_an_old_windows_console_gets_no_sequences(terminal: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    assert not wants_colour("auto", terminal, {})
    assert wants_colour("auto", terminal, {"WT_SESSION": "1"})


def test_each_level_has_a_style() -> None:
    assert set(LEVEL_STYLES) == {level.name for level in LEVELS}


# -- real programs on a real terminal ---------------------------------------------------------------------------------


def run_on_terminal(stream: str, *options: str, **environ: str) -> bytes:
    """Run the program with *stream* on a terminal, the other one in a pipe, and return what the terminal got."""
    master, slave = pty.openpty()
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM")
    }
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: slave}
    try:
        subprocess.run(
            [sys.executable, "-c", PROGRAM, stream, *options],
            env={**clean, **environ},
            check=True,
            timeout=60,
            **streams,
        )
        os.set_blocking(master, False)
        return os.read(master, 10_000)
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_a_terminal_gets_colour_by_default_whatever_the_other_stream_is(stream: str) -> None:
    shown = run_on_terminal(stream, TERM="xterm-256color")

    assert b"\x1b[32mINFO     \x1b[0m" in shown
    assert shown.endswith(b"\x1b[36mn=\x1b[0m1\r\n")


@pytest.mark.parametrize(
    ("options", "environ"),
    [([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"}), (["color=never"], {"FORCE_COLOR": "1"})],
)
def test_a_terminal_gets_none_when_it_is_not_wanted(options: list[str], environ: dict[str, str]) -> None:
    shown = run_on_terminal("stderr", *options, **environ)

    assert b"\x1b" not in shown
    assert shown.endswith(b"n=1\r\n")


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_a_file_gets_none_while_the_other_stream_is_a_terminal(stream: str, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    other = "stdout" if stream == "stderr" else "stderr"
    path = tmp_path / "out"
    try:
        with path.open("wb") as out:
            streams: dict[str, Any] = {stream: out, other: slave}
            environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
            subprocess.run(
                [sys.executable, "-c", PROGRAM, stream],
                env={**environ, "TERM": "xterm"},
                check=True,
                timeout=60,
                **streams,
            )
    finally:
        os.close(master)
        os.close(slave)

    assert path.read_bytes().endswith(b"n=1\n")
    assert b"\x1b" not in path.read_bytes()
