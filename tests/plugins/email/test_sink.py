"""Mail over real SMTP: every record is delivered, refused or waits; nobody gets it twice; no secret is told."""

from __future__ import annotations

import logging
import re
import socket
import threading
import traceback
from collections.abc import Callable
from email.message import EmailMessage
from time import sleep
from typing import Any

import pytest
import trustme

import penstock
from mail_servers import read_line, reset, text_of
from penstock.errors import ConfigError, SinkError
from penstock.testing import some_record
from scripted_server import closed_port

Start = Callable[..., Any]
LIMIT = 30.0

pytestmark = [
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # aiosmtpd drops transports when a test ends
]


def account() -> tuple[int, int, dict[str, int], int]:
    book = penstock.ledger()["mail"]
    assert book.balanced
    return book.accepted, book.delivered, dict(book.dropped), book.pending


def told(capfd: pytest.CaptureFixture[str]) -> str:
    penstock.shutdown()
    return str(capfd.readouterr().err)


def in_one_batch(server: Any, *messages: str) -> None:
    """Emit an opener, hold the server's answer to it, and emit *messages* meanwhile: they are the next batch."""
    held, judge = threading.Event(), server.mail

    def hold(address: str) -> str:
        held.wait(LIMIT)
        return str(judge(address))

    server.mail = hold
    before = len(server.asked)
    log = penstock.get_logger("app")
    log.info("opener")
    while len(server.asked) == before:
        sleep(0.002)
    for message in messages:
        log.error(message)
    server.mail = judge
    held.set()


def sizes(server: Any, recipient: str | None = None) -> list[int]:
    """Return how many records each mail has."""
    return [len(re.findall(r"^\d{4}-", text, re.MULTILINE)) for text in server.texts(recipient)]


# -- what arrives -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_record_arrives_encrypted_after_a_login(encryption: str, serve: Start, run: Start, authority: Any) -> None:
    server = serve(**{encryption: authority.context()}, login=("canary-user@shop.example", "canary-p4ss word"))
    run(server, encryption=encryption, login=True, prefix="[shop]")

    penstock.get_logger("app").error("till open", drawer=3)

    assert penstock.flush(LIMIT)
    ((recipient, mail),) = server.taken
    assert recipient == "oncall@shop.example"
    assert mail["Subject"] == "[shop] ERROR: app: till open"
    assert (mail["From"], mail["To"]) == ("Shop <alerts@shop.example>", "oncall@shop.example")
    assert re.fullmatch(r"<[0-9a-f]{32}@shop\.example>", mail["Message-ID"])
    assert mail["Date"].datetime.tzinfo is not None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"\S+Z ERROR app: till open drawer=3\n", text_of(mail))
    assert not mail.is_multipart()
    assert server.logins == [("canary-user@shop.example", "canary-p4ss word")]
    assert account() == (1, 1, {}, 0)


def test_a_batch_is_one_mail_whose_subject_names_level_and_count(serve: Start, run: Start) -> None:
    server = serve()
    run(server)

    in_one_batch(server, *(f"line {number}" for number in range(40)))

    assert penstock.flush(LIMIT)
    assert sizes(server) == [1, 40]
    mail = server.taken[1][1]
    assert mail["Subject"] == "40 events, worst ERROR: app: line 0"
    lines = text_of(mail).splitlines()
    assert re.fullmatch(r"40 events from \S+Z to \S+Z: 40 error", lines[0])
    assert [line.partition(" ERROR ")[2] for line in lines[2:]] == [f"app: line {number}" for number in range(40)]
    assert account() == (41, 41, {}, 0)


def test_a_long_traceback_is_readable_below_its_line(serve: Start, run: Start) -> None:
    def fail(depth: int) -> None:
        if not depth:
            raise ValueError("the drawer\nERROR forged: is stuck")
        fail(depth - 1)

    server = serve()
    run(server, html=True)
    try:
        fail(200)
    except ValueError:
        penstock.get_logger("app").exception("till", note="<b>&")

    assert penstock.flush(LIMIT)
    mail = server.taken[0][1]
    lines = text_of(mail).splitlines()
    assert lines[1] == "    Traceback (most recent call last):"
    assert "    ValueError: the drawer" in lines
    assert all(line.startswith("    ") for line in lines[1:]), "no line of a traceback can pose as a record"
    html = mail.get_body(("html",)).get_content()
    assert "note=&lt;b&gt;&amp;" in html
    assert "<pre>Traceback" in html
    assert max(map(len, server.raw[0].split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "text",
    ["a\nBcc: everybody@shop.example", "a\r\n\r\nbody", "\u2028x\x00\x1b[2J", "\udc80", "é🚰" * 300, "=?utf-8?q?x?="],
)
def test_no_text_gets_out_of_its_header(text: str, serve: Start, run: Start) -> None:
    server = serve()
    run(server, prefix=text, pipeline={"match": ["**"]})

    penstock.get_logger(text).error(text, k=text)

    assert penstock.flush(LIMIT)
    mail = server.taken[0][1]
    assert mail.keys() == [
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    ]
    assert mail["To"] == "oncall@shop.example"
    assert len(mail["Subject"]) <= 200
    assert len(text_of(mail).splitlines()) == 1
    assert account()[:3] == (1, 1, {})


def test_a_dot_alone_ends_no_mail(serve: Start, run: Start) -> None:
    server = serve()
    runtime = run(server, pipeline={"format": "plain"})
    email = runtime._graph.sinks["mail"].sink.sink

    email.write([some_record(b"."), some_record(b".."), some_record(b"QUIT")])

    assert text_of(server.taken[0][1]).splitlines()[2:] == [".", "..", "QUIT"]


def test_a_record_of_another_format_is_its_own_line(serve: Start, run: Start) -> None:
    server = serve()
    run(server, pipeline={"format": "json"})

    penstock.get_logger("app").error("x")

    assert penstock.flush(LIMIT)
    assert text_of(server.taken[0][1]).startswith('{"')
    assert server.taken[0][1]["Subject"].startswith('ERROR: {"')


# -- who gets it ------------------------------------------------------------------------------------------------------

THREE = ["a@shop.example", "b@shop.example", "c@shop.example"]


def test_each_recipient_gets_each_record_once(serve: Start, run: Start) -> None:
    server = serve()
    run(server, to=THREE)

    in_one_batch(server, "one", "two")

    assert penstock.flush(LIMIT)
    assert [sizes(server, recipient) for recipient in THREE] == [[1, 2]] * 3
    assert {mail["To"] for _, mail in server.taken} == {", ".join(THREE)}
    assert len({mail["Message-ID"] for _, mail in server.taken}) == 2


def test_a_refused_recipient_costs_the_others_nothing_and_is_told_once(
    serve: Start, run: Start, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.faults._EVERY", 0.0)  # it is this sink that tells it once
    server = serve()
    server.rcpt = lambda address: "550 5.1.1 no such canary-user" if address == THREE[1] else "250 OK"
    run(server, to=THREE)

    for message in ("one", "two", "three"):
        penstock.get_logger("app").error(message)
        assert penstock.flush(LIMIT)

    assert [len(server.texts(recipient)) for recipient in THREE] == [3, 0, 3]
    assert account() == (3, 3, {}, 0)
    err = told(capfd)
    assert err.count("A recipient of mails was refused") == 1
    assert "subject='b@shop.example'" in err
    assert "code=550" in err
    assert "canary" not in err


def test_records_that_nobody_may_get_are_rejected_and_go_to_the_fallback(
    serve: Start, run: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    server = serve()
    server.rcpt = lambda address: "550 no"
    run(server, to=THREE[:2])

    in_one_batch(server, "one", "two")

    assert penstock.flush(LIMIT)
    assert account() == (3, 0, {"rejected": 3}, 0)
    assert server.asked.count(THREE[0]) == 2, "two mails, and none is tried record by record"
    err = told(capfd)
    assert ("app: one" in err, "app: two" in err) == (True, True)


def test_a_refused_sender_rejects_without_a_search_for_the_sinner(serve: Start, run: Start) -> None:
    server = serve()
    server.mail = lambda address: "553 not your address"
    run(server)

    in_one_batch(server, "one", "two", "three")

    assert penstock.flush(LIMIT)
    assert account() == (4, 0, {"rejected": 4}, 0)
    assert server.asked == ["alerts@shop.example"] * 2


def test_an_unwanted_record_costs_only_itself(serve: Start, run: Start, capfd: pytest.CaptureFixture[str]) -> None:
    server = serve()
    server.data = lambda data: "554 no canary-spam" if "poison" in data else "250 OK"
    run(server, to=THREE[:2])

    in_one_batch(server, "one", "two", "poison", "four", "five")

    assert penstock.flush(LIMIT)
    assert account() == (6, 5, {"rejected": 1}, 0)
    for recipient in THREE[:2]:
        seen = "".join(server.texts(recipient))
        assert [seen.count(f"app: {word}") for word in ("one", "two", "poison", "four", "five")] == [1, 1, 0, 1, 1]
    assert told(capfd).count("ERROR app: poison") == 1


def test_greylisting_waits_and_delivers_once(serve: Start, run: Start) -> None:
    answers = iter(["451 4.7.1 greylisted"] * 3)
    server = serve()
    server.rcpt = lambda address: next(answers, "250 OK")
    run(server)

    penstock.get_logger("app").error("x")

    assert penstock.flush(LIMIT)
    assert sizes(server) == [1]
    assert account() == (1, 1, {}, 0)
    assert penstock.ledger()["mail"].redelivered == 3


def test_who_is_put_off_gets_it_later_and_the_others_not_twice(
    serve: Start, run: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock_email.sink._AGAIN", 0.05)
    left = {THREE[1]: 3, THREE[2]: 1}

    def put_off(address: str) -> str:
        left[address] = left.get(address, 0) - 1
        return "452 too many recipients" if left[address] >= 0 else "250 OK"

    server = serve()
    server.rcpt = put_off
    run(server, to=THREE)

    in_one_batch(server, "one", "two")

    assert penstock.flush(LIMIT)
    assert account() == (3, 3, {}, 0)
    for recipient in THREE:
        seen = "".join(server.texts(recipient))
        assert [seen.count(f"app: {word}") for word in ("opener", "one", "two")] == [1, 1, 1]


def test_who_is_put_off_for_ever_is_not_waited_for_for_ever(
    serve: Start, run: Start, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("penstock_email.sink._AGAIN", 0.02)
    monkeypatch.setattr("penstock_email.sink._PATIENCE", 0.1)
    server = serve()
    server.rcpt = lambda address: "452 mailbox full" if address == THREE[0] else "250 OK"
    run(server, to=THREE[:2])

    for message in ("one", "two"):
        penstock.get_logger("app").error(message)
        assert penstock.flush(LIMIT)

    assert account() == (2, 2, {}, 0)
    assert len(server.texts(THREE[1])) == 2
    assert told(capfd).count("A recipient of mails was refused") == 1


# -- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("announced", [True, False])
def test_what_is_too_large_for_the_server_is_several_mails(announced: bool, serve: Start, run: Start) -> None:
    server = serve(size=20_000 if announced else 33_554_432)
    if not announced:
        server.data = lambda data: "552 message too large" if len(data) > 20_000 else "250 OK"
    run(server)

    in_one_batch(server, *(f"line {number} {'x' * 2_000}" for number in range(30)))

    assert penstock.flush(LIMIT)
    assert account() == (31, 31, {}, 0)
    seen = "".join(server.texts())
    assert [seen.count(f"line {number} ") for number in range(30)] == [1] * 30
    assert len(server.taken) <= 1 + 8
    assert all(len(raw) <= 20_000 for raw in server.raw) or not announced


def test_one_record_larger_than_the_server_takes_is_cut(serve: Start, run: Start) -> None:
    server = serve(size=4_000)
    run(server)

    penstock.get_logger("app").error("first", **{f"k{number}": "é" * 900 for number in range(15)})

    assert penstock.flush(LIMIT)
    assert account() == (1, 1, {}, 0)
    (text,) = server.texts()
    assert "app: first" in text
    assert text.rstrip().endswith("characters]")


# -- a server that breaks the rules -----------------------------------------------------------------------------------

Talk = Callable[[socket.socket, threading.Event], None]


def greeted(peer: socket.socket) -> None:
    peer.sendall(b"220 mail.test\r\n")
    read_line(peer)
    peer.sendall(b"250-mail.test\r\n250 SIZE 1000000\r\n")


def hang(peer: socket.socket, ending: threading.Event) -> None:
    ending.wait()


def hang_in_data(peer: socket.socket, ending: threading.Event) -> None:
    greeted(peer)
    for reply in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        read_line(peer)
        peer.sendall(reply)
    ending.wait()


def drip(peer: socket.socket, ending: threading.Event) -> None:
    peer.sendall(b"220")
    while not ending.wait(0.02):
        peer.sendall(b"x")


def drip_after_ehlo(peer: socket.socket, ending: threading.Event) -> None:
    peer.sendall(b"220 mail.test\r\n")
    read_line(peer)
    while not ending.wait(0.02):
        peer.sendall(b"250-x\r\n")


def never_stop(peer: socket.socket, ending: threading.Event) -> None:
    while not ending.is_set():
        peer.sendall(b"220-x" * 1_000 + b"\r\n")


def broken(peer: socket.socket, ending: threading.Event) -> None:
    reset(peer)


def reset_in_data(peer: socket.socket, ending: threading.Event) -> None:
    greeted(peer)
    for reply in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        read_line(peer)
        peer.sendall(reply)
    peer.recv(10)
    reset(peer)


def nonsense(peer: socket.socket, ending: threading.Event) -> None:
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def refuse_everybody(peer: socket.socket, ending: threading.Event) -> None:
    peer.sendall(b"554 canary-text goes away\r\n")


def busy(peer: socket.socket, ending: threading.Event) -> None:
    peer.sendall(b"421 canary-text too busy\r\n")


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (hang, "no answer in time"),
        (hang_in_data, "no answer in time"),
        (drip, "no answer in time"),
        (drip_after_ehlo, "no answer in time"),
        (never_stop, "the connection broke"),
        (broken, "the connection broke"),
        (reset_in_data, "the connection broke"),
        (nonsense, "the connection broke"),
        (refuse_everybody, "answered 554"),
        (busy, "answered 421"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_server_that_breaks_off_keeps_the_record_waiting(
    talk: Talk, why: str, serve: Start, run: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    server = serve(raw=talk)
    run(server, delivery={"timeout": "500 ms", "spool": False})

    penstock.get_logger("app").error("x")
    while server.connections < 2:  # it is tried again, so the first attempt has ended
        sleep(0.01)

    assert account() == (1, 0, {}, 1)
    penstock.shutdown(0.1)
    err = capfd.readouterr().err
    assert why in err
    assert "canary" not in err


def test_an_answer_that_is_lost_sends_the_same_mail_again(serve: Start, run: Start) -> None:
    server = serve()
    runtime = run(server)
    email = runtime._graph.sinks["mail"].sink.sink
    record = some_record(b"x")
    email.write([record])
    email.write([record])

    first, second = (mail["Message-ID"] for _, mail in server.taken)
    assert first == second


def test_a_closed_port_is_waited_for(run: Start) -> None:
    class Closed:
        port = closed_port()

    run(Closed, delivery={"spool": False})
    penstock.get_logger("app").error("x")
    while not penstock.ledger()["mail"].redelivered:
        sleep(0.01)

    assert account() == (1, 0, {}, 1)
    penstock.shutdown(0.1)


# -- trust ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_certificate_that_proves_nothing_closes_the_sink(
    encryption: str, wrong: str, serve: Start, run: Start, authority: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    context = authority.context("mail.other.example") if wrong == "name" else authority.context(of=trustme.CA())
    server = serve(**{encryption: context})
    run(server, encryption=encryption, login=True)

    for message in ("one", "two"):
        penstock.get_logger("app").error(message)
        assert penstock.flush(LIMIT)

    assert account() == (2, 0, {"closed": 2}, 0)
    assert server.logins == []
    assert server.asked == []
    assert "the certificate of 127.0.0.1 cannot be verified" in told(capfd)


def test_without_starttls_nothing_is_sent(serve: Start, run: Start, capfd: pytest.CaptureFixture[str]) -> None:
    server = serve()
    run(server, encryption="starttls", login=True)

    penstock.get_logger("app").error("x")

    assert penstock.flush(LIMIT)
    assert account() == (1, 0, {"closed": 1}, 0)
    assert server.asked == []
    assert "offers no STARTTLS" in told(capfd)


def test_a_refused_login_closes_the_sink_and_says_so(
    serve: Start, run: Start, authority: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = serve(starttls=authority.context(), login=("somebody", "else"))
    runtime = run(server, encryption="starttls", login=True)

    for message in ("one", "two"):
        penstock.get_logger("app").error(message)
        assert penstock.flush(LIMIT)
    shown = repr(runtime) + repr(runtime._graph.sinks["mail"].sink.sink)

    assert account() == (2, 0, {"closed": 2}, 0)
    assert server.taken == []
    err = told(capfd)
    assert "127.0.0.1 refused the login (535); look at username and password" in err
    assert ("app: one" in err, "app: two" in err) == (True, True)  # the fallback has them
    assert "canary" not in shown + err


def test_a_login_that_cannot_be_checked_now_waits(serve: Start, run: Start, authority: Any) -> None:
    server = serve(starttls=authority.context(), login=("canary-user@shop.example", "canary-p4ss word"))
    server.login_refusals.append("454 4.7.0 canary-text later")
    run(server, encryption="starttls", login=True)

    penstock.get_logger("app").error("x")

    assert penstock.flush(LIMIT)
    assert account() == (1, 1, {}, 0)


@pytest.mark.parametrize("fault", ["refused", "reset", "closed"])
def test_a_login_is_in_no_exception_that_leaves_the_sink(fault: str, serve: Start, run: Start, authority: Any) -> None:
    talks: dict[str, Talk] = {"reset": broken, "closed": nonsense}
    server = serve(
        raw=talks.get(fault), **({} if fault in talks else {"starttls": authority.context(), "login": ("a", "b")})
    )
    runtime = run(server, encryption="starttls", login=True, delivery={"timeout": "300 ms"})
    email = runtime._graph.sinks["mail"].sink.sink

    with pytest.raises(SinkError) as caught:
        email.write([some_record(b"canary-data")])

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "canary" not in text.replace("canary-data", "")


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"host": "smtp://x"}, "name of a mail server"),
        ({"port": 0}, "port from 1 to 65535"),
        ({"encryption": "ssl"}, "expected one of"),
        ({"sender": "alerts"}, "expected an address"),
        ({"sender": "a@b.example\nBcc: c@d.example"}, "expected an address"),
        ({"to": []}, "at least one address"),
        ({"to": ["oncall"]}, "expected an address"),
        ({"to": ["a@b.example\r\nRCPT TO:<c@d.example>"]}, "expected an address"),
        ({"to": "a@b.example"}, "expected"),
        ({"host": "mail.shop.example"}, "only a server on this machine"),
        ({"username": {"env": "MAIL_USER"}}, "belong together"),
        ({"encryption": "tls", "ca_file": "/nowhere/ca.pem"}, "cannot be opened: FileNotFoundError"),
        ({"recipient": "x"}, "unknown option 'recipient'"),
    ],
)
def test_an_option_is_checked(options: dict[str, Any], text: str, serve: Start, run: Start) -> None:
    class Nowhere:
        port = 25

    with pytest.raises(ConfigError, match=r"^sink\.mail") as caught:
        run(Nowhere, **options)

    assert text in str(caught.value)


def test_a_password_that_smtp_cannot_carry_is_refused_unseen(run: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        port = 25

    monkeypatch.setenv("MAIL_PASSWORD", "canary-pässword")
    with pytest.raises(ConfigError, match="printable ASCII") as caught:
        run(Nowhere, login=True)

    assert "canary" not in str(caught.value)


def test_it_is_queued_and_spooled_by_default() -> None:
    from penstock_email.sink import EmailSink

    assert EmailSink.delivery["mode"] == "queued"
    assert EmailSink.delivery["spool"] == "256 MB"


def test_a_mail_is_whole(serve: Start, run: Start) -> None:
    server = serve()
    run(server, to=THREE, html=True)

    penstock.get_logger("app").error("grüße 🚰", path="/" + "x" * 900)

    assert penstock.flush(LIMIT)
    mail: EmailMessage = server.taken[0][1]
    assert mail.defects == []
    assert all(header.defects == () for header in mail.values() if hasattr(header, "defects"))
    assert "grüße 🚰" in text_of(mail)
    assert mail["Subject"] == "ERROR: app: grüße 🚰"


def test_a_conversation_that_ends_in_the_middle_sends_nobody_anything_twice(serve: Start, run: Start) -> None:
    answers = iter(["250 OK", "250 OK", "421 4.3.2 going down"])
    server = serve()
    server.data = lambda data: next(answers, "250 OK")
    run(server, to=THREE)

    penstock.get_logger("app").error("x")

    assert penstock.flush(LIMIT)
    assert [sizes(server, recipient) for recipient in THREE] == [[1]] * 3
    assert account() == (1, 1, {}, 0)
    assert penstock.ledger()["mail"].redelivered == 1
