"""Discord over real HTTP: every record is delivered, refused or waits; the webhook is nowhere; a limit is a limit."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from time import sleep
from typing import Any

import pytest

import penstock
from chats import account, in_one_batch, told
from penstock.errors import ConfigError
from scripted_server import Exchange, ScriptedServer, Step, answer, closed_port, cut, drip, hang, raw, reset

TOKEN = "canary-AAbbCCddEEffGGhhIIjjKKllMM_nnOOppQQrrSSttUUvvWWxxYYzz"
HOOK = f"/api/webhooks/1234567890/{TOKEN}"
Serve = Callable[..., ScriptedServer]
Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Configure a river to a Discord, with standard error as its fallback."""

    def run(
        url: str, *, delivery: dict[str, Any] | None = None, pipeline: dict[str, Any] | None = None, **options: Any
    ) -> Any:
        monkeypatch.setenv("DISCORD_WEBHOOK", url)
        sink = {"type": "discord", "webhook": {"env": "DISCORD_WEBHOOK"}, **options}
        sink["delivery"] = {"batch_wait": "5 ms", "timeout": "2 s", "fallback": "rest", **(delivery or {})}
        return penstock.configure(
            {
                "sink": {"chat": sink, "rest": {"type": "last-resort"}},
                "pipeline": {"all": {"sink": "chat", "match": ["app"], **(pipeline or {})}},
            },
            strict=True,
        )

    return run


def described(server: ScriptedServer) -> list[list[str]]:
    return [[embed["description"] for embed in request.json["embeds"]] for request in server.requests]


def test_a_record_arrives_as_an_embed(serve: Serve, run: Run) -> None:
    server = serve()
    run(f"{server.url}{HOOK}", username="till", thread_id="42")

    penstock.get_logger("app").error("@everyone <@1>", drawer=3)

    assert penstock.flush()
    (request,) = server.requests
    assert request.target == f"{HOOK}?wait=true&thread_id=42"
    message = request.json
    (embed,) = message.pop("embeds")
    assert (embed["title"], embed["description"]) == ("ERROR app", "\\@everyone \\<\\@1\\>")
    assert message == {"allowed_mentions": {"parse": []}, "username": "till"}
    assert account() == (1, 1, {}, 0)


@pytest.mark.parametrize("ending", ["?x=1", "#part", "?x=1#part"])
def test_the_answer_is_asked_for_however_the_address_ends(ending: str, serve: Serve, run: Run) -> None:
    server = serve()
    run(f"{server.url}{HOOK}{ending}")

    penstock.get_logger("app").info("x")

    assert penstock.flush()
    assert account() == (1, 1, {}, 0)


def test_a_burst_is_a_few_messages_and_none_has_too_much(serve: Serve, run: Run) -> None:
    server = serve()
    run(f"{server.url}{HOOK}", delivery={"batch": 40})

    in_one_batch(server, *(f"short {number}" for number in range(25)), *("long " + "x" * 1_900 for _ in range(4)))

    assert penstock.flush()
    # The long ones are cut to 2,000 with what is around them: two, with the five short ones, or three make 6,000.
    assert [len(embeds) for embeds in described(server)][:3] == [1, 10, 10]
    seen = [text for embeds in described(server) for text in embeds]
    assert [seen.count(f"short {number}") for number in range(25)] == [1] * 25
    assert len(server.requests) <= 5
    assert account() == (30, 30, {}, 0)


def test_a_record_of_another_format_is_the_text_of_an_embed(serve: Serve, run: Run) -> None:
    server = serve()
    run(f"{server.url}{HOOK}", pipeline={"format": "plain"})

    penstock.get_logger("app").info("*bold* @here", text="🚰" * 9_000)

    assert penstock.flush()
    (embed,) = server.requests[0].json["embeds"]
    assert "\\*bold\\* \\@here" in embed["description"]
    assert embed["description"].endswith("characters]")
    assert account() == (1, 1, {}, 0)


def test_what_the_core_writes_for_a_format_that_failed_is_the_text_of_an_embed(
    serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    run(f"{server.url}{HOOK}")
    monkeypatch.setattr("penstock_discord.format._place", lambda event: 1 / 0)

    penstock.get_logger("app").info("x")

    assert penstock.flush()
    assert "\\[format failed\\]" in described(server)[0][0]


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_poisoned_record_costs_only_itself_and_goes_to_the_fallback(
    serve: Serve, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse_poison(exchange: Exchange) -> bool:
        poisoned = any(embed["description"] == "poison" for embed in exchange.request.json["embeds"])
        bad = answer(400, {"code": 50035, "message": "Invalid Form Body: poison is refused"})
        return (bad if poisoned else answer(200, {"id": "1"}))(exchange)

    server = serve(otherwise=refuse_poison)
    run(f"{server.url}{HOOK}")

    in_one_batch(server, "one", "poison", "three")

    assert penstock.flush()
    assert described(server) == [["opener"], ["one", "poison", "three"], ["one"], ["poison"], ["three"]]
    assert account() == (4, 3, {"rejected": 1}, 0)
    err = told(capfd)
    assert '"description": "poison"' in err
    assert "Discord's code 50035" in err
    assert "poison is refused" not in err, "a text of the server can quote the message"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_webhook_that_is_gone_closes_the_sink_and_its_fallback_takes_over(
    status: int, serve: Serve, run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    server = serve(otherwise=answer(status, {"message": "Unknown Webhook", "code": 10015}))
    runtime = run(f"{server.url}{HOOK}")

    for number in range(3):
        penstock.get_logger("app").info(f"message {number}")
        assert penstock.flush()

    assert len(server.requests) == 1, "never again: too many refusals ban the address"
    assert account() == (3, 0, {"closed": 3}, 0)
    assert runtime.status()["chat"] == "failed"
    err = told(capfd)
    assert [f"message {number}" in err for number in range(3)] == [True] * 3
    assert TOKEN not in err


def test_an_answer_without_the_saved_message_is_no_delivery(serve: Serve, run: Run) -> None:
    server = serve(script=[answer(204), answer(200, b"<html>log in to the wireless network</html>")])
    run(f"{server.url}{HOOK}")

    penstock.get_logger("app").info("x")

    assert penstock.flush()
    assert len(server.requests) == 3
    assert account() == (1, 1, {}, 0)


# -- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limit",
    [
        answer(429, {"message": "slow", "retry_after": 0.3, "global": False}, forbids=0.3, Retry_After="1"),
        answer(429, {"message": "slow", "retry_after": 0.3, "global": True}, forbids=0.3, X_RateLimit_Global="true"),
        answer(429, b"", forbids=0.3, X_RateLimit_Reset_After="0.3"),
        answer(429, b"<html>", forbids=0.3, Retry_After="0.3"),
    ],
    ids=["body", "global", "reset after", "header alone"],
)
def test_nothing_is_sent_while_discord_forbids_it(limit: Step, serve: Serve, run: Run) -> None:
    server = serve(script=[limit, limit])
    run(f"{server.url}{HOOK}")

    in_one_batch(server, "one", "two")
    while len(server.requests) < 2:
        penstock.get_logger("app").info("three")  # wakes the worker in the forbidden time, again and again
        sleep(0.01)

    assert penstock.flush()
    accepted, delivered, dropped, pending = account()
    assert (accepted, dropped, pending) == (delivered, {}, 0)
    assert server.requests[2].arrived - server.requests[0].arrived >= 0.6, "the wait was the one asked for"


def test_what_arrived_before_a_limit_is_not_sent_again(serve: Serve, run: Run) -> None:
    saved = answer(200, {"id": "1"})
    server = serve(script=[saved, saved, answer(429, {"retry_after": 0.2}, forbids=0.2)])
    run(f"{server.url}{HOOK}", delivery={"batch": 50})

    in_one_batch(server, *(f"line {number}" for number in range(25)))

    assert penstock.flush()
    assert account() == (26, 26, {}, 0)
    assert [embeds[0] for embeds in described(server)] == ["opener", "line 0", "line 10", "line 10", "line 20"]
    assert penstock.ledger()["chat"].redelivered == 15


# -- the webhook ------------------------------------------------------------------------------------------------------

FAULTS: dict[str, Step] = {
    "reset": reset,
    "cut": cut,
    "hang": hang,
    "drip": drip(),
    "500": answer(500, f"<html>{HOOK} failed</html>".encode()),
    "429": answer(429, {"message": TOKEN, "retry_after": 0.1}),
    "malformed header": raw(f"HTTP/1.1 200 OK\r\nA: b\r\n{HOOK}\r\nContent-Length: 0\r\n\r\n".encode()),
    "302": answer(302, b"", Location=f"http://127.0.0.1:9{HOOK}"),
    "401": answer(401, {"message": f"Unauthorized {TOKEN}"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_webhook_is_in_nothing_that_is_told(
    fault: str, serve: Serve, run: Run, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(script=[FAULTS[fault]])
    runtime = run(f"{server.url}{HOOK}", delivery={"timeout": "150 ms"})

    penstock.get_logger("app").info("x")
    penstock.flush(2.0)
    shown = repr(runtime) + repr(runtime._graph.sinks["chat"].sink.sink) + repr(penstock.ledger())
    penstock.shutdown(1.0)

    out, err = capfd.readouterr()
    assert account()[:3] == ((1, 0, {"closed": 1}) if fault == "401" else (1, 1, {}))
    assert "penstock:" in err, "the fault is told"
    assert TOKEN not in shown + caplog.text + out + err
    assert "1234567890" not in shown + caplog.text + out + err


def test_a_refused_connection_keeps_the_records_and_hides_the_webhook(
    run: Run, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    run(f"http://127.0.0.1:{closed_port()}{HOOK}")

    penstock.get_logger("app").info("kept")

    assert not penstock.flush(0.2)
    assert account() == (1, 0, {}, 1)
    assert not penstock.shutdown(0.2)
    assert account() == (1, 0, {}, 1)  # in the spool, for the next start
    err = told(capfd)
    assert "the connection was refused" in err
    assert '"description": "kept"' not in err, "the fallback had it"
    assert TOKEN not in caplog.text + err


@pytest.mark.parametrize("text", ["{}", "/api/webhooks/1/{}", "https://discord.com/api/webhooks/1/{}", "t={}&x=1"])
def test_the_token_alone_is_redacted_from_events(text: str, serve: Serve, run: Run) -> None:
    server = serve()
    token = secrets.token_hex(30)  # a new one: what was secret once stays so in this process
    run(f"{server.url}/api/webhooks/1/{token}")

    penstock.get_logger("app").info(text.format(token))

    assert penstock.flush()
    assert token not in json.dumps(server.requests[0].json)
    assert "redacted" in described(server)[0][0]


# -- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "options", "problem"),
    [
        (f"http://discord.com{HOOK}", {}, r"sink\.chat\.webhook: expected a URL with https"),
        (f"ftp://discord.com{HOOK}", {}, r"sink\.chat\.webhook: expected a URL such as"),
        (TOKEN, {}, r"expected a URL such as"),
        (f"https://discord.com{HOOK} ", {}, r"sink\.chat\.webhook: the URL holds a blank"),
        (f"https://discord.com{HOOK}", {"username": "My Discord"}, r"sink\.chat\.username: Discord refuses names"),
        (f"https://discord.com{HOOK}", {"username": ""}, r"sink\.chat\.username: expected a name"),
        (f"https://discord.com{HOOK}", {"thread_id": "a b"}, r"sink\.chat\.thread_id: expected the id"),
    ],
)
def test_a_wrong_option_is_a_problem_at_its_place_and_hides_the_webhook(
    url: str, options: dict[str, Any], problem: str, run: Run
) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        run(url, **options)

    assert TOKEN not in str(caught.value)


def test_a_sink_that_was_closed_takes_nothing_and_closes_twice(serve: Serve) -> None:
    from penstock.plugin import Closed, Secret
    from penstock.testing import some_record
    from penstock_discord.sink import DiscordSink

    server = serve()
    sink = DiscordSink(webhook=Secret(f"{server.url}{HOOK}"))
    for _ in range(2):
        sink.open()
        sink.write([some_record()])
        sink.close()
        sink.close()

    with pytest.raises(Closed):
        sink.write([some_record()])
    assert len(server.requests) == 2
    assert TOKEN not in repr(sink)
