"""Rivers take over from each other while threads talk: every event is in exactly one of them, and delivered."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import penstock
from penstock.testing import RecordingSink

MADE: list[Noted] = []


class Noted(RecordingSink):
    """A sink that tests can find, and that knows what came after it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.late = 0
        MADE.append(self)

    def write(self, batch: Any, /) -> None:
        self.late += self.closed
        super().write(batch)

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("mode", ["inline", "queued"])
def test_not_one_is_lost_or_doubled_or_written_after_close(mode: str) -> None:
    MADE.clear()
    sink = {"type": f"python:{__name__}:Noted", "delivery": {"mode": mode, "batch_wait": "1 ms"}}
    document = {"sink": {"out": sink}, "pipeline": {"all": {"sink": "out", "match": ["talker.**"]}}}
    penstock.configure(document)
    stop = threading.Event()
    said = [0] * 4

    def talk(number: int) -> None:
        log = penstock.get_logger(f"talker.{number}")
        while not stop.is_set():
            log.info("x", number=said[number])
            said[number] += 1

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        penstock.configure(document)
    stop.set()
    for thread in threads:
        thread.join()
    penstock.shutdown()

    texts = [text.split(" ", 1)[1] for made in MADE for text in made.texts]
    assert len(texts) == len(set(texts)) == sum(said)
    assert sum(made.late for made in MADE) == 0


def test_who_holds_a_runtime_goes_on_with_what_took_over() -> None:
    MADE.clear()
    document: dict[str, Any] = {
        "sink": {"out": {"type": f"python:{__name__}:Noted", "delivery": {"mode": "inline"}}},
        "pipeline": {"all": {"sink": "out", "match": ["shop"]}},
    }
    with penstock.configure(document) as runtime:
        document["pipeline"]["all"]["level"] = "debug"
        assert runtime.reload()
        penstock.get_logger("shop").debug("hello")
        assert runtime.ledger()["out"].delivered == 1
        assert runtime.config.pipeline["all"].level == 10

    assert [made.closed for made in MADE] == [True, False]  # the second was made to compare it, and never opened


def test_a_second_shutdown_waits_for_the_first() -> None:
    MADE.clear()
    entered, go = threading.Event(), threading.Event()

    class Slow(RecordingSink):
        def write(self, batch: Any, /) -> None:
            entered.set()
            go.wait(5)
            super().write(batch)

    import sys

    sys.modules["slow_sink"] = sys.modules[__name__]
    globals()["Slow"] = Slow
    penstock.configure({"sink": {"out": {"type": "python:slow_sink:Slow"}}, "pipeline": {"all": {"sink": "out"}}})
    penstock.get_logger("shop").info("hello")
    entered.wait(5)
    first = threading.Thread(target=penstock.shutdown)
    first.start()
    threading.Timer(0.05, go.set).start()

    assert penstock.shutdown() is True
    first.join()
    del sys.modules["slow_sink"]
    assert penstock.ledger()["out"].delivered == 1
