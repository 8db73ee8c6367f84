"""Whatever is emitted, the caller sees no exception, and each line of a JSON sink parses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock
from strategies import HOSTILE, fields, names


def fail(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len({key for key, _ in pairs}) == len(pairs), "a key is there twice"
    return dict(pairs)


def lines(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    assert data.endswith(b"\n")
    found = data.decode("utf-8").split("\n")[:-1]
    return [json.loads(line, parse_constant=fail, object_pairs_hook=no_duplicates) for line in found]


def configure(path: Path) -> None:
    penstock.configure(
        {
            "level": "trace",
            "redact": {"secrets": {"type": "keys", "keys": ["token"]}},
            "sink": {"file": {"type": "file-rotate", "path": str(path), "max_size": "1 GB"}},
            "pipeline": {"all": {"sink": "file"}},
        },
        strict=True,
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(names, st.text(st.characters()), fields), min_size=1, max_size=5))
def test_whatever_is_passed(tmp_path: Path, calls: list[tuple[str, str, dict[str, object]]]) -> None:
    path = tmp_path / "out.jsonl"
    path.unlink(missing_ok=True)
    configure(path)
    for name, message, given_fields in calls:
        penstock.get_logger(name).info(message, **given_fields)
        penstock.execute(name, {"value": 1}, given_fields)

    assert penstock.shutdown()
    assert len(lines(path)) == 2 * len(calls)
    assert penstock.ledger()["file"].delivered == 2 * len(calls)
    assert penstock.ledger().balanced


def test_each_hostile_value_costs_itself_at_most(tmp_path: Path) -> None:
    configure(tmp_path / "out.jsonl")
    log = penstock.get_logger("hostile")
    for name, value in HOSTILE:
        log.info("value", case=name, value=value)
        log.info(value, case=name)  # type: ignore[arg-type]
        with penstock.context(value=value):
            log.info("context", case=name)

    assert penstock.shutdown()
    cases = [line["case"] for line in lines(tmp_path / "out.jsonl") if line.get("logger") == "hostile"]
    assert cases == [name for name, _ in HOSTILE for _ in range(3)]
    assert penstock.ledger()["file"].dropped == {}


def test_an_exception_that_cannot_be_told_is_told_anyway(tmp_path: Path) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    configure(tmp_path / "out.jsonl")
    try:
        raise Mute
    except Mute:
        penstock.get_logger("shop").exception("failed")

    (line,) = [line for line in lines(tmp_path / "out.jsonl") if line.get("logger") == "shop"]
    assert "Mute" in line["error"]["type"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_dead_sink_does_not_stop_the_others(tmp_path: Path, count: int) -> None:
    dead = {f"dead{n}": {"type": "python:hard_sinks:Broken", "delivery": {"mode": "inline"}} for n in range(count)}
    alive = {"type": "file-rotate", "path": str(tmp_path / "out.jsonl")}
    penstock.configure(
        {
            "sink": {**dead, "alive": alive},
            "pipeline": {name: {"sink": name, "match": ["shop"]} for name in [*dead, "alive"]},
        }
    )
    for number in range(10):
        penstock.get_logger("shop").info("sold", number=number)

    assert [line["number"] for line in lines(tmp_path / "out.jsonl")] == list(range(10))
    for name in dead:
        assert penstock.ledger()[name].dropped == {"plugin_error": 10}
    assert penstock.ledger().balanced
