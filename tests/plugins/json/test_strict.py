"""Every line is strict JSON, on one line, in UTF-8, whatever is in it."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock
from penstock.plugin import Event
from penstock_json.format import JsonFormat
from penstock_json.strict import encode

Read = Callable[[bytes], dict[str, Any]]

# Invisible by the property Default_Ignorable_Code_Point, but of other categories than Cf:
# https://www.unicode.org/Public/15.0.0/ucd/DerivedCoreProperties.txt
IGNORABLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"


@pytest.fixture(params=["flat", "basic", "ecs"])
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_no_invisible_reordering_or_line_breaking_character_is_written_raw() -> None:
    hidden = {"Cc", "Cf", "Zl", "Zp"}
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Cs" or (category not in hidden and char not in IGNORABLE):
            continue
        line = encode({"x": char})
        assert line.isascii(), f"U+{code:04X} is written raw"
        assert b"\x7f" not in line
        assert json.loads(line) == {"x": char}


def test_what_can_be_read_stays_as_it_is() -> None:
    text = "zwölf 漢字 עברית 😀 \u00a0 𠀀"

    assert text in encode({text: text}).decode()


def test_an_event_of_many_lines_is_one_line(river: Any, read: Read, style: str) -> None:
    lines = river(style=style)
    breaks = "a\nb\r\nc\x0bd\x0ce\x1cf\x85g\u2028h\u2029i"

    penstock.get_logger(breaks).info(breaks, **{breaks: breaks})

    (line,) = lines.data
    assert line.count(b"\n") == 0
    assert read(line)["message"] == breaks


def test_a_lone_surrogate_becomes_its_escape_as_text(river: Any, read: Read, style: str) -> None:
    lines = river(style=style)

    penstock.get_logger("a\udc80").info(
        "b\ud800", **{"c\udfff": "d\udcff", "c\\udfff": 1, "nested": [{"\ud800": "\ud800"}]}
    )

    line = read(lines.take())
    fields = line.get("metadata", line)
    assert line["message"] == "b\\ud800"
    assert {fields["c\\udfff"], fields["c\\udfff_"]} == {"d\\udcff", 1}
    assert fields["nested"] == [{"\\ud800": "\\ud800"}]
    assert line.get("logger", line.get("log.logger", "a\\udc80")) == "a\\udc80"


# -- properties -------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)  # lone surrogates do not come back
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
OWN = ["time", "severity", "message", "event", "logger", "module", "function", "line", "pid", "node", "thread", "error"]
FIELDS = st.dictionaries(TEXT | st.sampled_from([*OWN, "time_", "time__", "error_"]), PLAIN, max_size=8)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def sealed() -> Callable[[object], object]:
    """Return a function that tells ``1``, ``1.0`` and ``True`` apart, and ``0.0`` from ``-0.0``."""
    return lambda value: json.dumps(value, sort_keys=True)


def test_every_field_comes_back_as_it_went_in(river: Any, read: Read, sealed: Callable[[object], object]) -> None:
    lines = river()
    log = penstock.get_logger("property")

    @QUICK
    @given(message=TEXT, fields=FIELDS)
    def check(message: str, fields: dict[str, Any]) -> None:
        log.info(message, **fields)

        line = read(lines.take())
        own = dict(list(line.items())[:10])
        found = list(line.items())[10:]
        assert list(own) == [key for key in OWN if key not in ("event", "error")]
        assert (own["message"], own["severity"], own["logger"]) == (message, "info", "property")
        assert own["function"].endswith("check")
        assert [sealed(value) for _, value in found] == [sealed(value) for value in fields.values()]
        for key, (name, _) in zip(fields, found, strict=True):
            assert name == key if key not in OWN else name.rstrip("_") == key and name != key

    check()


def test_every_measurement_comes_back_as_it_went_in(river: Any, read: Read, sealed: Callable[[object], object]) -> None:
    lines = river()

    @QUICK
    @given(measurements=FIELDS, metadata=FIELDS)
    def check(measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        penstock.execute("some.thing.done", measurements, metadata, level="notice")

        line = read(lines.take())
        assert (line["event"], line["severity"]) == ("some.thing.done", "notice")
        assert "logger" not in line
        merged = {**metadata, **measurements}
        assert [sealed(value) for value in list(line.values())[9:]] == [sealed(value) for value in merged.values()]

    check()


def test_whatever_text_there_is_every_style_writes_strict_json(river: Any, read: Read, style: str) -> None:
    lines = river(style=style)
    any_text = st.text(st.characters(categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Lo", "Po", "Nd")), max_size=10)

    @QUICK
    @given(
        name=any_text,
        message=any_text,
        fields=st.dictionaries(any_text, any_text | st.floats() | st.lists(any_text), max_size=5),
    )
    def check(name: str, message: str, fields: dict[str, Any]) -> None:
        penstock.get_logger(name).warning(message, **fields)

        line = read(lines.take())
        assert line.get("severity", line.get("log.level")) == "warning"
        assert len(line.get("metadata", line)) >= len(fields)

    check()


# -- values that hurt -------------------------------------------------------------------------------------------------


class Raises:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


class Exits:
    def __repr__(self) -> str:
        raise SystemExit(1)


class Lies(str):
    def __str__(self) -> str:
        return 7  # type: ignore[return-value]

    def __len__(self) -> int:
        return -1


class Endless(Mapping[str, object]):
    def __getitem__(self, key: str) -> object:
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(["again"])

    def __len__(self) -> int:
        return 1


def cycle() -> list[object]:
    items: list[object] = []
    items.append(items)
    return items


def deep(levels: int) -> object:
    value: object = "bottom"
    for _ in range(levels):
        value = [value]
    return value


HOSTILE: dict[str, object] = {
    "a repr that raises": Raises(),
    "a repr that exits": Exits(),
    "a text that lies": Lies("text"),
    "a mapping without an end": Endless(),
    "a list in itself": cycle(),
    "5,000 levels": deep(5_000),
    "5,001 digits": 10**5_000,
    "more than 64 bits": -(2**70),
    "not a number": float("nan"),
    "infinity": float("inf"),
    "minus infinity": [float("-inf")],
    "beyond 64 bits of float": Decimal("1e999999"),
    "tuple keys": {(1, 2): 3, None: 4, b"k": 5},
    "keys that look alike": {1: "int", "1": "str"},
    "a lone surrogate": "\udc80",
    "half a pair in bytes": b"\xed\xa0\x80\xff",
    "controls": "\x00\x1b[31m\x7f\x9b\n",
    "bidi": {"\u202e": ["\u2066evil\u2069"]},
    "1 MB": "x" * 1_000_000,
    "a generator": (n for n in range(3)),
    "a class": Raises,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_costs_nothing_but_itself(name: str, river: Any, read: Read, style: str) -> None:
    lines = river(style=style)

    penstock.get_logger("app").error("watch out", bad=HOSTILE[name], **{name: 1}, good="still there")

    *faults, line = map(read, lines.data)  # the core tells of what raised, before the line itself
    assert all("penstock.value.failed" in fault.values() for fault in faults)
    fields = line.get("metadata", line)
    assert (line["message"], fields["good"], fields[name]) == ("watch out", "still there", 1)
    assert "bad" in fields
    assert penstock.ledger()["lines"].delivered == 1 + len(faults)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_that_nobody_made_plain_costs_no_line_either(
    name: str, event: Any, read: Read, style: str
) -> None:
    shown: Event = event(fields={"bad": HOSTILE[name], "good": "still there"})

    line = JsonFormat(style=style).format(shown)  # type: ignore[arg-type]

    text = line.decode()
    json.loads(text)
    assert text.isprintable()
    assert '"good":"still there"' in text


def test_an_exception_that_nobody_made_plain_is_told(event: Any, read: Read) -> None:
    line = read(JsonFormat().format(event(error=ValueError("no\ud800"))))

    assert line["error"] == {"type": "ValueError", "message": "no\\ud800", "stack": ""}
