"""What is sent comes back equal from real rsyslog and syslog-ng, over every transport, also when they are restarted."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

import penstock
from penstock.plugin import LEVELS, Event, Failure, Record, Site, Size
from penstock_syslog.format import Rfc5424Format
from penstock_syslog.sink import SyslogSink
from penstock_syslog.text import on_one_line, text_of, with_its_lines
from rfc5424 import BOM, EXAMPLES, read
from syslogs import Daemon, Rsyslog, SyslogNg, wait_for

Start = Callable[..., Daemon]
KINDS: Final = ("udp", "tcp", "tls", "unix")
COUNT: Final = int(os.environ.get("PENSTOCK_EXAMPLES", "1000"))
"""Generated events; 10,000 of them take half a minute, most of it in the other side's parser."""
_NUMBER: Final = re.compile(r' number="([0-9]+)"')
_PIECES: Final = (
    "order", "é", "ß", "日本", "🚰", "\u200d", " ", "  ", "\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x7f", "\x85",
    "\u2028", "\u202e", BOM, "\ud800", '"', "\\", "]", "[", '\\"', '"] forged="x" [', "=", "@32473", "<0>1 - - - - - -",
    "#012", "%s", "\\n", "{}", "'", "-", "7", "null",
)  # fmt: skip


@pytest.fixture
def sink() -> Any:
    """Make and open a sink; it is closed behind the test."""
    made: list[SyslogSink] = []

    def make(daemon: Daemon, **options: Any) -> SyslogSink:
        if daemon.kind == "tls":
            options = {"ca": Path(daemon.certificates or "") / "ca.pem", **options}
        made.append(SyslogSink(url=daemon.url, **options))
        made[-1].open()
        return made[-1]

    yield make
    for one in made:
        one.close()


def record(data: bytes) -> Record:
    return Record(data, 20, "app", 0, "rfc5424")


# -- the RFC's own ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("daemon", [Rsyslog, SyslogNg], ids=lambda daemon: daemon.program)
@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_of_the_rfc_come_back_equal(
    kind: str, daemon: type[Daemon], start: Start, sink: Any, certificates: Path
) -> None:
    server = start(kind, daemon, certificates)

    sink(server).write([record(example.encode()) for example in EXAMPLES])

    received = server.wait_for(len(EXAMPLES))
    assert sorted(line["raw"] for line in received) == sorted(EXAMPLES)
    for line in received:
        message = read(line["raw"].encode())
        assert (int(line["pri"]), line["msgid"] or "-") == (message.priority, message.msgid)
        assert line["text"].removeprefix(BOM) == message.text


# -- generated events -------------------------------------------------------------------------------------------------


def some_text(random: Random, most: int = 6) -> str:
    return "".join(random.choice(_PIECES) for _ in range(random.randrange(most)))


def some_fields(random: Random) -> dict[str, object]:
    kinds: tuple[Callable[[], object], ...] = (
        lambda: some_text(random),
        lambda: random.randrange(-(2**63), 2**63),
        random.random,
        lambda: random.choice([True, False, None]),
        lambda: [some_text(random), {some_text(random): 1}],
    )
    return {some_text(random) or "key": random.choice(kinds)() for _ in range(random.randrange(5))}


def some_events(count: int) -> list[Event]:
    random = Random(5424)
    return [
        Event(
            f"{number}.{some_text(random, 3)}",
            some_text(random, 20),
            random.choice(LEVELS).number,
            time_ns=random.randrange(2**61),
            fields=some_fields(random),
            measurements=random.choice([None, {"duration": number}]),
            metadata=some_fields(random),
            context=some_fields(random),
            site=Site("m", some_text(random), "f", number),
            error=random.choice([None, None, Failure("E", some_text(random), some_text(random))]),
            pid=random.randrange(2**22),
            thread=some_text(random),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("newlines", ["escape", "keep"])
def test_generated_events_come_back_equal(newlines: Any, start: Start, sink: Any) -> None:
    """With escaped newlines also through an rsyslog that changes control characters, as it does by default."""
    server = start("tcp", Rsyslog, as_it_comes=newlines == "escape")
    made_by = Rfc5424Format(facility="local3", hostname="h", app="a", newlines=newlines, max_size=Size("64 KiB"))
    shown = on_one_line if newlines == "escape" else with_its_lines
    events = some_events(COUNT)
    sent = [made_by.format(event) for event in events]

    target = sink(server)
    for at in range(0, COUNT, 500):
        target.write([record(data) for data in sent[at : at + 500]])

    received = server.wait_for(COUNT)
    assert [line["raw"].encode() for line in received] == sent
    for event, line in zip(events, received, strict=True):
        message = read(line["raw"].encode())
        found = {name.partition("@")[0]: list(values.values()) for name, values in message.data.items()}
        assert found["event"][0] == shown(event.name)
        for name in ("fields", "metadata", "context"):
            values = getattr(event, name).values()
            assert found.get(name, []) == [shown(text_of(value)) for value in values]
        # And what rsyslog itself made of it, whose parser is not ours either.
        assert (int(line["pri"]), line["host"], line["app"]) == (message.priority, "h", "a")
        assert line["text"].removeprefix(BOM) == message.text
        assert line["data"] in line["raw"]


def test_no_value_can_forge_a_message(start: Start) -> None:
    server = start("tcp", as_it_comes=True)
    configure(server)

    penstock.get_logger("app").info('x\n<0>1 - - - - - - forged\n"][forged@1]', key='"][forged@1 a="b"]\n<0>1 - -')

    assert penstock.flush(30)
    (line,) = server.wait_for(1)
    assert list(read(line["raw"].encode()).data) == ["event@32473", "fields@32473"]


def test_a_record_of_another_format_stands_behind_a_header_of_ours(start: Start) -> None:
    server = start("tcp")
    configure(server, format="json")

    penstock.get_logger("shop.till").error("a\nb", qty=2)

    assert penstock.flush(30)
    (line,) = server.wait_for(1)
    assert (line["pri"], line["msgid"], line["data"]) == ("11", "shop.till", "-")
    assert '"message":"a\\nb"' in line["text"]
    assert '"qty":2' in line["text"]


# -- restarts ---------------------------------------------------------------------------------------------------------


def configure(server: Daemon, *, format: str = "rfc5424", **delivery: Any) -> None:
    options = {"ca": f"{server.certificates}/ca.pem"} if server.kind == "tls" else {}
    table = {"type": "syslog", "url": server.url, **options, "delivery": {"batch_wait": "5 ms", **delivery}}
    penstock.configure(
        {"sink": {"logs": table}, "pipeline": {"all": {"sink": "logs", "format": format, "match": ["app", "shop.*"]}}},
        strict=True,
    )


def numbers_in(server: Daemon) -> list[int]:
    return [int(number) for line in server.received() for number in _NUMBER.findall(line["data"])]


@pytest.mark.parametrize("daemon", [Rsyslog, SyslogNg], ids=lambda daemon: daemon.program)
@pytest.mark.parametrize("kind", ["tcp", "tls", "unix"])
def test_a_server_that_was_restarted_between_two_events_loses_none(
    kind: str, daemon: type[Daemon], start: Start, certificates: Path
) -> None:
    server = start(kind, daemon, certificates)
    configure(server)
    log = penstock.get_logger("app")

    for number in range(3):
        log.info("x", number=number)
        assert penstock.flush(60)
        server.wait_for(number + 1)
        server.stop()
        server.start()

    assert numbers_in(server) == [0, 1, 2]
    assert penstock.ledger()["logs"].delivered == 3


@pytest.mark.parametrize("kind", ["udp", "tcp", "unix"])
def test_what_is_said_while_there_is_no_server_waits_for_it(kind: str, start: Start, certificates: Path) -> None:
    server = start(kind, Rsyslog, certificates)
    server.stop()
    configure(server)
    log = penstock.get_logger("app")
    for number in range(20):
        log.info("x", number=number)
    assert not penstock.flush(1)
    assert penstock.ledger()["logs"].pending == 20

    server.start()

    assert penstock.flush(60)
    server.wait_for(20)
    assert sorted(set(numbers_in(server))) == list(range(20))
    account = penstock.ledger()["logs"]
    assert account.balanced
    assert account.delivered == 20


@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_restarts_under_load_cost_at_most_what_was_under_way(kind: str, start: Start, certificates: Path) -> None:
    """What a server had in its buffers when it died is gone; all that was said behind that arrives."""
    server = start(kind, Rsyslog, certificates)
    configure(server, batch=50)
    log = penstock.get_logger("app")
    ending = threading.Event()
    said = 0

    def say() -> None:
        nonlocal said
        while not ending.wait(0.001):
            log.info("x", number=said)
            said += 1

    thread = threading.Thread(target=say)
    thread.start()
    for _ in range(1 if kind == "tls" else 2):  # rsyslog takes seconds to start with TLS on a busy machine
        server.wait_for(len(server.received()) + 100)
        server.stop()
        server.start()
    after = said
    server.wait_for(len(server.received()) + 100)
    ending.set()
    thread.join()

    log.info("x", number=said)
    assert penstock.flush(60)
    account = penstock.ledger()["logs"]
    assert account.balanced
    assert (account.accepted, account.delivered) == (said + 1, said + 1)
    wait_for(lambda: said in numbers_in(server), "the last one")
    missing = set(range(said)) - set(numbers_in(server))
    assert not {number for number in missing if number >= after}
