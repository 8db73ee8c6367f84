"""Telegram over real HTTP: every record is delivered, refused or waits; the token is nowhere; a limit is a limit."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from time import sleep
from typing import Any

import pytest

import penstock
from chats import account, in_one_batch, told
from penstock.errors import ConfigError
from scripted_server import Exchange, ScriptedServer, Step, answer, closed_port, cut, drip, hang, raw, reset

TOKEN = "123456:canary-AAbbCCddEEffGGhhIIjjKKllMM"
Serve = Callable[..., ScriptedServer]
Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Configure a river to a Telegram, with standard error as its fallback."""
    monkeypatch.setenv("TELEGRAM_TOKEN", TOKEN)

    def run(
        api: str, *, delivery: dict[str, Any] | None = None, pipeline: dict[str, Any] | None = None, **options: Any
    ) -> Any:
        sink = {"type": "telegram", "token": {"env": "TELEGRAM_TOKEN"}, "chat_id": "-100123", "api": api, **options}
        sink["delivery"] = {"batch_wait": "5 ms", "timeout": "2 s", "fallback": "rest", **(delivery or {})}
        return penstock.configure(
            {
                "sink": {"chat": sink, "rest": {"type": "last-resort"}},
                "pipeline": {"all": {"sink": "chat", "match": ["app"], **(pipeline or {})}},
            },
            strict=True,
        )

    return run


def texts(server: ScriptedServer) -> list[str]:
    return [request.json["text"] for request in server.requests]


def test_a_record_arrives_as_a_message(serve: Serve, run: Run) -> None:
    server = serve()
    run(f"{server.url}/", thread_id=7)

    penstock.get_logger("app").error("till <open>", drawer=3)

    assert penstock.flush()
    (request,) = server.requests
    assert request.target == f"/bot{TOKEN}/sendMessage"
    assert request.headers["content-type"] == "application/json"
    message = request.json
    assert message.pop("text").startswith("<b>ERROR</b> app: till &lt;open&gt;\ndrawer: 3\n<i>")
    assert message == {
        "chat_id": "-100123",
        "parse_mode": "HTML",
        "message_thread_id": 7,
        "link_preview_options": {"is_disabled": True},
    }
    assert account() == (1, 1, {}, 0)


def test_a_burst_is_a_few_messages_and_none_is_too_long(serve: Serve, run: Run, rules: Any) -> None:
    server = serve()
    run(server.url, delivery={"batch": 40})

    in_one_batch(server, *(f"line {number} {'🚰' * 150}" for number in range(40)))

    assert penstock.flush()
    seen = "".join(texts(server))
    assert [seen.count(f"line {number} ") for number in range(40)] == [1] * 40
    assert seen.index("line 0 ") < seen.index("line 1 ") < seen.index("line 39 ")
    assert len(server.requests) == 1 + 4  # eleven of about 350 units fit into 4,096
    assert account() == (41, 41, {}, 0)


def test_a_record_of_another_format_is_plain_text(serve: Serve, run: Run, rules: Any) -> None:
    server = serve()
    run(server.url, pipeline={"format": "plain"})

    penstock.get_logger("app").info("a < b & @ops", text="🚰" * 5_000)

    assert penstock.flush()
    message = server.requests[0].json
    assert "parse_mode" not in message
    assert "a < b & @\u2060ops" in message["text"]
    assert message["text"].endswith("characters]")
    assert 4_000 < rules.units(message["text"]) <= 4_096


def test_what_the_core_writes_for_a_format_that_failed_is_sent_as_plain_text(
    serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    run(server.url)
    monkeypatch.setattr("penstock_telegram.format._head", lambda event: 1 / 0)

    penstock.get_logger("app").info("x")

    assert penstock.flush()
    message = server.requests[0].json
    assert "parse_mode" not in message
    assert json.loads(message["text"])["message"] == "[format failed]"


def test_messages_below_a_level_come_without_a_sound(serve: Serve, run: Run) -> None:
    server = serve()
    run(server.url, silent_below="error")
    log = penstock.get_logger("app")

    for level in ("info", "warning", "error", "info"):
        log.log(level, level)
        assert penstock.flush()

    assert [message.get("disable_notification", False) for message in (r.json for r in server.requests)] == [
        True,
        True,
        False,
        True,
    ]


# -- refusals ---------------------------------------------------------------------------------------------------------


def bad_request(description: str = "Bad Request: can't parse entities: Unsupported start tag") -> Step:
    return answer(400, {"ok": False, "error_code": 400, "description": description})


def test_refused_markup_is_sent_once_more_as_plain_text(serve: Serve, run: Run) -> None:
    server = serve(script=[bad_request()])
    run(server.url)

    penstock.get_logger("app").info("a < b")

    assert penstock.flush()
    first, second = (request.json for request in server.requests)
    assert "a &lt; b" in first["text"]
    assert "INFO app: a < b" in second["text"]
    assert "parse_mode" not in second
    assert account() == (1, 1, {}, 0)


def test_a_poisoned_record_costs_only_itself_and_goes_to_the_fallback(
    serve: Serve, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse_poison(exchange: Exchange) -> bool:
        poisoned = "poison" in exchange.request.json["text"]
        step = bad_request("Bad Request: poison is refused") if poisoned else answer(200, {"ok": True})
        return step(exchange)

    server = serve(otherwise=refuse_poison)
    run(server.url)

    in_one_batch(server, "one", "poison", "three")

    assert penstock.flush()
    assert account() == (4, 3, {"rejected": 1}, 0)
    taken = "".join(text for text in texts(server) if "poison" not in text)
    assert (taken.count("app: one"), taken.count("app: three")) == (1, 1)
    assert len(server.requests) == 1 + 1 + 4, (
        "the opener; all three; then one by one, the poison once more as plain text"
    )
    err = told(capfd)
    assert err.count("app: poison") == 1
    assert penstock.ledger()["chat"].diverted == 1
    assert "poison is refused" not in err, "a text of the server can quote the message"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_token_or_chat_closes_the_sink_and_its_fallback_takes_over(
    status: int, serve: Serve, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    server = serve(
        otherwise=answer(status, {"ok": False, "error_code": status, "description": "Forbidden: bot was kicked"})
    )
    runtime = run(server.url)

    for number in range(3):
        penstock.get_logger("app").info(f"message {number}")
        assert penstock.flush()

    assert len(server.requests) == 1, "never again"
    assert account() == (3, 0, {"closed": 3}, 0)
    assert runtime.status()["chat"] == "failed"
    err = told(capfd)
    assert penstock.ledger()["rest"].delivered >= 3
    assert [f"message {number}" in err for number in range(3)] == [True] * 3
    assert "bot was kicked" in err
    assert TOKEN not in err


def test_a_chat_that_moved_is_followed_and_the_new_id_told(
    serve: Serve, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    moved = {"ok": False, "error_code": 400, "description": "x", "parameters": {"migrate_to_chat_id": -100999}}
    server = serve(script=[answer(400, moved)])
    run(server.url)

    for message in ("one", "two"):
        penstock.get_logger("app").info(message)
        assert penstock.flush()

    assert [request.json["chat_id"] for request in server.requests] == ["-100123", "-100999", "-100999"]
    assert account() == (2, 2, {}, 0)
    assert "-100999" in told(capfd)


def test_a_chat_that_moves_for_ever_is_not_followed_for_ever(serve: Serve, run: Run) -> None:
    moved = {"ok": False, "error_code": 400, "parameters": {"migrate_to_chat_id": -100999}}
    server = serve(otherwise=answer(400, moved))
    run(server.url)

    penstock.get_logger("app").info("x")

    assert penstock.flush()
    assert account() == (1, 0, {"rejected": 1}, 0)
    assert len(server.requests) <= 4


# -- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limit",
    [
        answer(429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 0.3}}, forbids=0.3),
        answer(429, b"<html>", forbids=0.3, Retry_After="0.3"),
        answer(200, {"ok": False, "error_code": 429, "parameters": {"retry_after": 0.3}}, forbids=0.3),
    ],
    ids=["in the body", "in the header", "behind a good status"],
)
def test_nothing_is_sent_while_telegram_forbids_it(limit: Step, serve: Serve, run: Run) -> None:
    server = serve(script=[limit, limit])
    run(server.url)

    in_one_batch(server, "one", "two")
    while len(server.requests) < 2:
        penstock.get_logger("app").info("three")  # wakes the worker in the forbidden time, again and again
        sleep(0.01)

    assert penstock.flush()
    accepted, delivered, dropped, pending = account()
    assert (accepted, dropped, pending) == (delivered, {}, 0)
    assert server.requests[2].arrived - server.requests[0].arrived >= 0.6


def test_what_arrived_before_a_limit_is_not_sent_again(serve: Serve, run: Run) -> None:
    limit = answer(429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 0.2}}, forbids=0.2)
    server = serve(script=[answer(200, {"ok": True}), answer(200, {"ok": True}), limit])
    run(server.url)

    in_one_batch(server, *(f"line {number} {'x' * 1_800}" for number in range(5)))

    assert penstock.flush()
    assert account() == (6, 6, {}, 0)
    lines = [re.findall(r"line (\d)", text) for text in texts(server)]
    assert lines == [[], ["0", "1"], ["2", "3"], ["2", "3"], ["4"]]
    assert penstock.ledger()["chat"].redelivered == 3


def test_a_closed_door_in_the_middle_of_a_batch_takes_nothing_back(serve: Serve, run: Run) -> None:
    server = serve(script=[answer(200, {"ok": True}), answer(200, {"ok": True})], otherwise=answer(401))
    run(server.url)

    in_one_batch(server, *(f"line {number} {'x' * 1_800}" for number in range(5)))

    assert penstock.flush()
    assert account() == (6, 3, {"closed": 3}, 0)


def test_an_answer_that_does_not_say_ok_is_no_delivery(serve: Serve, run: Run) -> None:
    server = serve(script=[answer(200, b"<html>log in to the wireless network</html>"), answer(200, {"ok": "true"})])
    run(server.url)

    penstock.get_logger("app").info("x")

    assert penstock.flush()
    assert len(server.requests) == 3
    assert account() == (1, 1, {}, 0)


# -- the token --------------------------------------------------------------------------------------------------------

FAULTS: dict[str, Step] = {
    "reset": reset,
    "cut": cut,
    "hang": hang,
    "drip": drip(),
    "500": answer(500, f"<html>/bot{TOKEN}/sendMessage failed</html>".encode()),
    "429": answer(429, {"ok": False, "description": TOKEN, "parameters": {"retry_after": 0.1}}),
    "malformed header": raw(f"HTTP/1.1 200 OK\r\nA: b\r\n/bot{TOKEN}\r\nContent-Length: 0\r\n\r\n".encode()),
    "401": answer(401, {"ok": False, "error_code": 401, "description": f"Unauthorized {TOKEN}"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_token_is_in_nothing_that_is_told(
    fault: str, serve: Serve, run: Run, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(script=[FAULTS[fault]])
    runtime = run(server.url, delivery={"timeout": "150 ms"})
    log = penstock.get_logger("app")

    log.info("x")
    penstock.flush(2.0)
    shown = repr(runtime) + repr(runtime._graph.sinks["chat"].sink.sink) + repr(penstock.ledger())
    penstock.shutdown(1.0)

    out, err = capfd.readouterr()
    assert len(server.requests) >= 1
    assert account()[:3] == ((1, 0, {"closed": 1}) if fault == "401" else (1, 1, {}))
    assert "penstock:" in err, "the fault is told"
    assert TOKEN not in shown + caplog.text + out + err
    assert TOKEN.split(":")[1] not in shown + caplog.text + out + err


def test_a_redirect_is_not_followed_and_nobody_hears_the_token(
    serve: Serve, run: Run, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    target = serve()
    server = serve(script=[answer(302, b"", Location=f"{target.url}/bot{TOKEN}/sendMessage")])
    run(server.url)

    penstock.get_logger("app").info("x")

    assert penstock.flush()
    assert target.requests == []
    assert account() == (1, 1, {}, 0)
    assert TOKEN not in caplog.text + told(capfd)


def test_a_refused_connection_keeps_the_records_and_hides_the_token(
    run: Run, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    run(f"http://127.0.0.1:{closed_port()}")

    penstock.get_logger("app").info("kept")

    assert not penstock.flush(0.2)
    assert account() == (1, 0, {}, 1)
    assert not penstock.shutdown(0.2)
    assert account() == (1, 0, {}, 1)  # in the spool, for the next start
    err = told(capfd)
    assert "the connection was refused" in err
    assert "app: kept" not in err, "the fallback had it"
    assert TOKEN not in caplog.text + err


def test_a_token_in_an_event_is_redacted_whole_or_as_a_part_of_an_address(serve: Serve, run: Run) -> None:
    server = serve()
    run(server.url)

    penstock.get_logger("app").info(f"GET /bot{TOKEN}/sendMessage", token=TOKEN)

    assert penstock.flush()
    assert TOKEN not in texts(server)[0]


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"chat_id": "my chat"}, r"sink\.chat\.chat_id: expected a chat"),
        ({"chat_id": -100123}, r"sink\.chat\.chat_id: expected a text"),
        ({"api": "ftp://host/"}, r"sink\.chat\.api: expected a URL such as"),
        ({"thread_id": "7"}, r"sink\.chat\.thread_id: expected a whole number"),
        ({"silent_below": "loud"}, r"sink\.chat\.silent_below: expected a level"),
    ],
)
def test_a_wrong_option_is_a_problem_at_its_place(options: dict[str, Any], problem: str, run: Run) -> None:
    options = {"api": "http://127.0.0.1:9", **options}

    with pytest.raises(ConfigError, match=problem) as caught:
        run(**options)

    assert TOKEN not in str(caught.value)


def test_a_token_with_a_blank_in_it_is_told_but_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_TOKEN", f"{TOKEN} /../x")

    with pytest.raises(ConfigError, match="a bot's token has only letters") as caught:
        run("http://127.0.0.1:9")

    assert TOKEN not in str(caught.value)


def test_an_unencrypted_way_out_of_this_machine_is_told(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    run("http://bot-api.example:8081")

    assert "sent unencrypted" in told(capfd)


def test_a_sink_that_was_closed_takes_nothing_and_closes_twice(serve: Serve) -> None:
    from penstock.plugin import Closed, Secret
    from penstock.testing import some_record
    from penstock_telegram.sink import TelegramSink

    server = serve()
    sink = TelegramSink(token=Secret(TOKEN), chat_id="-1", api=server.url)
    for _ in range(2):
        sink.open()
        sink.write([some_record()])
        sink.close()
        sink.close()

    with pytest.raises(Closed):
        sink.write([some_record()])
    assert len(server.requests) == 2
    assert TOKEN not in repr(sink)
