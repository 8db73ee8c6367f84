"""An event is a plain object that says who wins."""

from __future__ import annotations

import time

from penstock.event import NOWHERE, Event, Failure, Site


def test_a_log_event_merges_context_under_fields() -> None:
    event = Event("e", fields={"a": 1, "b": 1}, context={"b": 2, "c": 2})

    assert event.merged() == {"a": 1, "b": 1, "c": 2}
    assert not event.is_telemetry


def test_a_telemetry_event_merges_measurements_over_metadata_over_context() -> None:
    event = Event("e", measurements={"a": 1}, metadata={"a": 2, "b": 2}, context={"b": 3, "c": 3})

    assert event.merged() == {"a": 1, "b": 2, "c": 3}
    assert event.is_telemetry


def test_merging_makes_a_new_dict() -> None:
    fields = {"a": 1}
    Event("e", fields=fields).merged()["b"] = 2

    assert fields == {"a": 1}


def test_replace_copies_and_forgets_what_was_rendered() -> None:
    event = Event("e", "text", 30, fields={"a": 1})
    event.rendered = {"x": b"bytes"}
    copy = event.replace(level=40)

    assert (copy.name, copy.message, copy.level, copy.fields) == ("e", "text", 40, {"a": 1})
    assert copy.rendered is None
    assert event.level == 30


def test_the_time_is_now_unless_given() -> None:
    before = time.time_ns()

    assert before <= Event("e").time_ns <= time.time_ns()
    assert Event("e", time_ns=0).time_ns == 0


def test_no_repr_shows_a_value() -> None:
    event = Event("e", "secret text", fields={"token": "s3cr3t"})

    assert "s3cr3t" not in repr(event)
    assert "secret text" not in repr(event)
    assert "s3cr3t" not in repr(Failure("ValueError", "s3cr3t", "s3cr3t"))


def test_a_site_says_where() -> None:
    site = Site("module", "function", "file.py", 7)

    assert repr(site) == "<Site module.function:7>"
    assert site.cache == {}
    assert (NOWHERE.module, NOWHERE.line) == ("", 0)
