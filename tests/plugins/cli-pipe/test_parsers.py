"""A line is understood in the way that was asked for, and what is not stays whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock_cli.pipe import logfmt, ndjson
from penstock_cli.pipe.pattern import Pattern
from penstock_cli.pipe.times import read_time
from penstock_cli.pipe.understand import Understand, build_understand

INPUTS = ("auto", "ndjson", "logfmt", "text", "regex")
SYSLOG = r"^(?P<time>\w{3} +\d+ [\d:]{8}) (?P<hostname>\S+) (?P<name>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?: (?P<message>.*)"


def understand(input: str, patterns: list[str] | None = None, events: list[str] | None = None) -> Understand:
    return build_understand(
        input, [Pattern(text) for text in patterns or []], [Pattern(text) for text in events or []], read_time
    )


class TestNdjson:
    @pytest.mark.parametrize(
        "line", ["", "{", "null", "[1]", '"text"', "12", '{"a":1} trailing', "{'a':1}", "{" * 100_000, "9" * 10_000]
    )
    def test_what_is_no_object_is_none(self, line: str) -> None:
        assert ndjson.parse(line) is None

    @pytest.mark.parametrize("line", ['{"a":NaN}', '{"a":1e999}', '{"a":"\\ud800"}', '{"a":' + "9" * 400 + "}"])
    def test_odd_values_are_values(self, line: str) -> None:
        assert ndjson.parse(line) is not None


class TestLogfmt:
    @pytest.mark.parametrize(
        ("line", "fields"),
        [
            ("a=1 b=two", {"a": "1", "b": "two"}),
            ('a="x y" b=', {"a": "x y", "b": ""}),
            (r'a="say \"hi\"\n" b=c=d', {"a": 'say "hi"\n', "b": "c=d"}),
            (r'a="\xff"', {"a": r"\xff"}),
            ("a=1 on", {"a": "1", "on": True}),
            ("a=1 a=2", {"a": "1", "a_": "2"}),
            ("  a=1  ", {"a": "1"}),
            ('a=""', {"a": ""}),
        ],
    )
    def test_pairs_become_fields(self, line: str, fields: dict[str, object]) -> None:
        parsed = logfmt.parse(line)

        assert parsed is not None
        assert parsed.fields == fields

    @pytest.mark.parametrize("line", ["", "   ", "just words", 'a="open', "=1", 'a="x"y=2', '"a"=1'])
    def test_what_is_no_pair_is_none(self, line: str) -> None:
        assert logfmt.parse(line) is None

    @pytest.mark.parametrize(
        "line",
        ["uid=0 euid=0", "authentication failure; logname= uid=0 level=3", "x = level=3", "see time=now for more"],
    )
    def test_a_sentence_with_pairs_does_not_look_like_a_logger(self, line: str) -> None:
        assert logfmt.parse_telling(line) is None

    @given(st.lists(st.tuples(st.from_regex(r"[a-z_.]{1,8}", fullmatch=True), st.text()), min_size=1, max_size=5))
    def test_what_is_written_is_read(self, pairs: list[tuple[str, str]]) -> None:
        line = " ".join(f"{'x' + str(at) + key}={json.dumps(value)}" for at, (key, value) in enumerate(pairs))

        parsed = logfmt.parse(line)

        assert parsed is not None
        assert list(parsed.fields.values()) == [value for _, value in pairs]


class TestPattern:
    def test_named_groups_become_what_they_are_called(self) -> None:
        line = "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: check pass; user unknown"

        parsed = Pattern(SYSLOG).parse(line)

        assert parsed is not None
        assert (parsed.name, parsed.pid, parsed.message) == ("sshd(pam_unix)", 19939, "check pass; user unknown")
        assert parsed.time_ns == read_time("Jun 14 15:16:01")
        assert parsed.fields == {"hostname": "combo"}

    def test_without_a_message_group_the_whole_line_is_the_message(self) -> None:
        parsed = Pattern(r"\[(?P<level>\w+)\]").parse("[error] mod_jk child")

        assert parsed is not None
        assert (parsed.message, parsed.level, parsed.fields) == ("[error] mod_jk child", 40, {})

    def test_a_group_that_took_no_part_is_no_field(self) -> None:
        parsed = Pattern(r"(?P<a>x)|(?P<b>y)").parse("y")

        assert parsed is not None
        assert parsed.fields == {"b": "y"}

    def test_a_group_that_is_not_understood_stays_a_field(self) -> None:
        parsed = Pattern(r"(?P<level>\w+) (?P<time>\w+) (?P<pid>\w+) (?P<message>.*)").parse("purple soon a1 hello")

        assert parsed is not None
        assert parsed.fields == {"level": "purple", "time": "soon", "pid": "a1"}

    def test_the_name_in_front_names_its_events_and_the_lines_own_is_kept(self) -> None:
        parsed = Pattern(rf"ssh.line={SYSLOG}").parse("Jun 14 15:16:01 combo sshd[1]: hello")

        assert parsed is not None
        assert parsed.name == "ssh.line"
        assert parsed.fields == {"hostname": "combo", "source": "sshd"}

    @pytest.mark.parametrize("text", ["^uid=(?P<uid>\\d+)", "(?:uid)=(?P<uid>\\d+)", "(?P<uid>\\d+)=x"])
    def test_an_expression_with_an_equals_sign_is_no_name(self, text: str) -> None:
        assert Pattern(text).name is None

    def test_a_group_may_be_named_as_in_other_languages(self) -> None:
        parsed = Pattern(r"x=(?<a>\w)(?<=b)(?<!c)\(?<d>").parse("b<d>")

        assert parsed is not None
        assert (parsed.name, parsed.fields) == ("x", {"a": "b"})

    @pytest.mark.parametrize("text", ["(", "name=(?P<a>", "(?P<1>x)", "(?P<a>x)(?P<a>y)"])
    def test_a_wrong_one_is_told(self, text: str) -> None:
        with pytest.raises(ValueError, match="no regular expression"):
            Pattern(text)


class TestUnderstand:
    @pytest.mark.parametrize(
        ("line", "message", "fields", "unparsed"),
        [
            (b'{"msg":"m","a":1}', "m", {"a": 1}, ""),
            (b' {"msg":"m"}', "m", {}, ""),
            (b'{"msg":"m"', '{"msg":"m"', {}, "not a JSON object"),
            (b"level=warn msg=m", "m", {}, ""),
            (b"uid=0 euid=0", "uid=0 euid=0", {}, ""),
            (b"plain", "plain", {}, ""),
            (b"", "", {}, ""),
            (b'\xef\xbb\xbf{"msg":"m"}', "m", {}, ""),
        ],
    )
    def test_auto_goes_by_the_looks_of_each_line(
        self, line: bytes, message: str, fields: object, unparsed: str
    ) -> None:
        parsed = understand("auto")(line)

        assert (parsed.message, parsed.fields, parsed.unparsed) == (message, fields, unparsed)

    @pytest.mark.parametrize("input", ["ndjson", "logfmt", "regex"])
    def test_a_line_that_is_something_else_is_its_own_message_and_marked(self, input: str) -> None:
        parsed = understand(input, ["^never$"])(b"Error: it crashed")

        assert parsed.message == "Error: it crashed"
        assert parsed.unparsed

    def test_the_first_pattern_that_is_found_wins(self) -> None:
        parse = understand("regex", ["a.b=x", "c=y"])

        assert [parse(line).name for line in (b"x y", b"y", b"z")] == ["a.b", "c", None]

    def test_auto_asks_the_patterns_first(self) -> None:
        parse = understand("auto", [r"^! (?P<message>.*)"])

        assert [parse(line).message for line in (b"! hello", b'{"msg":"m"}', b"plain")] == ["hello", "m", "plain"]

    def test_an_event_is_named_by_its_message_whatever_the_input(self) -> None:
        events = [r"login.failed=Failed password for (?:invalid user )?(?P<user>\S+)", r"login=password for"]
        parse = understand("auto", [SYSLOG], events)

        first = parse(b"Dec 10 06:55:48 LabSZ sshd[24200]: Failed password for invalid user webmaster from there")
        second = parse(b'{"level":30,"time":1700000000000,"name":"auth","msg":"Failed password for root","user":"?"}')
        third = parse(b"Accepted password for root")

        assert (first.name, first.fields) == (
            "login.failed", {"hostname": "LabSZ", "user": "webmaster", "source": "sshd"},
        )  # fmt: skip
        assert (second.name, second.fields) == ("login.failed", {"user": "?", "user_": "root", "source": "auth"})
        assert third.name == "login"

    @given(st.sampled_from(INPUTS), st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
    @example("auto", b"{" * 100_000)
    @example("auto", b'\xff{"a":1}')
    def test_no_line_is_lost(self, input: str, line: bytes) -> None:
        parsed = understand(input, [SYSLOG, r"(?P<level>\w+)=(?P<pid>\d+)"], [r"a.b=(?P<message>.)"])(line)

        assert isinstance(parsed.message, str)
        assert parsed.valid == _is_utf8(line)

    @given(st.binary())
    def test_text_can_be_told_from_its_bytes(self, line: bytes) -> None:
        message = understand("text")(line).message

        if _is_utf8(line):
            assert message == line.decode().removeprefix("\ufeff")
        else:
            assert "\\x" in message or "\ufffd" in message


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_secret_property_of_a_template_is_not_put_into_the_message() -> None:
    line: dict[str, Any] = {"@t": "2023-11-14T22:13:20Z", "@mt": "login with {Password}", "Password": "s3cr3t"}

    parsed = ndjson.parse(json.dumps(line))

    assert parsed is not None
    assert "s3cr3t" not in parsed.message
