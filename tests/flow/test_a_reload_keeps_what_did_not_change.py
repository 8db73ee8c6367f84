"""A reload opens what changed and leaves the rest as it is; twenty a second under load lose and double not one event.

`nox -s reloads` does it for as long as wanted; here it is two seconds.
"""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import define, field

import penstock
from penstock import faults
from penstock.assembly.runtime import Runtime
from penstock.clock import monotonic
from penstock.errors import Closed, Unavailable
from penstock.river.emit import slot
from penstock.secret import Secret
from penstock.types import Record

RELOADS = int(os.environ.get("PENSTOCK_RELOADS", "40"))
PER_SECOND = 20
TALKERS = 4
NUMBERED = re.compile(r"(?:^| talker: )(\d+:\d+) inside=[xy]$")

LOG: list[tuple[str, str]] = []
"""What came to the sinks: the name of each, and a text."""


@define(kw_only=True)
class Noted:
    """A sink that knows what it got, and what came before it was opened or after it was closed."""

    into: str = "out"
    token: Secret = field(factory=lambda: Secret(""))
    tags: list[str] = field(factory=list)
    state: str = field(default="new", init=False)
    made: ClassVar[list[Noted]] = []
    late: ClassVar[list[str]] = []
    away: ClassVar[threading.Event] = threading.Event()
    shut: ClassVar[bool] = False

    def open(self) -> None:
        """Open it."""
        if Noted.shut:
            raise PermissionError("not now")
        self.state = "open"
        Noted.made.append(self)

    def write(self, batch: Sequence[Record], /) -> None:
        """Take *batch* while it is open and there."""
        if Noted.away.is_set():
            raise Unavailable("away", retry_after=0.01)
        for record in batch:
            text = record.data.decode().partition(": ")[2]
            LOG.append((self.into, text))
            if self.state != "open":
                Noted.late.append(text)

    def close(self) -> None:
        """Close it."""
        self.state = "closed"


class Shut(Noted):
    """A sink that its service does not want any more."""

    def write(self, batch: Sequence[Record], /) -> None:
        """Refuse for good."""
        raise Closed("401")


@define(kw_only=True)
class Every:
    """A stage that lets each nth event pass, and can say later what it held."""

    nth: int = 1
    seen: int = field(default=0, init=False)
    resume: Any = field(default=None, init=False)
    last: Any = field(default=None, init=False)
    made: ClassVar[list[Every]] = []

    def open(self, resume: Any, timer: Any, /) -> None:
        """Take the way on."""
        self.resume = resume
        Every.made.append(self)

    def emit(self, event: Any, /) -> Any:
        """Let some pass."""
        self.seen += 1
        self.last = event
        return event if self.seen % self.nth == 0 else None


@define(kw_only=True)
class Tail:
    """A source."""

    path: str = ""
    emit: Any = field(default=None, init=False)
    log: ClassVar[list[str]] = []

    def start(self, emit: Any, /) -> None:
        """Start."""
        self.emit = emit
        Tail.log.append(f"start {self.path}")

    def close(self) -> None:
        """Stop."""
        Tail.log.append(f"close {self.path}")


def one(name: str = "Noted", **options: object) -> dict[str, Any]:
    return {"type": f"python:{__name__}:{name}", **options}


@pytest.fixture(autouse=True)
def nothing_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for seen in (LOG, Noted.made, Noted.late, Every.made, Tail.log):
        seen.clear()
    Noted.away.clear()
    monkeypatch.setattr(Noted, "shut", False)
    yield
    Noted.away.clear()


def wait_until(condition: Callable[[], bool]) -> None:
    until = monotonic() + 60
    while not condition():
        assert monotonic() < until, "it did not happen"
        threading.Event().wait(0.005)


def said(sink: str) -> list[str]:
    return [text for name, text in LOG if name == sink]


def document(**tables: Any) -> dict[str, Any]:
    """Return one inline sink; what the reloads say of themselves goes nowhere."""
    tables.setdefault("sink", {"out": one(delivery={"mode": "inline"})})
    return {"pipeline": {"all": {"sink": "out", "match": ["shop"]}}, **tables}


# -- what stays, and what does not ------------------------------------------------------------------------------------


@pytest.mark.parametrize("delivery", [{"mode": "inline"}, {"mode": "queued"}, {"mode": "queued", "spool": "1 MB"}])
def test_an_unchanged_sink_keeps_its_object_its_delivery_and_its_counts_while_pipelines_change(
    delivery: dict[str, object],
) -> None:
    table = document(sink={"out": one(tags=["a"], delivery=delivery)})
    runtime = penstock.configure(table)
    penstock.get_logger("shop").info("1")
    way = runtime._graph.sinks["out"]
    table["level"] = "debug"
    table["context"] = {"place": "north"}
    table["pipeline"]["more"] = {"sink": "out", "match": ["shop.till"]}
    assert runtime.reload()
    penstock.get_logger("shop").debug("2")
    penstock.get_logger("shop.till").info("3")
    assert penstock.flush(60)

    latest = slot.inlet
    assert isinstance(latest, Runtime)
    assert latest._graph.sinks["out"] is way
    assert len(Noted.made) == 1
    assert said("out") == ["1", "2 place=north", "3 place=north"]
    assert penstock.ledger()["out"][:4] == (3, 3, {}, 0)
    assert penstock.ledger().pipelines["all"].offered == 2


def test_what_waits_stays_in_the_queue_of_an_unchanged_sink() -> None:
    table = document(sink={"out": one(delivery={"mode": "queued"})})
    runtime = penstock.configure(table)
    Noted.away.set()
    for number in range(10):
        penstock.get_logger("shop").info(str(number))
    for _ in range(5):
        assert runtime.reload()
    assert penstock.ledger()["out"].pending == 10
    Noted.away.clear()
    assert penstock.flush(60)

    assert said("out") == [str(number) for number in range(10)]


@pytest.mark.parametrize(
    "change",
    [
        lambda sink: sink.update(tags=["b"]),
        lambda sink: sink.update(token="another secret"),
        lambda sink: sink["delivery"].update(batch_wait="3 ms"),
        lambda sink: sink.update(type=f"python:{__name__}:Other"),
    ],
    ids=["an option", "a secret", "its delivery", "its class"],
)
@pytest.mark.parametrize("mode", ["inline", "queued"])
def test_a_changed_sink_is_opened_anew_and_the_old_one_drained_and_closed(
    mode: str, change: Callable[[dict[str, Any]], None]
) -> None:
    table = document(sink={"out": one(tags=["a"], delivery={"mode": mode})})
    runtime = penstock.configure(table)
    penstock.get_logger("shop").info("1")
    change(table["sink"]["out"])
    assert runtime.reload()
    penstock.get_logger("shop").info("2")
    assert penstock.flush(60)

    wait_until(lambda: [sink.state for sink in Noted.made] == ["closed", "open"])
    assert said("out") == ["1", "2"]
    assert not Noted.late
    assert penstock.ledger()["out"][:4] == (2, 2, {}, 0)


class Other(Noted):
    """A class of its own."""


def test_a_secret_that_was_replaced_in_its_file_opens_the_sink_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("the first token")
    runtime = penstock.configure(document(sink={"out": one(token={"file": str(file)})}))
    assert runtime.reload()
    assert len(Noted.made) == 1
    file.write_text("the second token")
    assert runtime.reload()

    assert [sink.token.reveal() for sink in Noted.made] == ["the first token", "the second token"]


def test_the_records_of_a_queued_sink_keep_their_order_when_it_is_replaced() -> None:
    table = document(sink={"out": one(delivery={"mode": "queued", "batch_wait": "0 s"})})
    runtime = penstock.configure(table)
    log = penstock.get_logger("shop")
    Noted.away.set()
    for turn in range(5):
        for number in range(10):
            log.info(str(10 * turn + number))
        table["sink"]["out"]["tags"] = [str(turn)]
        assert runtime.reload()
    log.info("50")
    Noted.away.clear()
    assert penstock.flush(60)

    assert said("out") == [str(number) for number in range(51)]
    assert penstock.ledger()["out"][:4] == (51, 51, {}, 0)


def test_a_sink_that_was_taken_out_is_drained_and_its_counts_stay() -> None:
    table = document(sink={"out": one(), "more": one(into="more")})
    table["pipeline"]["more"] = {"sink": "more", "match": ["shop"]}
    runtime = penstock.configure(table)
    penstock.get_logger("shop").info("1")
    del table["sink"]["more"], table["pipeline"]["more"]
    assert runtime.reload()
    assert penstock.flush(60)

    assert said("more") == ["1"]
    assert runtime.status() == {"out": "ok"}
    assert penstock.ledger()["more"][:4] == (1, 1, {}, 0)
    assert penstock.ledger().pipelines["more"].accepted == 1


def test_a_changed_fallback_gets_what_an_unchanged_sink_drops() -> None:
    sinks = {
        "shut": one("Shut", delivery={"mode": "inline", "fallback": "out"}),
        "out": one(delivery={"mode": "inline"}),
    }
    table = {"sink": sinks, "pipeline": {"all": {"sink": "shut", "match": ["shop"]}}}
    runtime = penstock.configure(table)
    sinks["out"]["into"] = "changed"
    assert runtime.reload()
    penstock.get_logger("shop").info("1")

    assert said("changed") == ["1"]
    assert penstock.ledger().balanced


def test_a_sink_that_closed_for_good_is_tried_anew() -> None:
    runtime = penstock.configure(document(sink={"out": one("Shut", delivery={"mode": "inline"})}))
    penstock.get_logger("shop").info("1")
    assert runtime.status() == {"out": "failed"}
    assert runtime.reload()

    assert runtime.status() == {"out": "ok"}
    assert penstock.ledger()["out"].dropped == {"closed": 1}


def test_a_sink_that_works_is_not_replaced_by_one_that_cannot_be_opened() -> None:
    table = document()
    runtime = penstock.configure(table)
    Noted.shut = True
    table["sink"]["out"]["tags"] = ["new"]
    assert not runtime.reload()
    table["sink"]["out"]["type"] = "python:nowhere:Sink"
    del table["sink"]["out"]["tags"]
    assert not runtime.reload()
    penstock.get_logger("shop").info("1")

    assert said("out") == ["1"]
    assert faults.fault_counts()["config.rejected", "sink.out"] == 1
    assert faults.fault_counts()["config.rejected", "sink.out.type"] == 1


def test_an_unchanged_stage_goes_on_counting_and_emits_into_the_new_pipeline() -> None:
    emit = {"every": {"type": f"python:{__name__}:Every", "nth": 3}}
    table = document(emit=emit)
    table["pipeline"]["all"]["emit"] = ["every"]
    runtime = penstock.configure(table)
    log = penstock.get_logger("shop")
    log.info("1")
    log.info("2")
    table["context"] = {"river": "second"}
    table["pipeline"]["all"]["level"] = "debug"
    table["sink"]["out"]["into"] = "second"
    assert runtime.reload()
    log.debug("3")
    assert len(Every.made) == 1
    Every.made[0].resume(Every.made[0].last)
    emit["every"]["nth"] = 1
    assert runtime.reload()

    assert said("second") == ["3 river=second", "3 river=second"]
    assert [stage.seen for stage in Every.made] == [3, 0]
    assert penstock.ledger().pipelines["all"] == (4, {"filter": 2}, 2)


def test_an_unchanged_source_runs_on_and_a_changed_one_takes_turns() -> None:
    table = document(emit={"tail": {"type": f"python:{__name__}:Tail", "path": "a"}})
    runtime = penstock.configure(table)
    assert runtime.reload()
    assert Tail.log == ["start a"]
    table["emit"]["tail"]["path"] = "b"
    assert runtime.reload()

    wait_until(lambda: Tail.log == ["start a", "start b", "close a"])
    penstock.shutdown()
    assert Tail.log == ["start a", "start b", "close a", "close b"]


def test_what_was_there_before_goes_on(tmp_path: Path) -> None:
    runtime = penstock.configure(document())
    log = penstock.get_logger("shop")
    bound = log.bind(till=1)
    heard: list[str] = []
    penstock.attach("hears", ["shop.sold"], lambda event, *_: heard.append(event))
    with penstock.testing.capture() as events, penstock.span("shop.sale"):
        assert runtime.reload()
        log.info("1")
        bound.info("2")
        penstock.execute("shop.sold")
    penstock.detach("hears")

    assert said("out") == ["1", "2 till=1"]
    assert heard == ["shop.sold"]
    assert events.has("shop.sale.stop")
    assert events.has("1")


# -- whether it took over ---------------------------------------------------------------------------------------------


def test_it_is_told_what_changed() -> None:
    table = document(sink={name: one(delivery={"mode": "inline"}) for name in ("out", "changed", "gone")})
    table["pipeline"].update({name: {"sink": name, "match": ["x"]} for name in ("changed", "gone")})
    runtime = penstock.configure(table)
    told: list[Any] = []
    penstock.attach("told", ["penstock.config.reloaded"], lambda event, numbers, facts, _: told.append(facts))
    table["sink"]["changed"]["into"] = "elsewhere"
    del table["sink"]["gone"], table["pipeline"]["gone"]
    table["sink"]["new"] = one()
    assert runtime.reload()
    penstock.detach("told")

    assert [(facts["kept"], facts["opened"], facts["closed"]) for facts in told] == [
        (["out"], ["changed", "new"], ["changed", "gone"])
    ]


def test_a_rejected_one_tells_its_first_problem_and_how_many_there_are() -> None:
    table = document()
    runtime = penstock.configure(table)
    told: list[Any] = []
    penstock.attach("told", ["penstock.config.rejected"], lambda event, numbers, facts, _: told.append(facts))
    table["level"] = "loud"
    table["pipeline"]["all"]["sink"] = "nowhere"
    assert not runtime.reload()
    penstock.detach("told")

    assert [facts["problems"] for facts in told] == [2]
    assert "level: expected a level, got 'loud'" in told[0]["problem"]


def test_what_was_shut_down_or_replaced_is_not_brought_back() -> None:
    first = penstock.configure(document())
    second = penstock.configure(document())
    assert not first.reload()
    assert slot.inlet is second
    second.shutdown()

    assert not second.reload()
    assert not isinstance(slot.inlet, Runtime)


def test_a_shutdown_in_the_middle_of_a_reload_is_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    table = document()
    runtime = penstock.configure(table)

    def open_while_it_is_shut_down(self: Noted) -> None:
        self.state = "open"
        Noted.made.append(self)
        penstock.shutdown()

    monkeypatch.setattr(Noted, "open", open_while_it_is_shut_down)
    table["sink"]["out"]["tags"] = ["new"]

    assert not runtime.reload()
    assert not isinstance(slot.inlet, Runtime)
    assert [sink.state for sink in Noted.made] == ["closed", "closed"]


def test_a_shutdown_waits_for_what_reloads_left_behind() -> None:
    table = document(sink={"out": one(delivery={"mode": "queued"})})
    runtime = penstock.configure(table)
    Noted.away.set()
    penstock.get_logger("shop").info("1")
    table["sink"]["out"]["tags"] = ["new"]
    assert runtime.reload()
    threading.Timer(0.2, Noted.away.clear).start()

    assert penstock.shutdown(60)
    assert said("out") == ["1"]
    assert [sink.state for sink in Noted.made] == ["closed", "closed"]


def test_a_shutdown_in_a_hurry_hurries_what_reloads_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.assembly.runtime._TIME_TO_CLOSE", 600.0)
    table = document(sink={"out": one(delivery={"mode": "queued"})})
    runtime = penstock.configure(table)
    Noted.away.set()
    penstock.get_logger("shop").info("1")
    table["sink"]["out"]["tags"] = ["new"]
    assert runtime.reload()

    assert not penstock.shutdown(0.1)
    wait_until(lambda: penstock.ledger()["out"][:4] == (1, 0, {"shutdown_deadline": 1}, 0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("begun", [True, False])
def test_a_child_goes_on_while_the_parent_drains_what_was_replaced(begun: bool) -> None:
    table = document(sink={"out": one(delivery={"mode": "queued"})})
    runtime = penstock.configure(table)
    Noted.away.set()
    penstock.get_logger("shop").info("1")
    table["sink"]["out"]["tags"] = ["new"]
    assert runtime.reload()
    if begun:
        penstock.get_logger("shop").info("2")
    reader, writer = os.pipe()
    if os.fork() == 0:  # pragma: no cover, in the child
        Noted.away.clear()
        penstock.get_logger("shop").info("3")
        done = penstock.flush(20) and runtime.reload() and penstock.shutdown(60)
        account = penstock.ledger()["out"]
        os.write(writer, f"{done} {said('out')} {account.balanced} {account.delivered}".encode())
        os._exit(0)
    os.wait()
    told = os.read(reader, 1_000).decode()
    os.close(reader)
    os.close(writer)
    Noted.away.clear()
    assert penstock.flush(60)

    assert told == "True ['3'] True 1"
    assert said("out") == (["1", "2"] if begun else ["1"])


# -- under load -------------------------------------------------------------------------------------------------------


def varied(chance: random.Random, folder: Path) -> str:
    """Return a document like all others, of which some part or other is changed."""
    tags = {name: chance.choice(["a", "a", "b"]) for name in ("kept", "queued", "spooled", "inline")} | {"kept": "a"}
    level = chance.choice(["info", "debug"])
    inside = chance.choice(["x", "y"])
    return f"""
level = "{level}"
state = "{folder / "state"}"
[context]
inside = "{inside}"
[emit.every]
type = "python:{__name__}:Every"
[sink.kept]
type = "python:{__name__}:Noted"
into = "kept"
[sink.queued]
type = "python:{__name__}:Noted"
into = "queued"
tags = ["{tags["queued"]}"]
delivery = {{ mode = "queued", batch_wait = "1 ms" }}
[sink.spooled]
type = "python:{__name__}:Noted"
into = "spooled"
tags = ["{tags["spooled"]}"]
delivery = {{ mode = "queued", batch_wait = "1 ms", spool = "64 MB" }}
[sink.inline]
type = "python:{__name__}:Noted"
into = "inline"
tags = ["{tags["inline"]}"]
delivery = {{ mode = "inline" }}
[sink.file]
type = "file-rotate"
path = "{folder / "out.txt"}"
max_size = "{chance.choice(["1 MB", "2 MB"])}"
keep = 1000
[pipeline.kept]
sink = "kept"
match = ["talker"]
[pipeline.queued]
sink = "queued"
match = ["talker"]
emit = ["every"]
[pipeline.spooled]
sink = "spooled"
match = ["talker"]
[pipeline.inline]
sink = "inline"
match = ["talker"]
[pipeline.file]
sink = "file"
format = "plain"
match = ["talker"]
"""


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_twenty_reloads_a_second_under_load_lose_double_and_tear_nothing(tmp_path: Path) -> None:
    chance = random.Random(4)
    file = tmp_path / "penstock.toml"
    file.write_text(varied(chance, tmp_path))
    runtime = penstock.configure(file, strict=True)
    stop, turn = threading.Event(), threading.Lock()
    spoken = [0] * TALKERS
    done: list[bool] = []
    most: list[tuple[int, int]] = []

    def talk(number: int) -> None:
        log = penstock.get_logger("talker")
        while not stop.wait(0.0005):
            log.info(f"{number}:{spoken[number]}")
            spoken[number] += 1

    def reload_often(count: int) -> None:
        for _ in range(count):
            begun = monotonic()
            with turn:
                fresh = tmp_path / f"fresh-{threading.get_ident()}"
                fresh.write_text(varied(chance, tmp_path))
                fresh.replace(file)
            done.append(runtime.reload())
            most.append((threading.active_count(), descriptors()))
            stop.wait(max(0.0, 2 / PER_SECOND - (monotonic() - begun)))

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(TALKERS)]
    reloaders = [threading.Thread(target=reload_often, args=(RELOADS // 2,)) for _ in range(2)]
    for thread in (*threads, *reloaders):
        thread.start()
    for thread in reloaders:
        thread.join()
    stop.set()
    for thread in threads:
        thread.join()
    assert penstock.flush(120)
    wait_until(lambda: not runtime._reign.leaving)

    total = sum(spoken)
    assert done == [True] * len(done)
    assert not Noted.late
    LOG.extend(("file", line) for line in lines_of(tmp_path))
    for name in ("kept", "queued", "spooled", "inline", "file"):
        texts = [found for text in said(name) for found in NUMBERED.findall(text)]
        assert len(texts) == len(set(texts)) == total, name
        for number in range(TALKERS):
            own = [int(text.partition(":")[2]) for text in texts if text.startswith(f"{number}:")]
            if name == "file":  # a new file for each megabyte
                own.sort()
            assert own == list(range(spoken[number])), name
        assert penstock.ledger()[name][:4] == (total, total, {}, 0), name
        assert penstock.ledger().pipelines[name] == (total, {}, total), name
    assert not any(kind == "spool.failed" for kind, _ in faults.fault_counts())
    assert max(most[len(most) // 2 :]) < (60, 200)


def lines_of(folder: Path) -> list[str]:
    return [line for path in sorted(folder.glob("out*.txt*")) for line in path.read_text().splitlines()]
