"""Which fields a line has, what they are called, and which options are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

import penstock
import penstock_json
from penstock.plugin import Event, Failure
from penstock_json.format import JsonFormat
from penstock_json.keys import Keys
from penstock_json.known import FIELDS

Make = Callable[..., Event]
Read = Callable[[bytes], dict[str, Any]]

ALL = ["a", "b", "c"]
OWN = ["time", "severity", "message", "logger", "module", "function", "line", "pid", "node", "thread"]


@pytest.mark.parametrize(
    ("options", "members"),
    [
        ({}, [*OWN, *ALL]),
        ({"include": ["b", "a"]}, [*OWN, "a", "b"]),
        ({"include": []}, OWN),
        ({"exclude": ["b"]}, [*OWN, "a", "c"]),
        ({"include": ["a", "b"], "exclude": ["b"]}, [*OWN, "a"]),
        ({"exclude": ["pid", "thread", "logger", "c"]}, [*OWN[:3], *OWN[4:7], "node", "a", "b"]),
        ({"exclude": ["logger", "module", "function", "line", "pid", "node"]}, [*OWN[:3], "thread", *ALL]),
        ({"exclude": [*OWN, "a", "b"]}, ["c"]),
        ({"node": False}, [*OWN[:8], "thread", *ALL]),
        ({"rename": {"time": "@timestamp", "b": "beta"}}, ["@timestamp", *OWN[1:], "a", "beta", "c"]),
        ({"rename": {"a": "b", "b": "a"}}, [*OWN, "b", "a", "c"]),
        ({"rename": {"a": "b"}}, [*OWN, "b_", "b", "c"]),
        ({"include": ["a"], "rename": {"a": "b"}}, [*OWN, "b"]),
        ({"rename": {"severity": "level"}, "severity": "both"}, ["time", "level", "severity_code", *OWN[2:], *ALL]),
        ({"exclude": ["severity"], "severity": "both"}, ["time", "severity_code", *OWN[2:], *ALL]),
    ],
)
def test_a_line_has_these_members(options: Any, members: list[str], event: Make, read: Read) -> None:
    formatter = JsonFormat(**options)

    for _ in range(2):  # the second time, what was learned of the keys decides
        assert list(read(formatter.format(event(fields={"a": 1, "b": 2, "c": 3})))) == members


def test_renamed_values_are_not_mixed_up(event: Make, read: Read) -> None:
    line = read(
        JsonFormat(rename={"a": "b", "b": "a", "c": "d"}).format(event(fields={"a": 1, "b": 2, "c": 3, "d": 4}))
    )

    assert (line["b"], line["a"], line["d_"], line["d"]) == (1, 2, 3, 4)


def test_a_field_that_has_the_new_name_of_an_own_key_is_kept_beside_it(event: Make, read: Read) -> None:
    line = read(JsonFormat(rename={"time": "ts"}).format(event(fields={"ts": 1, "time": 2})))

    assert (line["ts"], line["ts_"], line["time"]) == ("2017-07-14T02:40:00.123Z", 1, 2)


def test_the_exception_can_be_renamed_and_left_out(event: Make, read: Read) -> None:
    failed = event(fields={}, error=Failure("Broken", "no", "T"))

    assert read(JsonFormat(rename={"error": "exception"}).format(failed))["exception"]["type"] == "Broken"
    assert "error" not in read(JsonFormat(exclude=["error"]).format(failed))


def test_three_that_want_one_name_are_all_kept(event: Make, read: Read) -> None:
    line = read(JsonFormat(rename={"a": "time_"}).format(event(fields={"time": 1, "a": 2, "time__": 3})))

    assert (line["time_"], line["time___"], line["time__"]) == (1, 2, 3)


def test_what_is_remembered_of_keys_is_bounded() -> None:
    keys = Keys(["time"])
    for number in range(10_000):
        keys.place({f"key-{number}": number})

    assert len(keys.plain) <= 4_096


def test_more_keys_than_can_be_remembered_are_all_written(event: Make, read: Read) -> None:
    formatter = JsonFormat(exclude=["secret"])
    for number in range(5_000):
        formatter.format(event(fields={f"key-{number}": number}))

    line = read(formatter.format(event(fields={"key-1": 1, "time": 2, "secret": 3})))

    assert (line["key-1"], line["time_"]) == (1, 2)
    assert "secret" not in line


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"style": "flatt"}, "format.lines.style: expected one of 'flat', 'basic', 'ecs', got 'flatt'"),
        ({"severity": "number"}, "format.lines.severity: expected one of 'name', 'rfc5424', 'both', got 'number'"),
        ({"timestamp": "s"}, "format.lines.timestamp: expected one of 'ms', 'us', 'ns', got 's'"),
        ({"node": True}, "format.lines.node: expected a text or false, got True"),
        ({"rename": {"qty": "time"}}, "rename: 'qty' cannot become 'time', which is a key of the format's own"),
        ({"rename": {"time": "message"}}, "rename: 'time' cannot become 'message', which is a key of the format's own"),
        ({"rename": {"a": "c", "b": "c"}}, "rename: several keys become 'c'"),
        ({"rename": {"a": ""}}, "rename: 'a' needs a name that is not empty"),
        ({"rename": {"a": 1}}, "format.lines.rename"),
        ({"style": "basic", "rename": {"a": "metadata"}}, "rename: 'a' cannot become 'metadata'"),
        ({"style": "basic", "rename": {"a": "error"}}, "rename: 'a' cannot become 'error'"),
        ({"style": "ecs", "rename": {"a": "log.level"}}, "rename: 'a' cannot become 'log.level'"),
        ({"style": "ecs", "rename": {"message": "msg"}}, "rename: the style 'ecs' cannot do without 'message'"),
        ({"style": "ecs", "exclude": ["ecs.version"]}, "exclude: the style 'ecs' cannot do without 'ecs.version'"),
        ({"style": "ecs", "severity": "rfc5424"}, "severity: in the style 'ecs', log.level is a name"),
        ({"colour": "red"}, "unknown option 'colour'"),
    ],
)
def test_a_wrong_option_is_told_before_anything_runs(options: dict[str, object], told: str, river: Any) -> None:
    with pytest.raises(penstock.ConfigError) as caught:
        river(**options)

    assert told in str(caught.value)


def test_the_readme_tells_every_option_and_its_meaning() -> None:
    readme = (Path(penstock_json.__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (.+) \|$", readme.partition("## Options")[2], re.MULTILINE))

    options = {option.name: option.metadata["doc"] for option in attrs.fields(JsonFormat) if option.init}

    assert options.items() <= told.items()


def test_the_readme_tells_every_known_field() -> None:
    readme = (Path(penstock_json.__file__).parents[2] / "README.md").read_text(encoding="utf-8")

    assert [name for name in FIELDS if f"`{name}`" not in readme] == []
