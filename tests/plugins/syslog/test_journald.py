"""Entries of the journal: the protocol as it is documented, and a real systemd-journald that understands it."""

from __future__ import annotations

import array
import fcntl
import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock
from penstock.plugin import LEVELS, Event, Failure, Record, Site
from penstock.testing import some_event
from penstock_syslog.entry import OWN, JournaldFormat
from penstock_syslog.journald import JournaldSink
from penstock_syslog.native import entry_of
from syslogs import Journal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a journal on Linux alone")

FIELD = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
TEXTS = st.text(st.characters(), max_size=30) | st.sampled_from(["a\nb", "\n", "=", "a=b", "\x00", "\ud800", ""])
KEYS = TEXTS | st.sampled_from(["message", "MESSAGE_", "_pid", "2nd", "a b", "a_b", "x" * 70, "x" * 71, "ß"])


def decoded(entry: bytes) -> dict[str, bytes]:
    """Return the fields of *entry*, as docs/JOURNAL_NATIVE_PROTOCOL.md of systemd describes it."""
    fields: dict[str, bytes] = {}
    while entry:
        line, _, rest = entry.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if equals:
            entry = rest
        else:
            size = int.from_bytes(rest[:8], "little")
            value, end, entry = rest[8 : 8 + size], rest[8 + size : 9 + size], rest[9 + size :]
            assert end == b"\n"
        assert name.decode() not in fields
        fields[name.decode()] = value
    return fields


class Receiver:
    """A socket that takes what journald takes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.settimeout(30)
        self._sock.bind(str(path))
        self.by_file = False

    def receive(self) -> dict[str, bytes]:
        data, control, _, _ = self._sock.recvmsg(2**20, 1_024)
        self.by_file = bool(control)
        if not control:
            return decoded(data)
        assert data == b""
        (fd,) = array.array("i", control[0][2][:4])
        try:
            seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
            wanted = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
            assert seals & wanted == wanted, "journald would refuse it"
            return decoded(os.pread(fd, os.fstat(fd).st_size, 0))
        finally:
            os.close(fd)

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path / "socket")
    yield receiver
    receiver.close()


@pytest.fixture
def sink(receiver: Receiver) -> Iterator[JournaldSink]:
    sink = JournaldSink(path=receiver.path)
    sink.open()
    yield sink
    sink.close()


def record(event: Event, **options: Any) -> Record:
    return Record(JournaldFormat(**options).format(event), event.level, event.name, event.time_ns, "journald")


# -- the format -------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.dictionaries(KEYS, TEXTS | st.integers() | st.none(), max_size=8))
def test_whatever_an_event_holds_its_fields_are_legal_and_none_is_lost(message: str, fields: dict[str, object]) -> None:
    line = JournaldFormat(app="a").format(some_event(message).replace(fields=fields))
    entry = json.loads(line)
    own = {name: value for name, value in entry.items() if name in OWN}

    assert b"\n" not in line
    assert all(FIELD.fullmatch(name) for name in entry)
    assert own["MESSAGE"] == message
    expected = ["null" if value is None else str(value) for value in fields.values()]
    assert [value for name, value in entry.items() if name not in OWN] == expected
    assert decoded(entry_of(entry)) == {
        name: value.encode("utf-8", "backslashreplace") for name, value in entry.items()
    }


def test_the_well_known_fields_are_those_of_systemd() -> None:
    site = Site("shop.till", "Till.open", "/srv/shop/till.py", 7)
    failure = Failure("ValueError", "no", "Traceback\n  x")
    event = Event("shop.till", "hello", 35, time_ns=1_500_000_000_000_001_000, site=site, error=failure, pid=9)
    entry = json.loads(JournaldFormat(app="shop", facility="local1").format(event.replace(thread="T", fields={"n": 1})))

    assert entry == {
        "MESSAGE": "hello",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "shop",
        "SYSLOG_FACILITY": "17",
        "SYSLOG_PID": "9",
        "TIMESTAMP": "2017-07-14T02:40:00.000001Z",
        "LEVEL": "warning",
        "LOGGER": "shop.till",
        "THREAD_NAME": "T",
        "CODE_FILE": "/srv/shop/till.py",
        "CODE_LINE": "7",
        "CODE_FUNC": "Till.open",
        "EXCEPTION_TYPE": "ValueError",
        "EXCEPTION_MESSAGE": "no",
        "EXCEPTION_TEXT": "Traceback\n  x",
        "N": "1",
    }


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_the_priority_is_that_of_the_level_table(level: Any) -> None:
    assert json.loads(JournaldFormat().format(some_event(level=level.name)))["PRIORITY"] == str(level.syslog)


def test_names_that_are_taken_or_alike_are_kept_apart() -> None:
    fields: dict[str, Any] = {
        "message": 1,
        "MESSAGE_": 2,
        "a b": 3,
        "a_b": 4,
        "A_B": 5,
        "_pid": 6,
        "x" * 70: 7,
        "x" * 71: 8,
    }
    entry = json.loads(JournaldFormat(app="a").format(some_event("m", **fields).replace(time_ns=0)))

    assert {name: value for name, value in entry.items() if name not in OWN} == {
        "MESSAGE__2": "1",
        "MESSAGE_": "2",
        "A_B_2": "3",
        "A_B_3": "4",
        "A_B": "5",
        "F_PID": "6",
        "X" * 64: "7",
        "X" * 62 + "_2": "8",
    }


def test_telemetry_is_its_name() -> None:
    event = Event("db.query.stop", level=10, measurements={"rows": 3}, metadata={"table": "t"})
    entry = json.loads(JournaldFormat().format(event))

    assert (entry["MESSAGE"], entry["EVENT"], entry["ROWS"], entry["TABLE"]) == (
        "db.query.stop",
        "db.query.stop",
        "3",
        "t",
    )
    assert "LOGGER" not in entry


# -- the protocol -----------------------------------------------------------------------------------------------------


def test_an_entry_is_a_datagram_and_its_values_have_their_lines(receiver: Receiver, sink: JournaldSink) -> None:
    sink.write([record(some_event("a\nb=c\n", note="=", empty="", bad="\ud800"), app="shop")])

    fields = receiver.receive()
    assert not receiver.by_file
    assert fields["MESSAGE"] == b"a\nb=c\n"
    assert (fields["NOTE"], fields["EMPTY"], fields["BAD"]) == (b"=", b"", b"\\ud800")


def test_what_no_datagram_can_hold_goes_in_a_sealed_file(receiver: Receiver, sink: JournaldSink) -> None:
    sink.write([record(some_event("é" * 3_000_000)), record(some_event("next"))])

    assert receiver.receive()["MESSAGE"] == "é".encode() * 3_000_000
    assert receiver.by_file
    assert receiver.receive()["MESSAGE"] == b"next"


def test_a_record_of_another_format_is_a_message(receiver: Receiver, sink: JournaldSink) -> None:
    sink.write([Record(b'{"message":"x"}', 60, "shop.till", 0, "json"), Record(b"two\nlines \xff", 20, "shop", 0, "")])

    fields = receiver.receive()
    assert (fields["MESSAGE"], fields["PRIORITY"], fields["LOGGER"]) == (b'{"message":"x"}', b"1", b"shop.till")
    assert receiver.receive()["MESSAGE"] == "two\nlines \ufffd".encode()


# -- the real one -----------------------------------------------------------------------------------------------------


def test_a_real_journal_has_every_entry_with_every_field(journal: Journal) -> None:
    app = f"app-{uuid4().hex}"
    sink = JournaldSink(path=journal.socket)
    sink.open()
    hostile: dict[str, Any] = {
        "a b": "x\ny",
        "_pid": 1,
        "quote": '"',
        "nul": "a\x00b",
        "große": "ß",
        "message": "mine",
        "bidi": "\u202e",
    }
    events = [some_event(f"message {number}\nline two", number=number, **hostile) for number in range(100)]
    sink.write([record(event, app=app) for event in events])
    sink.write([record(some_event("ü" * 1_500_000, number=100), app=app)])
    sink.close()

    entries = journal.wait_for(101, app)
    assert [text_of(entry["MESSAGE"]) for entry in entries] == [*(event.message for event in events), "ü" * 1_500_000]
    assert [entry["NUMBER"] for entry in entries] == [str(number) for number in range(101)]
    first = {name: text_of(value) for name, value in entries[0].items()}
    assert (first["A_B"], first["F_PID"], first["QUOTE"], first["NUL"]) == ("x\ny", "1", '"', "a\x00b")
    assert (first["GROSSE"], first["MESSAGE_"], first["BIDI"]) == ("ß", "mine", "\u202e")
    assert first["_PID"] == str(os.getpid()), "journald's own, which no client can forge"


def test_a_real_journal_takes_as_many_fields_as_we_send(journal: Journal) -> None:
    app = f"app-{uuid4().hex}"
    sink = JournaldSink(path=journal.socket)
    sink.open()
    sink.write([record(Event("n", "m", fields={f"key{number}": number for number in range(2_000)}), app=app)])
    sink.close()

    (entry,) = journal.wait_for(1, app)
    assert entry["FIELDS_LEFT_OUT"] == "1100"
    assert (entry["KEY0"], entry["KEY899"]) == ("0", "899")


@pytest.mark.parametrize("mode", ["queued", "inline"])
def test_a_program_writes_to_a_real_journal(mode: str, journal: Journal) -> None:
    app = f"app-{uuid4().hex}"
    table = {
        "format": {"entry": {"type": "journald", "app": app}},
        "sink": {"journal": {"type": "journald", "path": str(journal.socket), "delivery": {"mode": mode}}},
        "pipeline": {"all": {"sink": "journal", "format": "entry", "match": ["shop.*"]}},
    }
    penstock.configure(table, strict=True)
    try:
        raise ValueError("drawer jammed")
    except ValueError:
        penstock.get_logger("shop.till").exception("till broken", drawer=3)

    assert penstock.flush(30)
    (entry,) = journal.wait_for(1, app)
    assert (entry["PRIORITY"], entry["DRAWER"], entry["EXCEPTION_TYPE"]) == ("3", "3", "ValueError")
    assert "in test_a_program_writes_to_a_real_journal" in text_of(entry["EXCEPTION_TEXT"])
    assert entry["CODE_FILE"].endswith("test_journald.py")
    assert penstock.ledger()["journal"].delivered == 1


def text_of(value: Any) -> str:
    """Return a value of `journalctl -o json`: what is not printable is an array of bytes."""
    return bytes(value).decode() if isinstance(value, list) else str(value)
