"""What the tests of both chats do: emit one batch, read the account, read what was told."""

from __future__ import annotations

import pytest

import penstock
from scripted_server import ScriptedServer


def account() -> tuple[int, int, dict[str, int], int]:
    book = penstock.ledger()["chat"]
    assert book.balanced
    return book.accepted, book.delivered, dict(book.dropped), book.pending


def told(capfd: pytest.CaptureFixture[str]) -> str:
    """Return what stands on standard error, once the worker has ended: it tells what it met after it has counted it."""
    penstock.shutdown()
    return capfd.readouterr().err


def in_one_batch(server: ScriptedServer, *messages: str) -> None:
    """Emit an opener, and then *messages*, which make one batch."""
    log = penstock.get_logger("app")
    with server.busy(lambda: log.info("opener")):
        for message in messages:
            log.info(message)
