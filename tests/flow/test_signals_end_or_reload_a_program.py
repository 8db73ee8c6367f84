"""With `signals = true`, SIGTERM delivers what waits before it ends a program, whatever that is doing, and SIGHUP reads
the configuration again; who else listens is not disturbed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no process can send these signals there")

TIMEOUT = 60.0
"""Seconds that a test waits for a program: many, as nothing but a failure uses them up."""

HEAD = """
import os, signal, sys, threading, time, warnings
import penstock

OUT = {out!r}
sys.modules["program"] = sys.modules["__main__"]

class Slow:
    # Takes a moment for each record, so that some wait when the signal comes.
    delivery = {{"mode": "queued", "batch": 1}}
    def write(self, batch, /):
        time.sleep(0.002)
        fd = os.open(OUT, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, b"".join(record.data + b"\\n" for record in batch))
        os.close(fd)

class Quick(Slow):
    delivery = {{"mode": "queued"}}

hanging = threading.Event()

class Hangs:
    delivery = {{"mode": "queued"}}
    def write(self, batch, /):
        hanging.set()
        threading.Event().wait()

def ready():
    os.write(1, b"ready\\n")

def live():
    while True:
        time.sleep(0.01)

def ready_when_blocked():
    # A signal that comes between the last step of Python and the system call after it is heard when that ends.
    def look():
        seen = [None]
        while len(set(seen[-20:])) > 1 or len(seen) < 20 or seen[-1] == "running":
            seen.append(open(f"/proc/self/task/{{os.getpid()}}/syscall").read())
            time.sleep(0.002)
        ready()
    threading.Thread(target=look, daemon=True).start()

def run(type="Slow", **more):
    return penstock.configure({{
        "signals": True, "sink": {{"out": {{"type": f"python:program:{{type}}"}}}},
        "pipeline": {{"all": {{"sink": "out", "match": ["shop.**"]}}}}, **more,
    }}, strict=True)

log = penstock.get_logger("shop")

def say(first, last):
    for number in range(first, last):
        log.info("sold", number=number)
"""


class Program:
    """A program that runs in a process of its own."""

    def __init__(self, code: str, out: Path, *, before: Sequence[str] = (), **env: str) -> None:
        head = HEAD.format(out=str(out))
        self.out = out
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", head + code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **env},
            text=True,
        )

    def heard(self, word: str) -> str:
        """Wait until it says *word*; return what follows that."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(word):
                return line.removeprefix(word).strip()
        pytest.fail(f"it never said {word!r}: {self.end()}")

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and what it said on standard error."""
        _, told = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, told

    def numbers(self) -> list[int]:
        """Return the numbers of the events that arrived."""
        lines = self.out.read_text().splitlines() if self.out.exists() else []
        return [int(line.rpartition("number=")[2]) for line in lines if "number=" in line]


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start programs, and leave none behind."""
    started: list[Program] = []

    def start(code: str, *, before: Sequence[str] = (), **env: str) -> Program:
        started.append(Program(code, tmp_path / "out.txt", before=before, **env))
        return started[-1]

    yield start
    for program in started:
        with contextlib.suppress(ProcessLookupError):
            program.process.kill()
        program.process.communicate(timeout=TIMEOUT)


# -- SIGTERM ----------------------------------------------------------------------------------------------------------

BUSY = {
    "sleeping": "ready_when_blocked(); time.sleep(600)",
    "waiting for a lock": "lock = threading.Lock(); lock.acquire(); ready_when_blocked(); lock.acquire()",
    "flushing": "ready(); penstock.flush(600); live()",
    "in a loop of asyncio": "import asyncio; ready_when_blocked(); asyncio.run(asyncio.sleep(600))",
    "ended but for a thread": "threading.Thread(target=time.sleep, args=(600,)).start(); ready_when_blocked()",
    "reading": "ready_when_blocked(); os.read(os.pipe()[0], 1)",
}


@pytest.mark.parametrize("busy", BUSY)
def test_what_waits_is_delivered_and_the_parent_sees_of_what_it_died(start: Start, busy: str) -> None:
    if "blocked" in BUSY[busy] and not os.access("/proc/self/syscall", os.R_OK):
        pytest.skip("this system does not tell whether a thread is blocked")
    program = start(f"run()\nsay(0, 200)\n{BUSY[busy]}")
    program.heard("ready")
    program.send(signal.SIGTERM)

    assert program.end() == (-signal.SIGTERM, "")
    assert program.numbers() == list(range(200))


def test_without_the_key_nothing_is_installed(start: Start) -> None:
    program = start("""
before = [signal.getsignal(number) for number in signal.valid_signals()]
run(signals=False)
print("same", before == [signal.getsignal(number) for number in signal.valid_signals()], flush=True)
run()
changed = [n for n, was in zip(signal.valid_signals(), before, strict=True) if signal.getsignal(n) != was]
print("changed", sorted(signal.Signals(n).name for n in changed), flush=True)
""")

    assert program.heard("same") == "True"
    assert program.heard("changed") == "['SIGHUP', 'SIGTERM']"


def test_in_the_middle_of_an_emit_the_event_is_finished_and_the_sink_closed(start: Start) -> None:
    program = start("""
class Careful:
    # Inline, for one thread at a time, and what it was given is on disk only when it is closed.
    delivery = {"mode": "inline"}
    def open(self):
        self.file = open(OUT, "w")
    def write(self, batch, /):
        for record in batch:
            self.file.write(record.data.decode() + "\\n")
            if b"number=3" in record.data:
                os.kill(os.getpid(), signal.SIGTERM)  # heard at the next step of this very function
                time.sleep(0.01)
    def close(self):
        self.file.close()

run("Careful")
say(0, 10)
live()
""")

    code, told = program.end()
    arrived = program.numbers()
    said = arrived + [number for number in range(10) if f"number={number}" in told]  # those after the river was closed
    assert code == -signal.SIGTERM
    assert arrived[:4] == [0, 1, 2, 3]
    assert said == list(range(len(said)))


@pytest.mark.parametrize("threads", [1, 4])
def test_under_load_what_an_emit_returned_for_is_delivered(start: Start, threads: int) -> None:
    program = start(f"""
run("Quick")
def talk(number):
    while True:
        log.info("sold", number=number)
        number += {threads}
        time.sleep(0.0005)  # no more than the queue takes on a busy machine
for first in range(1, {threads}):
    threading.Thread(target=talk, args=(first,), daemon=True).start()
say(-100, 0)
ready()
talk(0)
""")
    program.heard("ready")
    program.send(signal.SIGTERM)
    code, told = program.end()

    assert code == -signal.SIGTERM
    assert "dropped" not in told
    arrived = program.numbers()
    assert set(range(-100, 0)) <= set(arrived)
    for first in range(threads):
        own = sorted(number for number in arrived if number >= 0 and number % threads == first)
        assert own == [first + threads * index for index in range(len(own))]  # no hole in what a thread said


def test_a_sink_that_hangs_keeps_it_no_longer_than_the_deadline_and_what_is_lost_is_told(start: Start) -> None:
    program = start("""
run("Hangs")
say(0, 7)
hanging.wait()
os.kill(os.getpid(), signal.SIGTERM)
while not isinstance(penstock._slot.inlet, penstock._Early):  # the drain began
    time.sleep(0.001)
say(100, 101)
penstock.shutdown(0.01)  # somebody does that beside it
os.kill(os.getpid(), signal.SIGHUP)
live()
""")

    code, told = program.end()
    assert code == -signal.SIGTERM
    assert "events were dropped: out shutdown_deadline=7" in told
    assert "sold number=100" in told  # for which there was no river any more


def test_the_second_time_it_waits_for_nothing(start: Start) -> None:
    program = start("""
run("Hangs")
say(0, 7)
hanging.wait()
os.kill(os.getpid(), signal.SIGTERM)
while not isinstance(penstock._slot.inlet, penstock._Early):  # the drain began
    time.sleep(0.001)
os.kill(os.getpid(), signal.SIGTERM)
live()
""")

    code, told = program.end()
    assert code == -signal.SIGTERM
    assert "a signal ends the process; still waiting: out=7" in told
    assert "shutdown_deadline" not in told  # as it would say at the deadline


def test_a_hangup_during_the_drain_changes_nothing(start: Start) -> None:
    program = start("""
run()
say(0, 200)
os.kill(os.getpid(), signal.SIGTERM)
os.kill(os.getpid(), signal.SIGHUP)  # as systemd sends it, right behind
live()
""")

    assert program.end() == (-signal.SIGTERM, "")
    assert program.numbers() == list(range(200))


def test_a_program_that_comes_to_its_own_end_meanwhile_still_dies_of_the_signal(start: Start) -> None:
    program = start("run()\nsay(0, 200)\nos.kill(os.getpid(), signal.SIGTERM)")

    assert program.end() == (-signal.SIGTERM, "")
    assert program.numbers() == list(range(200))


def test_one_that_comes_while_the_program_ends_lets_it_deliver_too(start: Start) -> None:
    program = start("""
import atexit
run()
threading.Thread(target=lambda: (
    [time.sleep(0.001) for _ in iter(lambda: isinstance(penstock._slot.inlet, penstock._Early), True)],
    os.kill(os.getpid(), signal.SIGTERM),
), daemon=True).start()
say(0, 200)
""")

    assert program.end() == (-signal.SIGTERM, "")
    assert program.numbers() == list(range(200))


def test_one_that_is_ignored_stays_so(start: Start) -> None:
    program = start(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nrun()\nos.kill(os.getpid(), signal.SIGTERM)\nsay(0, 5)"
    )

    assert program.end() == (0, "")
    assert program.numbers() == list(range(5))


def test_the_first_process_of_a_container_ends_with_the_status_of_a_shell(start: Start) -> None:
    own_namespace = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child=SIGKILL"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*own_namespace, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this system lets nobody make a namespace")
    program = start("run()\nsay(0, 200)\nprint('pid', os.getpid(), flush=True)\nlive()", before=own_namespace)

    assert program.heard("pid") == "1"
    children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text()
    os.kill(int(children), signal.SIGTERM)
    assert program.end()[0] == 128 + signal.SIGTERM
    assert program.numbers() == list(range(200))


# -- handlers of others -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "code"), [("sys.exit(3)", 3), ("os._exit(4)", 4)])
def test_a_handler_that_was_there_ends_the_program_in_its_own_way(start: Start, end: str, code: int) -> None:
    program = start(f"""
def handler(number, frame):
    before = open(OUT).read().count("number=")
    log.info("the program's own handler", seen=before, signal=number, function=frame.f_code.co_name)
    {"penstock.flush()" if "_exit" in end else ""}
    {end}

def wait():
    os.write(1, b"ready\\n")
    while True:
        time.sleep(0.01)

signal.signal(signal.SIGTERM, handler)
run()
say(0, 200)
wait()
""")
    program.heard("ready")
    program.send(signal.SIGTERM)

    assert program.end() == (code, "")
    assert program.numbers() == list(range(200))
    assert "seen=200 signal=15 function=wait" in program.out.read_text()  # and the river still served


def test_a_handler_that_was_there_is_called_at_once_the_second_time(start: Start) -> None:
    program = start("""
from penstock.assembly import signals
calls = []
def handler(number, frame):
    print("time left", signals.time_left(), flush=True)
    calls.append(number)
    if len(calls) == 2:
        os._exit(9)

signal.signal(signal.SIGTERM, handler)
run("Hangs")
say(0, 7)
hanging.wait()
threading.Thread(target=lambda: (
    [time.sleep(0.001) for _ in iter(lambda: any(t.name == "penstock-signals" for t in threading.enumerate()), True)],
    os.kill(os.getpid(), signal.SIGTERM),
), daemon=True).start()
os.kill(os.getpid(), signal.SIGTERM)
live()
""")

    assert program.heard("time left") == "5.0"  # called by the second one: the first has not ended its wait
    assert program.end() == (9, "")


def test_the_exit_has_only_the_time_that_is_left(start: Start) -> None:
    program = start("""
from penstock.plugin import time_left
from penstock.testing import RecordingSink

class First(RecordingSink):
    delivery = {"mode": "inline"}
    def close(self):
        print("left", time_left() <= 2.5, flush=True)

signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(3))
run(sink={"first": {"type": "python:program:First"}, "out": {"type": "python:program:Hangs"}})
say(0, 7)
hanging.wait()
os.kill(os.getpid(), signal.SIGTERM)
live()
""")

    assert program.heard("left") == "True"
    code, told = program.end()
    assert code == 3
    assert "shutdown_deadline=7" in told


UVICORN = """
import uvicorn

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {lifespan}
        await send({{"type": "lifespan.startup.complete"}})
        ready()
        await receive()
        say(200, 400)
        await send({{"type": "lifespan.shutdown.complete"}})

{main}
uvicorn.run(app, port=0, log_config=None)
"""


@pytest.mark.parametrize("order", ["before uvicorn", "inside of it"])
def test_uvicorn_ends_in_its_own_way_and_all_is_delivered(start: Start, order: str) -> None:
    inside = order == "inside of it"
    lifespan, main = ("run(); say(0, 200)", "") if inside else ("pass", "run(); say(0, 200)")
    program = start(UVICORN.format(lifespan=lifespan, main=main))
    program.heard("ready")
    program.send(signal.SIGTERM)

    code, told = program.end()
    assert (code, told) == (-signal.SIGTERM, "")
    # Configured inside of it, uvicorn puts the default action in the place of our handler before it dies of the signal.
    assert program.numbers()[:200] == list(range(200))
    if not inside:
        assert program.numbers() == list(range(400))


LOOP = """
import asyncio

async def main():
    asked = asyncio.Event()
    heard = []
    def hear():
        heard.append(1)
        asked.set()
    {first}
    {second}
    say(0, 200)
    ready()
    await asked.wait()
    await asyncio.sleep(0.05)
    print("heard", len(heard), flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_loop_that_listens_by_the_wakeup_descriptor_hears_it_once(start: Start, order: str) -> None:
    ours, theirs = "run()", "asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, hear)"
    first, second = (ours, theirs) if order == "before" else (theirs, ours)
    program = start(LOOP.format(first=first, second=second))
    program.heard("ready")
    program.send(signal.SIGTERM)

    assert program.heard("heard") == "1"
    assert program.end() == (0, "")
    assert program.numbers() == list(range(200))


# -- forked children --------------------------------------------------------------------------------------------------


def test_a_forked_child_delivers_its_own_and_dies_alone(start: Start) -> None:
    program = start("""
run()
warnings.simplefilter("ignore")  # CPython 3.12 and later warn of forks with threads
say(0, 50)
penstock.flush()
child = os.fork()
if child == 0:
    say(50, 250)
    ready()
    live()
line, status = os.waitpid(child, 0)
print("child", -os.waitstatus_to_exitcode(status), flush=True)
say(250, 300)
live()
""")
    program.heard("ready")
    children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell who the child is")
    os.kill(int(children.read_text()), signal.SIGTERM)

    assert program.heard("child") == str(int(signal.SIGTERM))
    program.send(signal.SIGTERM)
    assert program.end() == (-signal.SIGTERM, "")
    assert sorted(program.numbers()) == list(range(300))


def test_a_child_forked_while_the_parent_drains_hears_its_own(start: Start) -> None:
    program = start("""
run("Hangs")
say(0, 7)
hanging.wait()
os.kill(os.getpid(), signal.SIGTERM)
while not isinstance(penstock._slot.inlet, penstock._Early):
    time.sleep(0.001)
child = os.fork()
if child == 0:
    from penstock.assembly import signals
    run()
    say(100, 200)
    print("ending", signals.ending(), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    live()
print("child", -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
live()
""")

    assert program.heard("ending") == "False"
    assert program.heard("child") == str(int(signal.SIGTERM))
    assert program.end()[0] == -signal.SIGTERM
    assert program.numbers() == list(range(100, 200))


def test_multiprocessing_can_end_its_children_as_always(start: Start) -> None:
    program = start("""
import multiprocessing

def work(began):
    say(0, 200)
    began.set()
    live()

run()
context = multiprocessing.get_context("fork")
began = context.Event()
child = context.Process(target=work, args=(began,))
child.start()
began.wait()
child.terminate()
child.join()
print("code", child.exitcode, flush=True)
""")

    assert program.heard("code") == str(-signal.SIGTERM)
    assert program.end() == (0, "")
    assert program.numbers() == list(range(200))


# -- SIGHUP -----------------------------------------------------------------------------------------------------------

FILE = """
signals = true
[sink.out]
type = "file-rotate"
path = "{path}"
[pipeline.all]
match = ["shop.**"]
level = "{level}"
format = "plain"
sink = "out"
"""

READS = """
penstock.configure({config!r}, strict=True)
ready()
number = 0
while True:
    log.debug("sold", number=number)
    log.info("sold", number=number)
    number += 1
    time.sleep(0.001)
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "penstock.toml"
    path.write_text(FILE.format(path=tmp_path / "one.txt", level="info"))
    return path


def wait_for(seen: Callable[[], bool], program: Program) -> None:
    pause = subprocess.Popen(["sleep", str(TIMEOUT)])
    try:
        while not seen():
            assert program.process.poll() is None, program.end()
            assert pause.poll() is None, "it did not happen"
    finally:
        pause.kill()
        pause.wait()


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_the_file_is_read_again_and_takes_over(start: Start, config: Path, tmp_path: Path) -> None:
    program = start(READS.format(config=str(config)))
    program.heard("ready")
    wait_for(lambda: "number=9" in text(tmp_path / "one.txt"), program)
    config.write_text(FILE.format(path=tmp_path / "two.txt", level="debug"))
    program.send(signal.SIGHUP)
    wait_for(lambda: "DEBUG" in text(tmp_path / "two.txt"), program)
    program.send(signal.SIGTERM)

    assert program.end()[0] == -signal.SIGTERM
    assert "DEBUG" not in text(tmp_path / "one.txt")
    lines = [line for name in ("one", "two") for line in text(tmp_path / f"{name}.txt").splitlines() if "INFO" in line]
    numbers = [int(line.rpartition("number=")[2]) for line in lines]
    assert numbers == list(range(len(numbers)))  # between the two, nothing was lost


def test_a_file_that_was_moved_away_is_opened_anew(start: Start, config: Path, tmp_path: Path) -> None:
    program = start(READS.format(config=str(config)))
    program.heard("ready")
    wait_for(lambda: "number=9" in text(tmp_path / "one.txt"), program)
    (tmp_path / "one.txt").rename(tmp_path / "one.old")
    program.send(signal.SIGHUP)
    wait_for(lambda: text(tmp_path / "one.txt").count("\n") > 3, program)
    program.send(signal.SIGTERM)

    assert program.end()[0] == -signal.SIGTERM
    lines = (text(tmp_path / "one.old") + text(tmp_path / "one.txt")).splitlines()
    assert [int(line.rpartition("number=")[2]) for line in lines] == list(range(len(lines)))


def test_a_wrong_file_changes_nothing_and_is_told(start: Start, config: Path, tmp_path: Path) -> None:
    program = start(READS.format(config=str(config)))
    program.heard("ready")
    config.write_text(FILE.format(path=tmp_path / "two.txt", level="loud"))
    program.send(signal.SIGHUP)
    wait_for(lambda: "number=9" in text(tmp_path / "one.txt"), program)
    assert program.process.stderr is not None
    told = program.process.stderr.readline()
    before = text(tmp_path / "one.txt").count("\n")
    wait_for(lambda: text(tmp_path / "one.txt").count("\n") > before + 3, program)
    program.send(signal.SIGTERM)

    assert program.end()[0] == -signal.SIGTERM
    assert "The configuration was not reloaded." in told
    assert "pipeline.all.level" in told
    assert not (tmp_path / "two.txt").exists()


def test_a_storm_of_them_under_load_loses_nothing(start: Start, config: Path, tmp_path: Path) -> None:
    program = start(READS.format(config=str(config)))
    program.heard("ready")
    for count in range(1, 31):
        program.send(signal.SIGHUP)
        wait_for(lambda count=count: text(tmp_path / "one.txt").count("\n") > count * 5, program)  # type: ignore[misc]
    program.send(signal.SIGTERM)

    assert program.end()[0] == -signal.SIGTERM
    lines = text(tmp_path / "one.txt").splitlines()
    assert [int(line.rpartition("number=")[2]) for line in lines] == list(range(len(lines)))


def test_a_new_file_without_the_key_gives_the_signals_back(start: Start, config: Path, tmp_path: Path) -> None:
    program = start(READS.format(config=str(config)))
    program.heard("ready")
    config.write_text(FILE.format(path=tmp_path / "two.txt", level="info").replace("signals = true", ""))
    program.send(signal.SIGHUP)
    wait_for(lambda: "number" in text(tmp_path / "two.txt"), program)
    program.send(signal.SIGHUP)

    assert program.end()[0] == -signal.SIGHUP  # the default action


def test_a_handler_for_it_that_was_there_is_called_too_and_put_back(start: Start, config: Path) -> None:
    program = start(f"""
def handler(number, frame):
    print("hung up", number, flush=True)
signal.signal(signal.SIGHUP, handler)
runtime = penstock.configure({str(config)!r}, strict=True)
os.kill(os.getpid(), signal.SIGHUP)
while not any(kind == "config.reloaded" for kind, _ in penstock.faults.fault_counts()):
    time.sleep(0.001)
print("reloaded", flush=True)
penstock.shutdown()
print("same", signal.getsignal(1) is handler, signal.getsignal(15) == signal.SIG_DFL, flush=True)
""")

    assert program.heard("hung up") == str(int(signal.SIGHUP))
    program.heard("reloaded")
    assert program.heard("same") == "True True"
    assert program.end()[0] == 0


def test_what_the_file_says_counts_whatever_configured_first(start: Start, config: Path) -> None:
    program = start(
        f"""
thread = threading.Thread(target=penstock.configure, args=({str(config)!r},))
thread.start()
thread.join()
print(json.dumps([signal.getsignal(n) == signal.SIG_DFL for n in (signal.SIGTERM, signal.SIGHUP)]), flush=True)
""".replace("print(json", "import json; print('default', json")
    )

    assert json.loads(program.heard("default")) == [True, True]
    assert "Only the main thread can install signal handlers" in program.end()[1]
