"""What a line looks like: golden lines, with and without colour, and what no event can do to them."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.plugin import Event, Failure, Site, is_seen
from penstock.river.redact import build_redact
from penstock.testing import some_event
from penstock_stderr.format import GUTTER, ConsoleFormat, StdoutConsoleFormat

TIME = 1_700_000_000_123_456_789  # 2023-11-14 22:13:20 UTC
SITE = Site("shop.payment", "pay", "/srv/shop/payment.py", 42)


def render(event: Event, **options: Any) -> str:
    return ConsoleFormat(**{"color": "never", "time": "utc", **options}).format(event).decode()


def event(message: str = "card charged", level: int = 20, **fields: object) -> Event:
    return Event("shop.payment", message, level, time_ns=TIME, fields=fields, site=SITE, pid=4321, thread="worker-1")


def telemetry(name: str, measurements: dict[str, object], metadata: dict[str, object]) -> Event:
    return Event(name, "", 10, time_ns=TIME, measurements=measurements, metadata=metadata)


def raised(error: BaseException) -> Event:
    """An event with an exception as it comes to a format: plain text."""
    try:
        raise error
    except BaseException as caught:
        broken = event("it failed", 40, order=17)
        broken.error = caught
        return build_redact(())(broken)


# -- golden lines -----------------------------------------------------------------------------------------------------


def test_a_line_has_time_level_logger_message_and_fields_in_columns() -> None:
    assert render(event(order=17, amount=12.5, currency="EUR", note="two words")) == (
        "22:13:20.123Z INFO      shop.payment         card charged                     "
        'order=17 amount=12.5 currency=EUR note="two words"'
    )


def test_a_line_without_fields_ends_with_its_message() -> None:
    assert render(event()) == "22:13:20.123Z INFO      shop.payment         card charged"


@pytest.mark.parametrize("level", [5, 10, 20, 25, 30, 35, 40, 50, 60, 70])
def test_fields_begin_in_the_same_column_at_every_level(level: int) -> None:
    assert render(event("hello", level, n=1)).index("n=1") == render(event(n=1)).index("n=1")


def test_wide_characters_do_not_move_the_fields() -> None:
    line = render(event("日本語のメッセージ", n=1))

    assert line.index("n=1") == render(event(n=1)).index("n=1") - len("日本語のメッセージ")


def test_a_long_message_is_whole_and_its_fields_follow() -> None:
    assert render(event("x" * 100, n=1)).endswith("x" * 100 + " n=1")


def test_a_long_logger_name_is_abbreviated_from_the_front() -> None:
    long = event().replace(name="company.shop.payment.gateway")

    assert render(long) == "22:13:20.123Z INFO      c.s.payment.gateway  card charged"


def test_the_names_own_field_comes_before_its_context() -> None:
    told = event(order=1).replace(context={"service": "shop", "order": "other"})

    assert render(told).endswith("order=1 service=shop")


def test_a_telemetry_event_shows_its_name_measurements_and_a_readable_duration() -> None:
    stop = telemetry(
        "web.request.stop",
        {"duration": 1_234_567, "rows": 3, "monotonic_time": 99},
        {"path": "/pay", "telemetry_span_context": 12},
    )

    assert render(stop) == (
        "22:13:20.123Z DEBUG                          web.request.stop                 "
        "duration=1.23ms rows=3 path=/pay #12"
    )


def test_a_field_called_duration_of_a_log_call_is_left_alone() -> None:
    assert render(event(duration=1_234_567)).endswith("duration=1234567")


def test_colours_are_golden() -> None:
    painted = render(event(order=17).replace(context={"service": "shop"}), color="always")

    assert painted == (
        "\x1b[2m22:13:20.123Z\x1b[0m \x1b[32mINFO     \x1b[0m \x1b[2mshop.payment        \x1b[0m "
        "card charged                     \x1b[36morder=\x1b[0m17 \x1b[2mservice=\x1b[0mshop"
    )


@pytest.mark.parametrize("level", [5, 10, 20, 25, 30, 40, 50, 60, 70])
def test_colour_changes_nothing_but_the_colour(level: int) -> None:
    failing = raised(ValueError("two\nlines")).replace(level=level)

    assert re.sub(r"\x1b\[[0-9;]*m", "", render(failing, color="always")) == render(failing)


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"time": "none"}, "INFO "),
        ({"precision": "s"}, "22:13:20Z INFO "),
        ({"precision": "us"}, "22:13:20.123456Z INFO "),
        ({"date": True}, "2023-11-14 22:13:20.123Z INFO "),
        ({"show": []}, "22:13:20.123Z INFO      card charged"),
        (
            {"show": ["logger", "site", "thread", "pid"]},
            "22:13:20.123Z INFO      shop.payment         payment.py:42        worker-1        4321 card charged",
        ),
        ({"name_width": 12, "message_width": 0}, "22:13:20.123Z INFO      shop.payment card charged n=1"),
    ],
)
def test_each_option_shows(options: dict[str, Any], start: str) -> None:
    assert render(event(n=1), **options).startswith(start)


def test_local_time_follows_the_time_zone_and_has_no_z(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC-05:30")  # POSIX: five and a half hours east
    time.tzset()
    try:
        assert render(event(), time="local").startswith("03:43:20.123 INFO ")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_each_second_has_its_own_time() -> None:
    console = ConsoleFormat(color="never", time="utc")
    lines = [console.format(event().replace(time_ns=TIME + n * 999_999_999)).decode()[:13] for n in range(3)]

    assert lines == ["22:13:20.123Z", "22:13:21.123Z", "22:13:22.123Z"]


def test_a_time_beyond_the_calendar_is_still_a_line() -> None:
    assert render(event().replace(time_ns=10**30)).startswith("@1000000000000000000000s INFO ")


def test_a_site_is_worked_out_once() -> None:
    site = Site("m", "f", "C:\\shop\\pay.py", 7)
    render(event().replace(site=site), show=["site"])

    assert list(site.cache.values()) == ["pay.py:7".ljust(20)]


# -- exceptions -------------------------------------------------------------------------------------------------------


def test_an_exception_is_a_block_whose_every_line_has_the_gutter() -> None:
    first, *block = render(raised(ValueError("no"))).split("\n")

    assert first.endswith("it failed                        order=17")
    assert block[0] == "  │ Traceback (most recent call last):"
    assert block[-1] == "  │ ValueError: no"
    assert all(line.startswith(GUTTER) for line in block)


def test_causes_notes_and_groups_are_in_the_block() -> None:
    cause = ValueError("the cause")
    cause.add_note("a note")
    group = ExceptionGroup("two things", [cause, KeyError("key")])
    error = RuntimeError("the end")
    error.__cause__ = group
    text = render(raised(error))

    for told in ("two things", "the cause", "a note", "KeyError: 'key'", "direct cause", "RuntimeError: the end"):
        assert told in text


def test_an_exception_can_be_part_of_the_line_and_wins_its_key() -> None:
    failing = raised(ValueError("no")).replace(fields={"error": "mine"})

    assert render(failing, exceptions="line").endswith('error_=mine error="ValueError: no"')


def test_an_exception_without_a_stack_is_told_by_type_and_text() -> None:
    assert render(event().replace(error=Failure("shop.Refused", "", ""))).endswith("\n  │ shop.Refused")


def test_an_exception_among_the_fields_is_told_in_a_few_words() -> None:
    plain = build_redact(())(event(why=ValueError("no")))

    assert render(plain).endswith('why="ValueError: no"')


def test_the_exception_that_ended_a_span_is_a_block() -> None:
    error = build_redact(())(raised(ValueError("no")))
    assert isinstance(error.error, Failure)
    reason = {"type": "ValueError", "message": "no", "stack": error.error.stack}
    ended = telemetry("db.query.exception", {"duration": 5}, {"reason": reason, "stacktrace": "<traceback object>"})
    line, *block = render(ended).split("\n")

    assert line.endswith('duration=5ns reason="ValueError: no"')
    assert block[-1] == "  │ ValueError: no"


# -- what an event cannot do ------------------------------------------------------------------------------------------

HOSTILE = {
    "newline": "a\n22:13:20.123Z INFO forged",
    "carriage return": "a\rforged",
    "vertical tab, form feed": "a\x0b\x0cb",
    "file to unit separator": "a\x1c\x1d\x1e\x1fb",
    "tab": "a\tb",
    "NEL": "a\x85b",
    "line and paragraph separator": "a\u2028b\u2029c",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "device control": "\x1bP+q544e\x1b\\",
    "colour": "\x1b[31mred",
    "8-bit CSI": "\x9b31mred",
    "8-bit OSC, DCS, ST": "\x9d0;t\x9c\x90q\x9c",
    "backspace": "secret\b\b\b\b\b\bpublic",
    "delete": "a\x7fb",
    "NUL": "a\x00b",
    "bell": "a\x07b",
    "bidi override": "a\u202egnp.exe",
    "bidi isolate": "a\u2066b\u2069c\u200fd\u061ce",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufefff",
    "soft hyphen": "a\u00adb",
    "tag characters": "a" + "".join(chr(0xE0000 + ord(c)) for c in "evil") + "\U000e007f",
    "variation selectors": "a\ufe00b\U000e0100c",
    "fillers": "a\u115fb\u1160c\u3164d\uffa0e\u2800f\u034fg\u17b4h",
    "interlinear": "a\ufff9b\ufffac\ufffbd",
    "no-break space": "a\u00a0b",
    "lone surrogate": "a\udcffb\ud800c",
    "private use": "a\ue000b\U000f0000c",
    "noncharacter": "a\uffffb\U0010ffffc",
}


def everywhere(text: str) -> Event:
    """An event with *text* in every place that a program can fill."""
    return Event(
        f"shop.{text}",
        text,
        20,
        time_ns=TIME,
        fields={text: text, "nested": {text: [text]}, "list": [text, {"k": text}]},
        context={"context": text, f"context {text}": 1},
        site=Site("m", "f", f"/srv/{text}.py", 1),
        thread=text,
        error=Failure(text, text, f"Traceback (most recent call last):\n  File {text}\nValueError: {text}"),
    )


# Printable to Python and yet nothing to see: joiner, fillers, blanks and variation selectors that are no presentation.
BLANK = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0}
BLANK |= {*range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0)}


def harmless(text: str) -> bool:
    """Judge by the Unicode tables alone, not by the code under test."""
    return all(c == " " or (unicodedata.category(c)[0] not in "CZ" and ord(c) not in BLANK) for c in text)


def assert_harmless(data: bytes, extra: int) -> None:
    first, *block = data.decode().split("\n")
    assert len(block) == extra
    assert all(line.startswith(GUTTER) for line in block)
    assert all(harmless(line) for line in (first, *block))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("exceptions", ["block", "line"])
def test_nothing_in_an_event_ends_its_line_or_moves_the_cursor(text: str, exceptions: Any) -> None:
    columns: Any = ["logger", "site", "thread", "pid"]
    console = ConsoleFormat(color="never", show=columns, exceptions=exceptions, name_width=60)
    hostile = everywhere(text)

    assert_harmless(console.format(hostile), 3 + 2 * text.count("\n") if exceptions == "block" else 0)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_telemetry_event_is_no_way_in_either(text: str) -> None:
    hostile = telemetry(f"shop.{text}", {text: 1, "n": text}, {text + "2": text, "telemetry_span_context": text})

    assert_harmless(ConsoleFormat(color="never").format(hostile), 0)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_only_escape_sequences_are_our_own_colours(text: str) -> None:
    painted = ConsoleFormat(color="always").format(everywhere(text)).decode()

    assert harmless(re.sub(r"\x1b\[(?:0|[0-9;]*[1-9])m", "", painted).replace("\n", ""))
    assert "\x1b[31mred" not in painted


def test_every_character_that_cannot_be_seen_is_escaped_and_no_other() -> None:
    for code in range(0x110000):
        assert is_seen(chr(code)) == harmless(chr(code)), hex(code)


def test_what_people_write_is_left_alone() -> None:
    for text in ("Zürich", "日本語", "Ωμέγα", "שלום", "☎\ufe0f", "🚀", "e\u0301", "50 % off, isn't it?"):
        assert is_seen(text), text


hostile_text = st.one_of(st.text(), st.text(alphabet='\n\r\x1b\u202e\udcff "=\\{}[],#│a1.'))


@given(name=hostile_text, message=hostile_text, key=hostile_text, value=hostile_text, stack=hostile_text)
def test_one_event_is_one_line_whatever_it_holds(name: str, message: str, key: str, value: str, stack: str) -> None:
    told = Event(name, message, 40, fields={key: value}, error=Failure("E", "m", stack), time_ns=TIME)

    assert_harmless(ConsoleFormat(color="never").format(told), (stack or "E: m").count("\n") + 1)


# -- fields can be told apart and read back ---------------------------------------------------------------------------


def _no_json(word: str) -> object:
    raise ValueError(f"{word} is Python's own and no JSON")


def parse(pairs: str) -> dict[str, object]:
    """Read fields back: a key and a value are each JSON or a bare word. Knows nothing of how they were written."""
    decoder = json.JSONDecoder(parse_constant=_no_json)
    found: dict[str, object] = {}
    at = 0
    while at < len(pairs):
        if pairs[at] == '"':
            key, at = decoder.raw_decode(pairs, at)
        else:
            end = pairs.index("=", at)
            key, at = pairs[at:end], end
        assert pairs[at] == "="
        at += 1
        try:
            value, end = decoder.raw_decode(pairs, at)
        except ValueError:
            value, end = None, -1
        if end == -1 or (end < len(pairs) and pairs[end] != " "):
            end = pairs.find(" ", at) if " " in pairs[at:] else len(pairs)
            value = pairs[at:end]
        found[key] = value
        assert end == len(pairs) or pairs[end] == " "
        at = end + 1
    return found


whole_text = st.text(max_size=30)
some_text = st.one_of(whole_text, st.text(alphabet=' "=\\{}[],#1.e-truefalsn', max_size=10))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner | some_text, max_size=3) | st.dictionaries(some_text, inner | some_text, max_size=3),
    max_leaves=5,
)


@given(fields=st.dictionaries(some_text, plain | some_text, min_size=1, max_size=4))
def test_fields_can_be_read_back_and_so_are_unambiguous(fields: dict[str, object]) -> None:
    line = render(Event("n", "", 20, fields=fields, time_ns=TIME), show=[], message_width=0, value_limit=10**6)
    shown = line.removeprefix("22:13:20.123Z INFO      ").removeprefix(" ")

    assert parse(shown) == fields


@pytest.mark.parametrize("text", ["17", "1.5", "-3", "1e5", "true", "null", "", "a b", "a=b", '"', "\\", "[x", "{x"])
def test_a_text_that_could_be_something_else_has_quotes(text: str) -> None:
    assert render(event(k=text)).endswith(f"k={json.dumps(text)}")


@pytest.mark.parametrize("text", ["EUR", "http://127.0.0.1:80/?q", "a,b", "10:42", "/srv/x", "0042", "v1.2", "1_000"])
def test_a_plain_word_has_none(text: str) -> None:
    assert render(event(k=text)).endswith(f"k={text}")


def test_a_long_value_is_cut_and_says_so() -> None:
    cut = render(event(k="x" * 1_000, n={"list": ["y" * 40] * 100_000}, after=1), value_limit=50)

    assert cut.endswith(f'k="{"x" * 50}"…[+950] n={{"list":["{"y" * 40}… after=1')


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_the_tables_of_names_and_keys_stay_bounded() -> None:
    console = ConsoleFormat(color="never")
    for number in range(3_000):
        console.format(some_event(name=f"logger.{number}", **{f"key{number}": 1}))

    assert len(console._names) <= 1_000
    assert len(console._keys) <= 1_000


def test_the_format_of_stdout_differs_in_the_stream_alone() -> None:
    assert StdoutConsoleFormat().stream == "stdout"
    assert StdoutConsoleFormat(color="never", time="utc").format(event(n=1)).decode() == render(event(n=1))


def test_own_faults_are_readable_lines() -> None:
    fault = telemetry("penstock.sink.failed", {"count": 3}, {"subject": "oncall", "text": "Sink unavailable."})

    assert 'count=3 subject=oncall text="Sink unavailable."' in render(fault)
