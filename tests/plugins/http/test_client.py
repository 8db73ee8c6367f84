"""The client: one deadline over all, no URL in anything that is told, no redirect, no proxy, no trust without proof."""

from __future__ import annotations

import http.client
import logging
import multiprocessing
import os
import shutil
import socket
import ssl
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from penstock.plugin import Closed, Secret, Unavailable
from penstock_http import HttpClient
from penstock_http.resolve import Resolver
from scripted_server import (
    ScriptedServer,
    Step,
    answer,
    closed_port,
    cut,
    drip,
    endless,
    hang,
    leftovers,
    raw,
    reset,
    serving,
)

TOKEN = "123456:canary-AAbbCCddEEffGGhhIIjj"
Serve = Callable[..., ScriptedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[ScriptedServer] = []
    yield lambda **options: serving(servers, **options)
    assert leftovers(servers) == []


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HttpClient]]:
    clients: list[HttpClient] = []

    def connect(url: str, *, seconds: float = 5.0, **options: Any) -> HttpClient:
        monkeypatch.setattr("penstock_http.client.time_left", lambda: seconds)
        clients.append(HttpClient(Secret(f"{url}/bot{TOKEN}/send"), **options))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def told(error: BaseException) -> str:
    """Return everything a tool could print of an exception, local variables included, but for the test's own frame."""
    assert error.__traceback__ is not None
    frames = error.__traceback__.tb_next
    lines = traceback.TracebackException(type(error), error, frames, capture_locals=True).format()
    return "".join(lines) + repr(error) + str(error.__dict__)


# -- what is sent, what comes back ------------------------------------------------------------------------------------


def test_a_post_brings_its_body_and_headers_and_returns_the_answer(serve: Serve, connect: Any) -> None:
    server = serve(otherwise=answer(200, {"ok": True}, X_Thing="one"))
    client = connect(server.url, headers={"X-Key": Secret("k3y-value")})

    reply = client.post(b"[1]", content_type="text/x")

    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", f"/bot{TOKEN}/send", b"[1]")
    assert (request.headers["content-type"], request.headers["x-key"]) == ("text/x", "k3y-value")
    assert (reply.status, reply.json(), reply.headers["x-thing"]) == (200, {"ok": True}, "one")


def test_a_connection_is_kept_and_a_dead_one_replaced(serve: Serve, connect: Any) -> None:
    server = serve(script=[answer(), answer(), raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")])
    client = connect(server.url)
    for _ in range(3):
        client.post(b"")
    assert server.connections == 1

    while client._connection is not None and client._connection.is_connected:
        pass  # until the end of the stream is here
    client.post(b"")

    assert (server.connections, len(server.requests)) == (2, 4)


def test_a_connection_that_was_idle_for_long_is_not_trusted(
    serve: Serve, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    client = connect(server.url)
    client.post(b"")
    monkeypatch.setattr("penstock_http.client._IDLE", 0.0)

    client.post(b"")

    assert server.connections == 2


def test_a_large_body_arrives_whole(serve: Serve, connect: Any) -> None:
    server = serve()
    body = os.urandom(3_000_000)

    connect(server.url).post(body)

    assert server.requests[0].body == body


@pytest.mark.parametrize(
    "data",
    [
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"ok"\r\n6\r\n:true}\r\n0\r\n\r\n',
        b'HTTP/1.1 200 OK\r\n\r\n{"ok":true}',
        b'HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}',
        b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}',
    ],
)
def test_every_way_to_frame_an_answer_is_understood(data: bytes, serve: Serve, connect: Any) -> None:
    assert connect(serve(script=[raw(data)]).url).post(b"").json() == {"ok": True}


def test_an_answer_without_end_is_read_to_64_kib(serve: Serve, connect: Any) -> None:
    server = serve(script=[endless])
    client = connect(server.url)

    assert len(client.post(b"").body) == 65_536
    client.post(b"")  # on a new connection: the old one is full of the rest

    assert server.connections == 2


# -- what goes wrong --------------------------------------------------------------------------------------------------

MALFORMED = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\nA: b\r\nno colon here\r\nC: d\r\n\r\n{}"
FAULTS: dict[str, Step] = {
    "reset": reset,
    "closed": raw(b""),
    "cut": cut,
    "cut chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"),
    "negative chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc"),
    "no http": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "no status": raw(b"HTTP/1.1 abc\r\n\r\n"),
    "long line": raw(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n"),
    "many headers": raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"),
}
SLOW: dict[str, Step] = {
    "hang": hang,
    "drip in the status": drip(b"HTTP/1.1 "),
    "drip in the headers": drip(b"HTTP/1.1 200 OK\r\nA: "),
    "drip in the body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_exchange_is_unavailable_and_the_next_one_starts_afresh(
    fault: str, serve: Serve, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(script=[FAULTS[fault]])
    client = connect(server.url)

    with pytest.raises(Unavailable) as caught:
        client.post(b"")

    assert TOKEN not in told(caught.value) + caplog.text + repr(client)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert client.post(b"").good


@pytest.mark.parametrize("fault", SLOW)
def test_no_peer_holds_an_attempt_beyond_its_deadline(fault: str, serve: Serve, connect: Any) -> None:
    server = serve(script=[SLOW[fault]])
    client = connect(server.url, seconds=0.2)

    with pytest.raises(Unavailable, match="no answer in time") as caught:
        client.post(b"")  # without a total deadline this never returns: a byte comes every 20 ms

    assert TOKEN not in told(caught.value)
    assert client.post(b"").good


def test_a_peer_that_does_not_read_cannot_hold_an_attempt(connect: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = connect(f"http://127.0.0.1:{listener.getsockname()[1]}", seconds=0.2)

        with pytest.raises(Unavailable, match="no answer in time"):
            client.post(b"x" * 50_000_000)


def test_a_peer_that_refuses_while_it_is_still_sent_to_is_heard(serve: Serve, connect: Any) -> None:
    def refuse_early(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(1)
            peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(1 << 20):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse_early, args=(listener,))
        thread.start()
        client = connect(f"http://127.0.0.1:{listener.getsockname()[1]}")

        assert client.post(b"x" * 3_000_000).status == 413
        client.close()
        thread.join()


def test_a_refused_connection_is_unavailable(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(Unavailable, match="the connection was refused") as caught:
        connect(f"http://127.0.0.1:{closed_port()}").post(b"")

    assert TOKEN not in told(caught.value) + caplog.text


def test_a_redirect_is_not_followed(serve: Serve, connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    target = serve()
    server = serve(otherwise=answer(302, b"", Location=f"{target.url}/bot{TOKEN}/elsewhere"))

    reply = connect(server.url).post(b"secret body")

    assert reply.status == 302
    assert target.requests == []
    assert TOKEN not in repr(reply) + caplog.text


def test_no_proxy_of_the_environment_is_asked(serve: Serve, connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serve(), serve()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)

    connect(server.url).post(b"")

    assert (len(proxy.requests), len(server.requests)) == (0, 1)


def test_nothing_is_logged_nor_printed_not_even_for_a_malformed_header(
    serve: Serve,
    connect: Any,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)  # a habit of people who debug
    server = serve(script=[raw(MALFORMED), answer(500, f"<h1>/bot{TOKEN}/send</h1>".encode())])
    client = connect(server.url)

    replies = [client.post(b""), client.post(b"")]

    out, err = capfd.readouterr()
    assert TOKEN not in caplog.text + out + err + repr(replies) + repr(client.__dict__)


# -- names ------------------------------------------------------------------------------------------------------------


def test_a_name_that_does_not_exist_is_unavailable(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def unknown(host: str, *args: Any, **options: Any) -> Any:
        if host == "nowhere.invalid" and not options.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(Unavailable, match=r"nowhere\.invalid: the name cannot be resolved"):
        connect("http://nowhere.invalid").post(b"")


def test_a_label_that_no_name_can_have_is_unavailable(connect: Any) -> None:
    with pytest.raises(Unavailable, match="the name cannot be resolved"):
        connect(f"http://{'x' * 64}.invalid").post(b"")


def test_a_name_server_that_hangs_costs_an_attempt_its_time_and_at_most_two_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go, asked = threading.Event(), []
    real = socket.getaddrinfo

    def hanging(host: str, *args: Any, **options: Any) -> Any:
        if options.get("flags"):
            return real(host, *args, **options)
        asked.append(host)
        go.wait()
        return real("127.0.0.1", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    resolver = Resolver()

    for _ in range(4):
        with pytest.raises(TimeoutError):
            resolver.look_up("slow.example", 443, 0.02)
    left = list(resolver._hanging)
    go.set()
    for thread in left:
        thread.join()

    assert (len(asked), len(left)) == (2, 2)
    assert resolver.look_up("slow.example", 443, 5.0)[0][4] == ("127.0.0.1", 443)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    serve: Serve, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    dead = socket.socket()
    dead.bind(("127.0.0.1", 0))
    full = [socket.socket() for _ in range(4)]
    dead.listen(0)  # accepts nothing: once its backlog is full, a connection attempt hangs
    for sock in full:
        sock.setblocking(False)
        sock.connect_ex(dead.getsockname())
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in (dead.getsockname(), ("127.0.0.1", server.port))
    ]
    monkeypatch.setattr(Resolver, "look_up", lambda *args: found)

    assert connect("http://two.example", seconds=0.6).post(b"").good

    for sock in (dead, *full):
        sock.close()


# -- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command to make a certificate with")
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{path}", "-out", f"{path}.crt"]
    subprocess.run([*command, *names], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_nobody_vouches_for_closes_and_nothing_is_sent(
    tls: ssl.SSLContext, serve: Serve, connect: Any
) -> None:
    server = serve(tls=tls)

    with pytest.raises(Closed, match="the certificate of 127.0.0.1 cannot be verified") as caught:
        connect(server.url).post(b"")

    assert server.requests == []
    assert TOKEN not in told(caught.value)
    assert caught.value.__context__ is None


def test_a_certificate_for_another_name_closes(
    tls: ssl.SSLContext, certificate: Path, serve: Serve, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    server = serve(tls=tls)
    monkeypatch.setattr(
        Resolver, "look_up", lambda *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
    )

    with pytest.raises(Closed, match=r"the certificate of other\.example"):
        connect(f"https://other.example:{server.port}").post(b"")

    assert server.requests == []


def test_a_trusted_certificate_carries_posts_of_any_size(
    tls: ssl.SSLContext, certificate: Path, serve: Serve, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    server = serve(tls=tls, otherwise=answer(200, {"ok": True}))
    client = connect(server.url)

    replies = [client.post(b"x" * size) for size in (1, 300_000, 1)]

    assert [reply.json() for reply in replies] == [{"ok": True}] * 3
    assert [len(request.body) for request in server.requests] == [1, 300_000, 1]


def test_a_handshake_that_stalls_ends_with_the_deadline(serve: Serve, connect: Any) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # accepts by its backlog and never says a word

    with silent, pytest.raises(Unavailable, match="no answer in time"):
        connect(f"https://127.0.0.1:{silent.getsockname()[1]}", seconds=0.2).post(b"")


def test_a_peer_that_reads_slowly_through_tls_ends_with_the_deadline(
    tls: ssl.SSLContext, certificate: Path, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    over = threading.Event()

    def read_slowly(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with suppress(OSError), tls.wrap_socket(peer, server_side=True) as secure:
            while not over.wait(0.01) and secure.recv(16_384):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=read_slowly, args=(listener,))
        thread.start()
        with pytest.raises(Unavailable, match="no answer in time"):
            connect(f"https://127.0.0.1:{listener.getsockname()[1]}", seconds=0.4).post(b"x" * 50_000_000)
        over.set()
        thread.join()


def test_a_drip_through_tls_ends_with_the_deadline(
    tls: ssl.SSLContext, certificate: Path, serve: Serve, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    server = serve(tls=tls, script=[drip(b"HTTP/1.1 200 OK\r\nA: ")])

    with pytest.raises(Unavailable, match="no answer in time"):
        connect(server.url, seconds=0.4).post(b"")


def test_a_server_without_tls_is_no_secure_connection(serve: Serve, connect: Any) -> None:
    server = ScriptedServer()
    try:
        with pytest.raises(Unavailable):
            connect(server.url.replace("http:", "https:"), seconds=1.0).post(b"")
    finally:
        server.close()
    assert server.requests == []


# -- processes --------------------------------------------------------------------------------------------------------


def _post_in_child(client: HttpClient, body: bytes) -> None:
    client.post(body)
    client.close()
    os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_does_not_speak_on_its_parents_connection(serve: Serve, connect: Any) -> None:
    server = serve()
    client = connect(server.url)
    client.post(b"parent")

    child = multiprocessing.get_context("fork").Process(target=_post_in_child, args=(client, b"child"))
    child.start()
    child.join()
    client.post(b"parent again")

    assert [request.body for request in server.requests] == [b"parent", b"child", b"parent again"]
    assert server.connections == 2
    child.close()


def test_what_is_no_url_or_no_header_is_told_without_showing_it() -> None:
    for url in (f"ftp://x/{TOKEN}", f"https://{TOKEN}@host/", f"https://host/{TOKEN} x", f"https://host:{TOKEN}/"):
        with pytest.raises(ValueError, match="URL") as caught:
            HttpClient(Secret(url))
        assert TOKEN not in told(caught.value)
    with pytest.raises(ValueError, match="header") as caught:
        HttpClient("https://host/", headers={"A": Secret(f"{TOKEN}\r\nX: y")})
    assert TOKEN not in told(caught.value)
