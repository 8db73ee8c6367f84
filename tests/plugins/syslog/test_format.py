"""Whatever an event holds, its message is one of RFC 5424, and says what the event says."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import penstock
from penstock.errors import ConfigError
from penstock.plugin import LEVELS, Event, Failure, Site, Size
from penstock.testing import some_event
from penstock_syslog.format import Rfc5424Format
from penstock_syslog.text import on_one_line, text_of
from rfc5424 import BOM, EXAMPLES, Read, read

WORD = re.compile(r"[!-~]+")
NAME = re.compile(r"[!#-<>-\\^-~]{1,32}")
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
NASTY = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ['a"b]c\\', '] forged="x" [', "\\", '\\"', "]]", "a\nb\r\n\x00", "\u202e\u2028", "\ud800", BOM, "🚰", ""]
    ),
)
KEYS = st.one_of(
    st.text(max_size=40), st.sampled_from(["a b", "a_b", "a=b", "a]b", 'a"b', "x" * 40, "x" * 41, "größe"])
)
PLAIN = st.recursive(
    st.one_of(NASTY, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=4,
)
FIELDS = st.dictionaries(KEYS, PLAIN, max_size=6)
EVENTS = st.builds(
    Event,
    NASTY,
    NASTY,
    st.sampled_from([level.number for level in LEVELS] + [0, 35, 99]),
    time_ns=st.integers(-(2**62), 2**62),
    fields=FIELDS,
    context=FIELDS,
    metadata=st.none() | FIELDS,
    error=st.none() | st.builds(Failure, st.just("ValueError"), NASTY, NASTY),
    site=st.builds(Site, NASTY, NASTY, NASTY, st.integers(0, 9_999)),
    pid=st.integers(0, 2**22),
    thread=NASTY,
)


def formatted(event: Event, **options: Any) -> Read:
    return read(Rfc5424Format(**{"hostname": "h", "app": "a", **options}).format(event))


# -- everything -------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(EVENTS)
@example(Event("n", fields={"a b": 1, "a_b": 2, "a=b": 3, "a_b_2": 4}))
def test_a_reader_that_is_not_ours_finds_every_value(event: Event) -> None:
    message = formatted(event, max_size=Size("1 MB"))

    for name, values in (("fields", event.fields), ("context", event.context), ("metadata", event.metadata or {})):
        found = message.data.get(f"{name}@32473", {})
        assert list(found.values()) == [on_one_line(text_of(value)) for value in values.values()]
        assert all(NAME.fullmatch(key) for key in found)
        assert {key for key in values if NAME.fullmatch(key)} <= set(found), "an allowed name stays"
    assert on_one_line(event.message) in message.text
    assert not HIDDEN.search(message.text)


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.integers(480, 3_000), st.integers(0, 300), st.integers(0, 60))
def test_a_message_is_never_longer_than_allowed_and_its_data_never_cut(
    event: Event, size: int, times: int, many: int
) -> None:
    fields = {**event.fields, **{f"key{number}": "välue]" * (number % 7) for number in range(many)}}
    event = event.replace(message=event.message * times, fields=fields)
    whole = formatted(event, max_size=Size("10 MB"))
    data = Rfc5424Format(hostname="h", app="a", max_size=Size(size)).format(event)

    message = read(data)
    assert len(data) <= size
    assert message[:6] == whole[:6]
    left_out = 0
    for name, values in whole.data.items():
        kept = message.data.get(name, {})
        assert kept.items() <= values.items(), "a value is there as it was, or not at all"
        left_out += len(values) - len(kept)
    text, cut, told = message.text.rpartition("[cut: ")
    if message != whole:
        assert cut
        assert (f"{left_out} value" in told) == (left_out > 0)
        kept_text = text.removesuffix(" ").removesuffix("...") if "bytes" in told else text.removesuffix(" ")
        assert whole.text.startswith(kept_text.rstrip(" ") if not kept_text.strip() else kept_text)


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_the_words_of_the_header_are_printable_ascii_within_their_lengths(host: str, app: str, name: str) -> None:
    data = Rfc5424Format(hostname=host * 300, app=app * 50).format(some_event("x", name=name * 40))
    _, _, host, app, _, msgid, *_ = data.decode().split(" ")

    assert (len(host), len(app), len(msgid)) == (255, 48, 32)
    assert all(WORD.fullmatch(word) for word in (host, app, msgid))


# -- the parts --------------------------------------------------------------------------------------------------------


def test_the_examples_of_the_rfc_come_out_of_the_same_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"event": False, "hostname": "mymachine.example.com"}
    first = Rfc5424Format(**options, facility="auth", app="su", precision="ms")
    event = some_event("'su root' failed for lonvick on /dev/pts/8", name="ID47", level="critical")
    assert first.format(event.replace(time_ns=1_065_910_455_003_000_000)).decode() == EXAMPLES[0].replace(BOM, "")

    third = Rfc5424Format(**options, facility="local4", app="evntslog", precision="ms")
    fields = {"iut": 3, "eventSource": "Application", "eventID": 1011}
    event = some_event("An application event log entry...", name="ID47", level="notice", **fields)
    expected = EXAMPLES[2].replace(BOM, "").replace("exampleSDID", "fields")
    assert third.format(event.replace(time_ns=1_065_910_455_003_000_000)).decode() == expected


@pytest.fixture
def in_oregon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change its time zone")
    monkeypatch.setenv("TZ", "PST8PDT,M3.2.0,M11.1.0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_local_time_has_its_offset_as_in_the_second_example(in_oregon: None) -> None:
    there = Rfc5424Format(event=False, hostname="192.0.2.1", app="myproc", facility="local4", utc=False)
    event = Event("", "%% It's time to make the do-nuts.", 25, time_ns=1_061_727_255_000_003_000, pid=8710)

    assert there.format(event).decode() == EXAMPLES[1]
    winter = event.replace(time_ns=1_061_727_255_000_003_000 + 120 * 86_400 * 10**9)
    assert "-08:00" in there.format(winter).decode()


@pytest.mark.parametrize(
    ("precision", "expected"),
    [("s", "2017-07-14T02:40:00Z"), ("ms", "2017-07-14T02:40:00.987Z"), ("us", "2017-07-14T02:40:00.987654Z")],
)
def test_a_time_is_cut_to_its_precision(precision: str, expected: str) -> None:
    event = some_event().replace(time_ns=1_500_000_000_987_654_999)

    assert formatted(event, precision=precision).time == expected


def test_a_time_that_no_calendar_has_is_nil() -> None:
    assert formatted(some_event().replace(time_ns=2**63 * 1_000)).time == "-"
    assert formatted(some_event().replace(time_ns=-(2**66))).time == "-"


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
@pytest.mark.parametrize(("facility", "number"), [("kern", 0), ("user", 1), ("authpriv", 10), ("local7", 23)])
def test_the_severity_is_that_of_the_level_table_and_the_facility_its_number(
    level: Any, facility: str, number: int
) -> None:
    assert formatted(some_event(level=level.name), facility=facility).priority == number * 8 + level.syslog


def test_all_that_is_unknown_is_nil() -> None:
    event = Event("", "", 20, time_ns=2**70)

    assert Rfc5424Format(hostname="\n", app="é", event=False).format(event) == b"<14>1 - _ _ - - -"


def test_each_part_of_an_event_is_an_element_of_its_own() -> None:
    site = Site("shop.till", "Till.open", "till.py", 7)
    failure = Failure("ValueError", 'no "key"', "Traceback\n  x")
    event = Event("db.query.stop", level=35, time_ns=0, thread="T-1", site=site, error=failure, context={"user": "ada"})
    message = formatted(event.replace(measurements={"rows": 3}, metadata={"table": "t"}, fields={"n": None}))

    assert message.data == {
        "event@32473": {
            "name": "db.query.stop",
            "level": "warning",
            "thread": "T-1",
            "module": "shop.till",
            "function": "Till.open",
            "line": "7",
        },
        "error@32473": {"type": "ValueError", "message": 'no "key"'},
        "measurements@32473": {"rows": "3"},
        "fields@32473": {"n": "null"},
        "metadata@32473": {"table": "t"},
        "context@32473": {"user": "ada"},
    }
    assert message.text == "db.query.stop\\nTraceback\\n  x"


def test_what_a_captured_message_was_made_of_is_a_field() -> None:
    event = some_event("took 7 ms").replace(arguments=["job", 7])

    assert formatted(event).data["fields@32473"] == {"args": '["job",7]'}


def test_keys_that_become_one_name_are_kept_apart() -> None:
    fields: dict[str, Any] = {"a b": 1, "a_b": 2, "a=b": 3, "x" * 40: 4, "x" * 41: 5, "": 6}

    assert formatted(some_event(**fields)).data["fields@32473"] == {
        "a_b_2": "1",
        "a_b": "2",
        "a_b_3": "3",
        "x" * 32: "4",
        "x" * 30 + "_2": "5",
        "_": "6",
    }


def test_thousands_of_keys_that_become_one_name_cost_no_square() -> None:
    names = Rfc5424Format()._names.of([f"{' ' * 40}{number}" for number in range(20_000)])

    assert len(set(names)) == 20_000  # seconds, if each looked for a free number from the beginning


def test_a_bom_stands_before_a_text_that_is_not_ascii_and_before_no_other() -> None:
    texts = [
        Rfc5424Format(event=False, bom=bom).format(some_event(text)) for text in ("x", "é") for bom in (True, False)
    ]

    assert [b"\xef\xbb\xbf" in text for text in texts] == [False, False, True, False]
    assert texts[2].endswith(" - \ufeffé".encode())


def test_newlines_are_escaped_unless_they_are_kept() -> None:
    event = some_event("a\nb\tc\rd", note="e\nf")

    assert formatted(event).text == "a\\nb\\tc\\rd"
    kept = Rfc5424Format(newlines="keep").format(event)
    assert kept.endswith(b'[fields@32473 note="e\nf"] a\nb\tc\\rd')


def test_two_formats_do_not_share_what_they_keep() -> None:
    event = some_event("x", name="a\nb")
    Rfc5424Format(newlines="keep").format(event)

    assert b"\n" not in Rfc5424Format().format(event)


def test_what_a_program_is_called_is_its_main_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for main, expected in (("/srv/shop/till.py", "till"), ("/x/uvicorn/__main__.py", "uvicorn"), ("-c", "python")):
        monkeypatch.setattr("sys.argv", [main])
        assert read(Rfc5424Format().format(some_event())).app == expected


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"enterprise": "acme"}, "private enterprise number"),
        ({"enterprise": "1." * 20 + "1"}, "private enterprise number"),
        ({"max_size": "479 B"}, "480 B or more"),
        ({"facility": "local8"}, "did you mean 'local"),
    ],
)
def test_a_wrong_option_is_told_by_configure(options: dict[str, Any], problem: str) -> None:
    table = {
        "format": {"wire": {"type": "rfc5424", **options}},
        "sink": {"out": {"type": "last-resort"}},
        "pipeline": {"all": {"sink": "out", "format": "wire"}},
    }
    with pytest.raises(ConfigError, match=problem):
        penstock.configure(table, strict=True)


def test_any_sink_can_write_it(tmp_path: Any) -> None:
    """A trading system that keeps RFC 5424 files."""
    table = {
        "format": {"wire": {"type": "rfc5424", "facility": "local0", "enterprise": "99999.7"}},
        "sink": {"file": {"type": "file-rotate", "path": str(tmp_path / "trade.log")}},
        "pipeline": {"all": {"sink": "file", "format": "wire"}},
    }
    with penstock.configure(table, strict=True):
        penstock.get_logger("trade").info("filled\n<0>1 - - - - - - forged", qty=2)

    (line,) = (tmp_path / "trade.log").read_bytes().splitlines()
    message = read(line)
    assert message.priority == 16 * 8 + 6
    assert message.data["fields@99999.7"] == {"qty": "2"}
    assert message.pid == str(os.getpid())
