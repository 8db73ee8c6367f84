"""Over TCP and TLS every message is counted, none is torn, and a peer that closed, hangs or is not the right one costs
no record.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.errors import ConfigError
from penstock.plugin import Record, Secret, Unavailable
from penstock_http import Deadline
from penstock_syslog import stream
from penstock_syslog.address import Address
from penstock_syslog.connect import Connector, Identity
from penstock_syslog.sink import SyslogSink
from syslogs import Daemon, Rsyslog, free_port, wait_for

FRAME = re.compile(rb"([1-9][0-9]*) ")


def frames_in(data: bytes) -> list[bytes]:
    """Return the messages of a connection: RFC 6587, section 3.4.1; the last may be torn."""
    found = []
    while head := FRAME.match(data):
        found.append(data[head.end() : head.end() + int(head[1])])
        if len(found[-1]) < int(head[1]):
            found[-1] += b" (torn)"
        data = data[head.end() + int(head[1]) :]
    assert not data, data[:100]
    return found


class Peer:
    """A server that does what a test says with each of its connections."""

    def __init__(self, room: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        if room:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.port: int = self._listener.getsockname()[1]
        self.connections: list[socket.socket] = []

    def accept(self) -> socket.socket:
        self._listener.settimeout(60)
        connection, _ = self._listener.accept()
        connection.settimeout(60)
        self.connections.append(connection)
        return connection

    def close(self) -> None:
        for one in (*self.connections, self._listener):
            one.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def small_peer() -> Iterator[Peer]:
    peer = Peer(room=4_096)
    yield peer
    peer.close()


@pytest.fixture
def sink() -> Iterator[Callable[..., SyslogSink]]:
    made: list[SyslogSink] = []

    def make(port: int, scheme: str = "tcp", **options: Any) -> SyslogSink:
        made.append(SyslogSink(url=f"{scheme}://127.0.0.1:{port}", **options))
        made[-1].open()
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an attempt end after a moment."""
    monkeypatch.setattr("penstock_syslog.sink.time_left", lambda: 0.2)


def records(*texts: str | bytes) -> list[Record]:
    datas = [text if isinstance(text, bytes) else text.encode() for text in texts]
    return [Record(data, 20, "app", 0, "rfc5424") for data in datas]


def read_all(connection: socket.socket, until: bytes) -> bytes:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
    data = bytearray()
    while not data.endswith(until):
        more = connection.recv(2**20)
        assert more, data[-200:]
        data += more
    return bytes(data)


# -- framing ----------------------------------------------------------------------------------------------------------


def test_octets_are_counted_so_that_a_newline_ends_nothing(peer: Peer, sink: Any) -> None:
    sink(peer.port).write(records("a\nb", "é", "<0>1 7 x\n"))

    assert read_all(peer.accept(), b"x\n") == "3 a\nb2 é9 <0>1 7 x\n".encode()


@pytest.mark.parametrize("same", [True, False], ids=["the record comes again", "the record was given up"])
def test_a_message_torn_by_a_peer_that_reads_no_more_is_finished_on_the_same_connection(
    same: bool, small_peer: Peer, sink: Any, short: None
) -> None:
    target = sink(small_peer.port)
    texts = [f"{number} " + "x" * 500_000 for number in range(20)]

    with pytest.raises(Unavailable, match="it takes no more in time") as caught:
        target.write(records(*texts))
    done = caught.value.delivered
    with pytest.raises(Unavailable) as again:  # nobody reads; there may have been some room left
        target.write(records(*texts[done:]))
    done += again.value.delivered
    assert done < 20

    connection = small_peer.accept()
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(read_all(connection, b"the end")))
    reader.start()
    rest = records(*(texts[done:] if same else texts[done + 1 :]))
    while rest:  # as the core does
        try:
            target.write(rest)
            rest = []
        except Unavailable as error:
            rest = rest[error.delivered :]
    target.write(records("the end"))
    reader.join(60)

    frames = [frame.decode() for frame in frames_in(received[0])]
    assert frames == [*texts, "the end"], [frame[:20] for frame in frames]


def test_a_torn_message_of_a_connection_that_broke_is_sent_whole_over_the_next(
    small_peer: Peer, sink: Any, short: None
) -> None:
    target = sink(small_peer.port)
    texts = [f"{number} " + "x" * 500_000 for number in range(20)]
    with pytest.raises(Unavailable) as caught:
        target.write(records(*texts))
    small_peer.accept().close()

    target_of_rest = records(*texts[caught.value.delivered :][:1])
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(read_all(small_peer.accept(), b"the end")))
    reader.start()
    for batch in (target_of_rest, records("the end")):
        while True:  # the broken connection may be noticed only by writing to it
            try:
                target.write(batch)
                break
            except Unavailable as error:
                assert error.delivered == 0
    reader.join(60)

    assert [frame[:10] for frame in frames_in(received[0])] == [target_of_rest[0].data[:10], b"the end"]


def test_lines_of_another_format_are_escaped_behind_our_header(peer: Peer, sink: Any) -> None:
    sink(peer.port).write([Record(b"a\n<0>1 b.", 20, "app", 0, "console")])

    assert read_all(peer.accept(), b"b.").endswith(rb" - app - a\n<0>1 b.")


# -- peers that go ----------------------------------------------------------------------------------------------------


def test_a_peer_that_closed_is_noticed_before_anything_is_written(peer: Peer, sink: Any) -> None:
    target = sink(peer.port)
    for number in range(5):
        target.write(records(f"message {number}."))
        connection = peer.accept()
        assert frames_in(read_all(connection, b".")) == [f"message {number}.".encode()]
        connection.close()  # and the end of it is there before `close` returns


def test_a_peer_that_closes_during_a_batch_gets_all_of_it_again(
    peer: Peer, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it read of the batch nobody knows: rather twice than not at all."""
    target = sink(peer.port)
    write = stream._write

    def write_and_close(*arguments: Any) -> int:
        written = write(*arguments)
        read_all(peer.accept(), b"two.")
        peer.connections[-1].close()
        return written

    with monkeypatch.context() as patch:
        patch.setattr(stream, "_write", write_and_close)
        with pytest.raises(Unavailable, match="the connection was closed while it was written to") as caught:
            target.write(records("one.", "two."))
    assert caught.value.delivered == 0
    target.write(records("one.", "two."))

    assert frames_in(read_all(peer.accept(), b"two.")) == [b"one.", b"two."]


def test_a_peer_that_never_stops_talking_holds_nobody_up(peer: Peer, sink: Any) -> None:
    target = sink(peer.port)
    target.write(records("1."))
    connection = peer.accept()
    ending = threading.Event()

    def talk() -> None:
        connection.settimeout(0.01)
        while not ending.is_set():
            with suppress(TimeoutError):
                connection.sendall(b"x" * 2**20)

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        for number in range(20):
            target.write(records(f"{number}."))
    finally:
        ending.set()
        talker.join(60)


def test_a_connection_that_is_reset_counts_nothing_of_the_batch_as_delivered(small_peer: Peer, sink: Any) -> None:
    target = sink(small_peer.port)
    trouble: list[Unavailable] = []

    def write() -> None:
        with pytest.raises(Unavailable, match="the connection") as caught:
            target.write(records(*["x" * 1_000_000] * 20))
        trouble.append(caught.value)

    writer = threading.Thread(target=write)
    writer.start()
    connection = small_peer.accept()
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    writer.join(60)

    assert trouble[0].delivered == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own times hold")
def test_the_system_finds_out_when_a_peer_is_gone_without_a_word(peer: Peer, sink: Any) -> None:
    target = sink(peer.port)
    target.write(records("x"))
    sock = target._link._sock

    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


def test_what_a_peer_says_is_thrown_away(peer: Peer, sink: Any) -> None:
    target = sink(peer.port)
    target.write(records("1."))
    connection = peer.accept()
    connection.sendall(b"hello" * 10_000)
    target.write(records("2."))

    assert frames_in(read_all(connection, b"2.")) == [b"1.", b"2."]


def test_a_host_without_a_server_is_unavailable(sink: Any) -> None:
    with pytest.raises(Unavailable, match=r"tcp://127\.0\.0\.1:\d+: the connection was refused") as caught:
        sink(free_port()).write(records("x"))

    assert caught.value.delivered == 0


def test_a_server_that_hangs_in_the_handshake_costs_one_attempt(peer: Peer, sink: Any, short: None) -> None:
    with pytest.raises(Unavailable, match="no answer in time"):
        sink(peer.port, "tls").write(records("x"))


def test_a_name_that_does_not_exist_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    target = SyslogSink(url="tcp://nowhere.example")
    target.open()
    with pytest.raises(Unavailable, match="tcp://nowhere.example:601: the name cannot be resolved"):
        target.write(records("x"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_has_a_connection_of_its_own(peer: Peer, sink: Any) -> None:
    target = sink(peer.port)
    target.write(records("parent 1."))
    of_parent = peer.accept()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            target.write(records("child."))
            target.close()
            os._exit(0)
        os._exit(1)
    of_child = peer.accept()

    assert frames_in(read_all(of_child, b"child.")) == [b"child."]
    assert os.waitpid(child, 0)[1] == 0
    target.write(records("parent 2."))
    assert frames_in(read_all(of_parent, b"2.")) == [b"parent 1.", b"parent 2."]


# -- TLS --------------------------------------------------------------------------------------------------------------

Start = Callable[..., Daemon]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"ca": "stranger.pem"}, "the certificate cannot be verified"),
        ({}, "the certificate cannot be verified"),
        ({"ca": "ca.pem", "server_name": "other.example"}, "the certificate cannot be verified .*Hostname mismatch"),
    ],
    ids=["of another authority", "of no known authority", "of another name"],
)
def test_nothing_is_sent_to_a_server_that_does_not_prove_who_it_is(
    options: dict[str, str], why: str, start: Start, certificates: Path, sink: Any
) -> None:
    server = start("tls", Rsyslog, certificates)
    files: dict[str, Any] = {key: certificates / name if key == "ca" else name for key, name in options.items()}

    with pytest.raises(Unavailable, match=why) as caught:
        sink(server.port, "tls", **files).write(records("<14>1 - - - - - - x"))

    assert caught.value.delivered == 0
    server.stop()
    assert server.received() == []


def test_the_name_in_the_certificate_may_be_another_than_the_host(start: Start, certificates: Path, sink: Any) -> None:
    server = start("tls", Rsyslog, certificates)

    sink(server.port, "tls", ca=certificates / "ca.pem", server_name="localhost").write(records("<14>1 - - - - - - x"))

    assert server.wait_for(1)[0]["text"] == "x"


def test_a_server_that_wants_our_certificate_gets_it(
    start: Start, certificates: Path, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start("tls", Rsyslog, certificates, client=True)
    ca, certificate = certificates / "ca.pem", certificates / "client.pem"
    with monkeypatch.context() as patch:
        patch.setattr("penstock_syslog.connect._SETTLE", 60.0)  # however busy the machine is
        with pytest.raises(Unavailable) as caught:
            sink(server.port, "tls", ca=ca).write(records("<14>1 - - - - - - without"))
        assert caught.value.delivered == 0
        deadline = Deadline()
        deadline.start(60)
        # Before a message is lost: with TLS 1.3 the server says no behind the handshake.
        with pytest.raises(OSError, match="(?i)certificate|closed|reset"):
            Connector(Address.parse(server.url), Identity(ca=ca)).connect(deadline)

    sink(server.port, "tls", ca=ca, certificate=certificate, key=certificates / "client.key").write(
        records("<14>1 - - - - - - one")
    )
    password = Secret("obviously-fake-password")
    locked = sink(
        server.port, "tls", ca=ca, certificate=certificate, key=certificates / "locked.key", key_password=password
    )
    locked.write(records("<14>1 - - - - - - two"))

    assert sorted(line["text"] for line in server.wait_for(2)) == ["one", "two"]
    assert "obviously" not in repr(locked)


@pytest.mark.parametrize("password", [None, "another-fake-password"])
def test_a_key_that_cannot_be_opened_is_told_without_its_password(
    password: str | None, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_PASSWORD", str(password))
    files = {"certificate": str(certificates / "client.pem"), "key": str(certificates / "locked.key")}
    table = {"type": "syslog", "url": "tls://logs.example", **files}
    if password:
        table["key_password"] = {"env": "KEY_PASSWORD"}  # type: ignore[assignment]

    with pytest.raises(ConfigError, match="a wrong password") as caught:
        penstock.configure({"sink": {"logs": table}, "pipeline": {"all": {"sink": "logs"}}}, strict=True)

    assert "another-fake" not in str(caught.value)


def test_a_renewed_certificate_is_used_for_the_next_connection(
    start: Start, certificates: Path, sink: Any, tmp_path: Path
) -> None:
    server = start("tls", Rsyslog, certificates)
    ca = tmp_path / "ca.pem"
    ca.write_bytes((certificates / "stranger.pem").read_bytes())
    target = sink(server.port, "tls", ca=ca)
    with pytest.raises(Unavailable):
        target.write(records("<14>1 - - - - - - x"))

    ca.write_bytes((certificates / "ca.pem").read_bytes())
    target.write(records("<14>1 - - - - - - x"))

    server.wait_for(1)


def test_a_server_of_tls_that_takes_no_more_costs_no_record(certificates: Path, sink: Any, peer: Peer) -> None:
    """The connection is given up, and what was not out is sent over the next."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    received: list[bytes] = []
    go_on = threading.Event()

    def serve() -> None:
        for last in (False, True):
            connection = context.wrap_socket(peer.accept(), server_side=True)
            connection.settimeout(60)
            if not last:
                go_on.wait(60)
            data = b""
            with suppress(OSError):
                while more := connection.recv(65_536):
                    data += more
                    if data.endswith(b"the end"):
                        break
            received.append(data)
            connection.close()

    server = threading.Thread(target=serve)
    server.start()
    target = sink(peer.port, "tls", ca=certificates / "ca.pem")
    texts = [f"{number} " + "x" * 500_000 for number in range(20)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("penstock_syslog.sink.time_left", lambda: 1.0)
        with pytest.raises(Unavailable, match="it takes no more in time") as caught:
            target.write(records(*texts))
    go_on.set()
    done = caught.value.delivered
    assert done < 20
    target.write(records(*texts[done:], "the end"))
    wait_for(lambda: len(received) == 2, "two connections")
    server.join(60)

    whole = [frame for data in received for frame in frames_in(data) if not frame.endswith(b" (torn)")]
    assert [frame.decode() for frame in whole] == [*texts, "the end"]
