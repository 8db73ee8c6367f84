"""A server on 127.0.0.1 that answers as a script says, and notes what it was sent and when: for tests of network sinks.

It speaks HTTP over raw sockets, because half of what it has to do no HTTP server does: hang, drip, reset, cut.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any

from attrs import define, field


@define
class Request:
    """What a client sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    arrived: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@define
class Exchange:
    """One request on its connection, to be answered."""

    server: ScriptedServer
    peer: socket.socket
    request: Request


Step = Callable[[Exchange], bool]
"""Answers a request; returns whether the connection stays."""


def answer(status: int = 200, body: bytes | Mapping[str, Any] = b"", /, *, forbids: float = 0, **headers: str) -> Step:
    """Answer; with *forbids*, a request in so many seconds after it is a violation."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def step(exchange: Exchange) -> bool:
        lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(data)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if forbids:
            exchange.server.forbidden_until = monotonic() + forbids
        exchange.peer.sendall("\r\n".join([*lines, "", ""]).encode() + data)
        return True

    return step


def raw(data: bytes) -> Step:
    """Send *data* as it is and close."""

    def step(exchange: Exchange) -> bool:
        exchange.peer.sendall(data)
        return False

    return step


def cut(exchange: Exchange) -> bool:
    """Announce a thousand bytes, send ten, close."""
    exchange.peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"ok":true')
    return False


def reset(exchange: Exchange) -> bool:
    """Break the connection with RST."""
    exchange.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang(exchange: Exchange) -> bool:
    """Say nothing until the test is over."""
    exchange.server.ending.wait()
    return False


def drip(head: bytes = b"HTTP/1.1 200 OK\r\n") -> Step:
    """Send a byte every 20 ms, for ever: each arrives long before any timeout of a socket."""

    def step(exchange: Exchange) -> bool:
        exchange.peer.sendall(head)
        while not exchange.server.ending.wait(0.02):
            exchange.peer.sendall(b"x")
        return False

    return step


def endless(exchange: Exchange) -> bool:
    """Send a body without end, as fast as it is taken."""
    exchange.peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not exchange.server.ending.is_set():
        exchange.peer.sendall(b"x" * 65_536)
    return False


@define(kw_only=True)
class ScriptedServer:
    """Answers each request with the next step of the script, and with *otherwise* when it is over.

    Attributes:
        judge: Looks at each request first and returns what rule of the service it breaks, or an empty text.
        requests: Everything that was sent, in order.
        violations: What broke a rule; a test ends with an assertion that there is none.
    """

    script: deque[Step] = field(factory=deque, converter=deque)
    otherwise: Step = field(factory=answer)
    judge: Callable[[Request], str] = field(default=lambda request: "")
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(factory=list)
    violations: list[str] = field(factory=list)
    connections: int = 0
    forbidden_until: float = 0.0
    ending: threading.Event = field(factory=threading.Event)
    _listener: socket.socket = field(init=False)
    _threads: list[threading.Thread] = field(factory=list, init=False)
    _peers: list[socket.socket] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def play(self, *steps: Step) -> None:
        """Let *steps* answer the next requests."""
        self.script.extend(steps)

    @contextmanager
    def busy(self, emit: Callable[[], None]) -> Iterator[None]:
        """Have *emit* cause a request and answer it only after the block: what comes in it is the next batch."""
        gate = threading.Event()
        then = self.script.popleft() if self.script else self.otherwise

        def step(exchange: Exchange) -> bool:
            gate.wait()
            return then(exchange)

        before = len(self.requests)
        self.script.appendleft(step)
        emit()
        while len(self.requests) == before:
            sleep(0.002)
        yield
        gate.set()

    def close(self) -> None:
        """Break every connection and wait for every thread."""
        self.ending.set()
        for sock in (self._listener, *self._peers):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.ending.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._peers.append(peer)
            self._start(self._serve, peer)

    def _serve(self, peer: socket.socket) -> None:
        try:
            if self.tls is not None:
                peer = self.tls.wrap_socket(peer, server_side=True)
            with peer, peer.makefile("rb") as stream:
                while (request := _read(stream)) is not None and self._answer(Exchange(self, peer, request)):
                    pass
        except (OSError, ValueError):  # the client went away, the test is over, or what came is no HTTP
            peer.close()

    def _answer(self, exchange: Exchange) -> bool:
        self.requests.append(exchange.request)
        if exchange.request.arrived < self.forbidden_until:
            self.violations.append("a request came in a forbidden window")
        broken = self.judge(exchange.request)
        if broken:
            self.violations.append(broken)
            return answer(400, {"ok": False, "error_code": 400, "description": "Bad Request: broken rule"})(exchange)
        return (self.script.popleft() if self.script else self.otherwise)(exchange)


def _read(stream: Any) -> Request | None:
    first = stream.readline()
    arrived = monotonic()
    if not first:
        return None
    method, target, _ = first.decode().split()
    headers = {}
    while (line := stream.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body, arrived)


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def serving(servers: list[ScriptedServer], **options: Any) -> ScriptedServer:
    """Start a server that a fixture closes."""
    server = ScriptedServer(**options)
    servers.append(server)
    return server


def leftovers(servers: Iterable[ScriptedServer]) -> list[str]:
    """Close *servers* and return what they complain about."""
    complaints = []
    for server in servers:
        server.close()
        complaints += server.violations
    return complaints
