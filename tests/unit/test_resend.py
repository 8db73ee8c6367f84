"""Some sinks of a configuration are opened alone, with the options that the occasion asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.assembly.config import Document
from penstock.assembly.resend import delivered_as, open_sinks, settled, sinks_of, with_fallbacks
from penstock.clock import monotonic, sleep
from penstock.errors import ConfigError
from penstock.faults import fault_counts
from penstock.river.modes.queued import QueuedDelivery
from penstock.testing import SlowSink
from penstock.types import Record

GOT: list[bytes] = []


class Keeps:
    """A sink that tests can look into."""

    def write(self, batch: Sequence[Record], /) -> None:
        """Keep *batch*."""
        GOT.extend(record.data for record in batch)


class Leisurely(Keeps):
    """A sink that takes its time."""

    def write(self, batch: Sequence[Record], /) -> None:
        """Keep *batch*, after a while."""
        sleep(0.25)
        super().write(batch)


class NotOpened(Keeps):
    """A sink that cannot be opened."""

    def open(self) -> None:
        """Fail."""
        raise OSError("no")


def document(**tables: Any) -> Document:
    return Document(tables, None, Path())


def sink(name: str = "Keeps", **more: Any) -> dict[str, Any]:
    return {"type": f"python:{__name__}:{name}", **more}


def test_sinks_are_those_with_a_table_and_those_that_pipelines_name_by_their_type() -> None:
    found = sinks_of(document(sink={"a": {"type": "x"}}, pipeline={"p": {"sink": "a"}, "q": {"sink": "stderr"}}))

    assert found == {"a": {"type": "x"}, "stderr": {"type": "stderr"}}


@pytest.mark.parametrize("wrong", [{"sink": 3}, {"pipeline": 3}, {"pipeline": {"p": 3, "q": {}, "r": {"sink": 4}}}])
def test_what_is_wrong_is_left_for_the_composer_to_tell(wrong: dict[str, Any]) -> None:
    assert sinks_of(document(**wrong)) == {}


def test_a_sink_brings_what_it_falls_back_to_and_a_circle_ends() -> None:
    sinks = {
        "a": {"delivery": {"fallback": "b"}},
        "b": {"delivery": {"fallback": "c"}},
        "c": {"delivery": {"fallback": "a"}},
        "d": {},
        "wrong": {"delivery": {"fallback": "none"}},
        "worse": 3,
    }

    assert list(with_fallbacks(sinks, ["a"])) == ["a", "b", "c"]
    assert list(with_fallbacks(sinks, ["d", "wrong", "worse", "nothing"])) == ["d", "wrong", "worse"]


def test_delivery_options_are_laid_over_and_none_takes_one_out() -> None:
    given = {"type": "x", "delivery": {"queue": "1 MB", "sync": "always"}}

    assert delivered_as(given, {"mode": "queued", "sync": None}) == {
        "type": "x",
        "delivery": {"queue": "1 MB", "mode": "queued"},
    }
    assert given["delivery"] == {"queue": "1 MB", "sync": "always"}
    assert delivered_as(3, {"mode": "queued"}) == 3
    assert delivered_as({"delivery": 3}, {"mode": "queued"}) == {"delivery": 3}


def test_nothing_but_these_sinks_is_opened_and_what_they_are_given_arrives() -> None:
    GOT.clear()
    whole = document(
        sink={"a": sink(), "broken": sink("NotOpened")},
        pipeline={"p": {"sink": "broken", "emit": ["none"]}},
        capture=["logging"],
    )
    graph = open_sinks(whole, {"a": sink()})
    assert list(graph.sinks) == ["a"]
    graph.sinks["a"].deliver((b"x", 20, "n", 0, "plain"))
    assert settled(graph, 10.0)
    graph.close(monotonic())

    assert GOT == [b"x"]
    assert fault_counts() == {}


def test_a_sink_that_cannot_be_made_is_a_config_error_and_one_that_cannot_be_opened_is_told() -> None:
    with pytest.raises(ConfigError):
        open_sinks(document(), {"a": {"type": 3}})
    open_sinks(document(), {"a": sink("NotOpened")}).close(monotonic())

    assert ("config.degraded", "sink.a") in fault_counts()


def test_it_waits_for_longer_than_its_patience_as_long_as_anything_moves() -> None:
    GOT.clear()
    graph = open_sinks(document(), {"a": sink("Leisurely", delivery={"batch": 1})})
    for _ in range(10):
        graph.sinks["a"].deliver((b"x", 20, "n", 0, "plain"))

    assert settled(graph, 1.5)
    assert len(GOT) == 10
    graph.close(monotonic())


def test_it_waits_no_longer_if_nothing_does() -> None:
    graph = open_sinks(document(), {"a": sink(delivery={"batch": 1})})
    slow = SlowSink()
    delivery = graph.sinks["a"]
    assert isinstance(delivery, QueuedDelivery)
    delivery.sink.sink = slow
    delivery.deliver((b"x", 20, "n", 0, "plain"))
    slow.entered.wait(10)

    assert not settled(graph, 0.01)
    slow.release()
    assert settled(graph, 10.0)
    graph.close(monotonic())
