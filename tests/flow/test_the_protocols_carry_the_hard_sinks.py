"""A chat that asks to wait, an embed, a partial success, an audit, a digest: none needs a back door."""

from __future__ import annotations

import json

import hard_sinks
import penstock

HIDE = {"redact": {"hide": {"type": "python:hard_sinks:Hide"}}}


def river(**tables: object) -> object:
    return penstock.configure({"level": "debug", **HIDE, **tables}, strict=True)


def test_a_chat_that_takes_three_of_ten_and_asks_to_wait_gets_each_record_once() -> None:
    river(
        sink={"chat": {"type": "python:hard_sinks:Chat", "delivery": {"mode": "queued", "batch_wait": "50 ms"}}},
        pipeline={"all": {"sink": "chat"}},
    )
    log = penstock.get_logger("app")
    slot_free = penstock.get_logger("first")
    slot_free.info("opener")
    assert penstock.flush()
    chat = hard_sinks.Chat.made[-1]
    chat.calls.clear()  # the next batch is its first again
    for number in range(10):
        log.info("poison" if number == 1 else f"message {number}")

    assert penstock.flush()

    told = [line.split(": ", 1)[1] for line in chat.got]
    assert told == ["opener", *(f"message {number}" for number in range(10) if number != 1)]
    account = penstock.ledger()["chat"]
    assert (account.accepted, account.delivered, account.dropped) == (11, 10, {"rejected": 1})
    assert account.balanced


def test_an_embed_knows_the_level_and_several_make_one_request() -> None:
    river(
        sink={"embeds": {"type": "python:hard_sinks:Collector", "refuse": 0}},
        format={"embed": {"type": "python:hard_sinks:Embed"}},
        pipeline={"all": {"sink": "embeds", "format": "embed"}},
    )
    log = penstock.get_logger("app")
    log.info("fine")
    log.error("broken")

    assert penstock.flush()

    embeds = [embed for body in hard_sinks.Collector.made[-1].bodies for embed in json.loads(body)]
    assert embeds == [{"title": "fine", "color": 0x00FF00}, {"title": "broken", "color": 0xFF0000}]


def test_a_partial_success_that_only_counts_balances() -> None:
    river(
        sink={"otlp": {"type": "python:hard_sinks:Collector", "refuse": 1}},
        pipeline={"all": {"sink": "otlp"}},
    )
    penstock.get_logger("app").info("one")

    assert penstock.flush()

    account = penstock.ledger()["otlp"]
    assert (account.accepted, account.delivered, account.dropped) == (1, 0, {"rejected": 1})


def test_an_audit_gets_the_redacted_event_itself() -> None:
    river(sink={"audit": {"type": "python:hard_sinks:Audit"}}, pipeline={"all": {"sink": "audit"}})

    penstock.get_logger("app").notice("login", token="s3cr3t-value", user="u-1", path=["s3cr3t-value"])

    (event,) = hard_sinks.Audit.made[-1].events
    assert event.merged() == {"token": "[redacted]", "user": "u-1", "path": ["[redacted]"]}
    assert penstock.ledger()["audit"].delivered == 1


def test_a_digest_emits_later_down_its_own_pipeline_redaction_included() -> None:
    river(
        emit={"calm": {"type": "python:hard_sinks:Digest", "after": 60.0}},
        sink={"audit": {"type": "python:hard_sinks:Audit"}},
        pipeline={"all": {"sink": "audit", "emit": ["calm"]}},
    )
    log = penstock.get_logger("storm")
    for _ in range(5):
        log.error("broken")

    penstock.shutdown()  # what is held is told at the end

    messages = [event.message for event in hard_sinks.Audit.made[-1].events]
    assert messages == ["broken", "4 more, token=[redacted]"]
    book = penstock.ledger().pipelines["all"]
    assert (book.offered, book.gated, book.accepted) == (6, {"held": 4}, 2)
    assert book.balanced
