"""A message is one datagram, as large as it may be; what the system says of it is heard."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.plugin import Closed, Record, Rejected, Size, Unavailable
from penstock_syslog.message import take_apart
from penstock_syslog.sink import SyslogSink
from rfc5424 import read
from syslogs import free_port


def record(data: bytes) -> Record:
    return Record(data, 20, "app", 0, "rfc5424")


def message(text: str, **fields: str) -> bytes:
    data = "".join(f' {key}="{value}"' for key, value in fields.items())
    return f"<14>1 - - - - - [fields@32473{data}] {text}".encode()


class Receiver:
    """A socket that datagrams arrive at."""

    def __init__(self, path: Path | None = None, port: int = 0) -> None:
        self.path = path
        self._sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.settimeout(30)
        self._sock.bind(str(path) if path else ("127.0.0.1", port))
        self.url = f"unix://{path}" if path else f"udp://127.0.0.1:{self._sock.getsockname()[1]}"

    def receive(self) -> bytes:
        return self.receive_from()[0]

    def receive_from(self) -> tuple[bytes, Any]:
        """Return a message and its sender."""
        return self._sock.recvfrom(2**20)

    def close(self) -> None:
        self._sock.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(*arguments: Any, **options: Any) -> Receiver:
        made.append(Receiver(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def sink() -> Iterator[Callable[..., SyslogSink]]:
    made: list[SyslogSink] = []

    def make(url: str, **options: Any) -> SyslogSink:
        made.append(SyslogSink(url=url, **options))
        made[-1].open()
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an attempt end after a moment."""
    monkeypatch.setattr("penstock_syslog.sink.time_left", lambda: 0.2)


Make = Callable[..., Receiver]


def test_each_message_is_one_datagram_without_a_count(receiver: Make, sink: Any, tmp_path: Path) -> None:
    for target in (receiver(), receiver(tmp_path / "log")):
        sink(target.url).write([record(b"a\nb"), record(b"c")])

        assert [target.receive(), target.receive()] == [b"a\nb", b"c"]


def test_over_udp_a_message_fits_one_packet_and_its_data_is_whole(receiver: Make, sink: Any) -> None:
    target = receiver()
    sink(target.url).write([record(message("é" * 5_000, order="17", note="n" * 900, more="m" * 900))])

    data = target.receive()
    assert len(data) <= 1_400
    assert read(data).data == {"fields@32473": {"order": "17", "note": "n" * 900}}
    assert read(data).text.endswith(" bytes and 1 value]")


def test_a_larger_or_smaller_limit_can_be_set(receiver: Make, sink: Any) -> None:
    target = receiver()
    for size in (480, 9_000):
        sink(target.url, max_size=Size(size)).write([record(message("x" * 20_000))])
        assert size - 100 < len(target.receive()) <= size


def test_what_no_datagram_can_hold_is_cut_until_one_does(receiver: Make, sink: Any, tmp_path: Path) -> None:
    target = receiver(tmp_path / "log")
    sink(target.url).write([record(message("x" * 3_000_000, order="17"))])

    data = target.receive()
    assert len(data) > 20_000
    assert take_apart(data) is not None
    assert read(data).data == {"fields@32473": {"order": "17"}}


def test_a_message_that_cannot_be_cut_is_rejected_alone(
    receiver: Make, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = receiver()
    monkeypatch.setattr("penstock_syslog.datagrams._LEAST", 2**20)
    with pytest.raises(Rejected, match="too large for a datagram") as caught:
        sink(target.url, max_size=Size("1 MB")).write([record(b"one"), record(b"x" * 100_000), record(b"two")])

    assert caught.value.indexes == frozenset({1})
    assert [target.receive(), target.receive()] == [b"one", b"two"]


def test_over_udp_a_refusal_makes_the_whole_batch_doubtful(receiver: Make, sink: Any) -> None:
    port = free_port(socket.SOCK_DGRAM)
    target = sink(f"udp://127.0.0.1:{port}")
    batch = [record(b"one"), record(b"two")]
    with pytest.raises(Unavailable, match="the connection was refused") as caught:
        target.write(batch)
    assert caught.value.delivered == 0

    listening = receiver(port=port)
    target.write(batch)

    assert [listening.receive(), listening.receive()] == [b"one", b"two"]


def test_over_udp_the_next_address_of_a_host_is_tried_after_a_refusal(
    receiver: Make, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of `localhost`, where the daemon listens at one of two addresses."""
    listening = receiver()
    port = int(listening.url.rpartition(":")[2])
    look_up = socket.getaddrinfo

    def two(host: str, *rest: Any, **options: Any) -> Any:
        if host != "two.example":
            return look_up(host, *rest, **options)
        if options.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "not in digits")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    target = sink(f"udp://two.example:{port}")
    with pytest.raises(Unavailable, match="the connection was refused"):
        target.write([record(b"x")])
    target.write([record(b"x")])

    assert listening.receive() == b"x"


def test_a_local_daemon_that_was_started_anew_is_found_in_the_same_attempt(
    receiver: Make, sink: Any, tmp_path: Path
) -> None:
    """Inline there is no other attempt."""
    first = receiver(tmp_path / "log")
    target = sink(first.url)
    target.write([record(b"one")])
    assert first.receive() == b"one"

    for number in range(3):
        first.close()
        first = receiver(tmp_path / "log")
        target.write([record(b"%d" % number)])
        assert first.receive() == b"%d" % number


def test_a_local_daemon_that_is_behind_is_waited_for_and_no_longer(
    receiver: Make, sink: Any, short: None, tmp_path: Path
) -> None:
    target = receiver(tmp_path / "log")
    batch = [record(b"%d" % number) for number in range(5_000)]
    with pytest.raises(Unavailable, match="it takes no more in time") as caught:
        sink(target.url).write(batch)

    done = caught.value.delivered
    assert 0 < done < 5_000
    assert [target.receive() for _ in range(done)] == [record.data for record in batch[:done]]


def test_a_path_without_a_socket_is_unavailable(sink: Any, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        sink(f"unix://{tmp_path}/none").write([record(b"x")])


def test_a_closed_sink_says_so(receiver: Make) -> None:
    target = SyslogSink(url=receiver().url)
    target.open()
    target.close()
    target.close()

    with pytest.raises(Closed):
        target.write([record(b"x")])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_has_a_socket_of_its_own(receiver: Make, sink: Any) -> None:
    listening = receiver()
    target = sink(listening.url)
    target.write([record(b"parent")])
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            target.write([record(b"child")])
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0

    target.write([record(b"parent again")])
    senders = dict(listening.receive_from() for _ in range(3))
    assert senders[b"parent"] == senders[b"parent again"] != senders[b"child"]


def test_a_local_socket_can_be_written_to_inline(receiver: Make, tmp_path: Path) -> None:
    target = receiver(tmp_path / "log")
    table = {"type": "syslog", "url": target.url, "delivery": {"mode": "inline", "timeout": "5 s"}}
    penstock.configure({"sink": {"logs": table}, "pipeline": {"all": {"sink": "logs", "match": ["app"]}}}, strict=True)

    penstock.get_logger("app").warning("disk full", free=0)

    message = read(target.receive())
    assert (message.priority, message.text, message.data["fields@32473"]) == (12, "disk full", {"free": "0"})
    assert penstock.ledger()["logs"].delivered == 1
