"""A real server crashes in a request, warns, and logs through libraries: only JSON lines, none twice, none lost."""

from __future__ import annotations

import http.client
import importlib.util
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the program ends itself by an interrupt")

SHOP = '''
"""A shop: a Starlette application, with Penstock configured in one line."""

import asyncio
import atexit
import gc
import json
import logging
import os
import pathlib
import signal
import sys
import threading
import warnings


def taken():
    loggers = [logging.root, *(logging.getLogger(name) for name in ("uvicorn", "uvicorn.access", "uvicorn.error"))]
    things = [logging.Logger.callHandlers, logging.Logger.hasHandlers, warnings.showwarning]
    things += [sys.excepthook, threading.excepthook, sys.unraisablehook, type(logging.root.level), logging.root.level]
    return things + [logger.handlers[:] for logger in loggers[: None if "uvicorn" in sys.modules else 1]]


before = taken()
atexit.register(lambda: pathlib.Path("verdict").write_text(json.dumps([a == b for a, b in zip(before, taken())])))

import penstock

penstock.configure("penstock.toml", strict=True)

import urllib3
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

log = logging.getLogger("shop.orders")


def buy(request):
    log.info("order %s placed", "o-1", extra={"qty": 2})
    logging.getLogger("shop.stock").debug("%(left)d left", {"left": 7})
    warnings.warn("an old way to buy", UserWarning)
    urllib3.PoolManager().request("GET", f"{request.base_url}price")
    penstock.get_logger("shop.till").info("paid", sum=3)
    return PlainTextResponse("bought")


async def price(request):
    return PlainTextResponse("3")


async def crash(request):
    raise RuntimeError("crashed in a request")


class Finalised:
    def __del__(self):
        raise ValueError("raised in a finaliser")


def die():
    raise KeyError("died in a thread")


async def trouble(request):
    async def fail():
        raise ValueError("nobody fetched it")

    task = asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    del task
    Finalised()
    gc.collect()
    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    return PlainTextResponse("trouble")


async def stop(request):
    os.kill(os.getpid(), signal.SIGINT)
    return PlainTextResponse("stopping")


routes = [Route(f"/{function.__name__}", function) for function in (buy, price, crash, trouble, stop)]
app = Starlette(routes=routes)

if __name__ == "__main__":
    uvicorn.run(app, port=0, **json.loads(sys.argv[1]))
    raise RuntimeError("raised at the end")
'''

TOML = """
level = "debug"
capture = ["logging", "warnings", "exceptions"]

[sink.console]
type = "stderr"

[sink.file]
type = "{file_type}"
path = "shop.jsonl"

[pipeline.console]
sink = "console"
format = "json"

[pipeline.file]
sink = "file"
format = "json"
"""

FILE_SINK = """
from typing import ClassVar

from attrs import define


@define(kw_only=True)
class FileSink:
    delivery: ClassVar[dict[str, object]] = {"mode": "inline"}
    path: str

    def write(self, batch, /):
        with open(self.path, "ab") as file:
            file.writelines(record.data + b"\\n" for record in batch)
"""

STARTS: dict[str, list[str]] = {
    "without a logging configuration": ["shop.py", '{"log_config": null}'],
    "with uvicorn's own, applied after ours": ["shop.py", "{}"],
    "from the command line, ours applied after uvicorn's own": ["-m", "uvicorn", "shop:app", "--port", "0"],
}


class Said:
    """What a program has said: every line of its output, and of its file."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.stdout = (folder / "stdout").read_bytes()
        self.stderr = (folder / "stderr").read_bytes()
        self.file = (folder / "shop.jsonl").read_bytes()
        self.verdict: list[bool] = json.loads((folder / "verdict").read_text())

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stderr.splitlines()]


@pytest.fixture(params=list(STARTS), scope="module")
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Said:
    """Run the shop, call every page once, and let it end."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP)
    (folder / "sink_of_test.py").write_text(FILE_SINK)
    offered = importlib.util.find_spec("penstock_file_rotate.sink") is not None
    (folder / "penstock.toml").write_text(
        TOML.format(file_type="file-rotate" if offered else "python:sink_of_test:FileSink")
    )
    with open(folder / "stdout", "wb") as stdout, open(folder / "stderr", "wb") as stderr:
        program = subprocess.Popen([sys.executable, *STARTS[request.param]], cwd=folder, stdout=stdout, stderr=stderr)
    try:
        port = port_of(folder / "stderr", program)
        for page in ("buy", "crash", "trouble", "stop"):
            fetch(port, page)
        program.wait(20)
    finally:
        program.kill()
        program.wait()
    return Said(folder, port)


def port_of(stderr: Path, program: subprocess.Popen[bytes]) -> int:
    """Wait until uvicorn says on which port it listens."""
    until = time.monotonic() + 30
    while time.monotonic() < until and program.poll() is None:
        for line in stderr.read_text().splitlines():
            if "Uvicorn running on" in line:
                return int(line.partition("http://127.0.0.1:")[2].partition(" ")[0])
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{stderr.read_text()}")


def fetch(port: int, page: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", f"/{page}")
    connection.getresponse().read()
    connection.close()


def test_every_line_of_every_sink_is_json_and_nothing_else_is_said(said: Said) -> None:
    lines = [*said.stderr.splitlines(), *said.file.splitlines()]

    assert said.stdout == b""
    assert all(type(json.loads(line)) is dict for line in lines)


def test_both_sinks_get_the_same_lines_and_none_twice(said: Said) -> None:
    assert sorted(said.stderr.splitlines()) == sorted(said.file.splitlines())
    assert Counter(said.stderr.splitlines()).most_common(1)[0][1] == 1


EXPECTED = {
    "order o-1 placed": ("shop.orders", "info"),
    "7 left": ("shop.stock", "debug"),
    "paid": ("shop.till", "info"),
    "an old way to buy": ("py.warnings", "warning"),
    "Exception that could not be raised": ("sys.unraisablehook", "error"),
    "Uncaught exception in a thread": ("threading.excepthook", "error"),
    "Application startup complete.": ("uvicorn.error", "info"),
    "Waiting for application shutdown.": ("uvicorn.error", "info"),
    "Exception in ASGI application": ("uvicorn.error", "error"),
    "Task exception was never retrieved": ("asyncio", "error"),
}


@pytest.mark.parametrize("message", EXPECTED)
def test_what_was_said_is_there_once(said: Said, message: str) -> None:
    (event,) = [event for event in said.events() if event.get("message", "").split("\n")[0] == message]

    assert (event["logger"], event["severity"]) == EXPECTED[message]


def test_extra_and_arguments_are_fields(said: Said) -> None:
    events = {event.get("message"): event for event in said.events()}

    assert events["order o-1 placed"]["qty"] == 2
    assert events["order o-1 placed"]["args"] == ["o-1"]
    assert events["7 left"]["left"] == 7


def test_each_line_of_the_access_log_is_there_once(said: Said) -> None:
    access = [event["args"][1:] for event in said.events() if event.get("logger") == "uvicorn.access"]

    assert sorted(access) == [
        ["GET", "/buy", "1.1", 200],
        ["GET", "/crash", "1.1", 500],
        ["GET", "/price", "1.1", 200],
        ["GET", "/stop", "1.1", 200],
        ["GET", "/trouble", "1.1", 200],
    ]


def test_a_library_is_heard_though_nobody_configured_it(said: Said) -> None:
    told = [event["message"] for event in said.events() if event.get("logger") == "urllib3.connectionpool"]

    assert len(told) == 2
    assert told[0].startswith("Starting new HTTP connection")
    assert '"GET /price HTTP/1.1" 200' in told[1]


@pytest.mark.parametrize(
    "text", ["crashed in a request", "died in a thread", "raised in a finaliser", "nobody fetched it"]
)
def test_the_traceback_of_what_was_raised_is_there_once(said: Said, text: str) -> None:
    (line,) = [line for line in said.stderr.decode().splitlines() if text in line]

    assert line.count("Traceback (most recent call last)") == 1


def test_what_ends_the_program_is_told_once(said: Said) -> None:
    told = [event for event in said.events() if event.get("logger") == "sys.excepthook"]
    last = said.stderr.decode().splitlines()[-1]

    if told:  # the command line has no end of its own
        assert [event["severity"] for event in told] == ["critical"]
        assert "raised at the end" in last
    else:
        assert "Finished server process" in last


def test_the_end_leaves_everything_as_it_was(said: Said) -> None:
    assert said.verdict
    assert all(said.verdict)
