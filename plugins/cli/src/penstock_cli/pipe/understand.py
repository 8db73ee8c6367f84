"""Understand: picks the parser for a line; the bytes of a line in, Parsed out; any thread; a line that cannot be parsed
is its own message, and marked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from penstock_cli.pipe import logfmt, ndjson, text
from penstock_cli.pipe.parsed import Parsed, add_field
from penstock_cli.pipe.pattern import Pattern
from penstock_cli.pipe.times import ReadTime

Parse: TypeAlias = Callable[[str], Parsed | None]
Understand: TypeAlias = Callable[[bytes], Parsed]

_BOM: Final = "\ufeff"


def build_understand(input: str, patterns: Sequence[Pattern], events: Sequence[Pattern], times: ReadTime) -> Understand:
    """Return the one function that understands a line.

    Args:
        input: What lines are: ``auto``, ``ndjson``, ``logfmt``, ``text`` or ``regex``.
        patterns: Layouts of a line; the first that is found in it is taken.
        events: Names for events by what is found in their message; the first wins, its groups become fields.
        times: Reads times.
    """
    parse = _parser(input, patterns, times)

    def understand(data: bytes) -> Parsed:
        line, valid = _decode(data)
        parsed = parse(line)
        if not valid:
            parsed = parsed._replace(valid=False)
        return _named(parsed, events) if events else parsed

    return understand


def _decode(data: bytes) -> tuple[str, bool]:
    try:
        line, valid = data.decode("utf-8"), True
    except UnicodeDecodeError:
        # In JSON a backslash would begin an escape that is none, and spoil the whole line.
        handler = "replace" if data.lstrip().startswith(b"{") else "backslashreplace"
        line, valid = data.decode("utf-8", handler), False
    return line.removeprefix(_BOM), valid


def _parser(input: str, patterns: Sequence[Pattern], times: ReadTime) -> Callable[[str], Parsed]:
    if input == "ndjson":
        return _or_marked(lambda line: ndjson.parse(line, times), "not a JSON object")
    if input == "logfmt":
        return _or_marked(lambda line: logfmt.parse(line, times), "not logfmt")
    if input == "regex":
        return _or_marked(lambda line: _first(patterns, line), "no pattern found in it")
    if input == "text":
        return text.parse
    by_looks = _by_looks(times)
    return lambda line: _first(patterns, line) or by_looks(line)


def _or_marked(parse: Parse, problem: str) -> Callable[[str], Parsed]:
    return lambda line: parse(line) or _marked(line, problem)


def _marked(line: str, problem: str) -> Parsed:
    return Parsed(line, {}, unparsed=problem)


def _first(patterns: Sequence[Pattern], line: str) -> Parsed | None:
    for pattern in patterns:
        parsed = pattern.parse(line)
        if parsed is not None:
            return parsed
    return None


def _by_looks(times: ReadTime) -> Callable[[str], Parsed]:
    def parse(line: str) -> Parsed:
        if line.lstrip().startswith("{"):
            return ndjson.parse(line, times) or _marked(line, "not a JSON object")
        if "=" in line:
            return logfmt.parse_telling(line, times) or text.parse(line)
        return text.parse(line)

    return parse


def _named(parsed: Parsed, events: Sequence[Pattern]) -> Parsed:
    for event in events:
        groups = event.groups(parsed.message)
        if groups is not None:
            for key, value in groups.items():
                add_field(parsed.fields, key, value)
            if parsed.name is not None:
                add_field(parsed.fields, "source", parsed.name)
            return parsed._replace(name=event.name)
    return parsed
