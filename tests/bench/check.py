"""Reads what a run wrote, line by line: exactly the events that were said, each once, each with its right values."""

from __future__ import annotations

import json
import linecache
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from bench.event import CONTEXT, ERROR, FIELDS, MESSAGE, Case, Contender, Form, shaped

CONTENDERS = Path(__file__).parent / "contenders"


class Wrong(Exception):
    """A line is missing, there twice, or not what was said."""


def check_file(path: Path, contender: type[Contender], case: Case, events: int, *, in_order: bool) -> None:
    """Look whether *path* has the events 0 to *events*, and nothing else.

    Raises:
        Wrong: If it has not.
    """
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    if lines.pop():
        raise Wrong("the last line has no end")
    numbers = list(numbers_of(lines, contender, case))
    if (numbers if in_order else sorted(numbers)) != list(range(events)):
        raise Wrong(f"{len(numbers)} lines for {events} events, {len(set(numbers))} different ones, or out of order")


def numbers_of(lines: list[bytes], contender: type[Contender], case: Case) -> Iterator[int]:
    """Return the number of each event, after a look at all its values."""
    form = contender.form
    if not form.json:
        return map(number_in_text, lines)
    if case.shape is None:
        return (number_in_json(line, form, case, contender) for line in lines)
    message, fields = shaped(case.shape)
    return (index for index, line in enumerate(lines) if has(read(line), form, message, fields))


def number_in_json(line: bytes, form: Form, case: Case, contender: type[Contender]) -> int:
    """Return the number of the event in a line of JSON."""
    members = read(line)
    has(members, form, MESSAGE, {**FIELDS, **CONTEXT} if case.context else FIELDS)
    if case.caller and form.caller[0]:
        check_caller(members, form, contender)
    if case.frames:
        check_error(at(members, form.error), case.frames)
    number: int = at(members, form.fields)["qty"]
    return number


def has(members: Any, form: Form, message: str, wanted: Mapping[str, object]) -> bool:
    """Return True if the message and the fields are the ones *wanted*.

    Raises:
        Wrong: If they are not.
    """
    fields = at(members, form.fields)
    if at(members, form.message) != message or any(fields.get(key) != value for key, value in wanted.items()):
        raise Wrong(f"wrong values: {str(members)[:500]}")
    return True


def check_caller(members: Any, form: Form, contender: type[Contender]) -> None:
    """Look whether module, function and line are those of the call."""
    module, function, line = (at(members, place) for place in form.caller)
    name = contender.__module__.rsplit(".", 1)[1]
    said = linecache.getline(str(CONTENDERS / f"{name}.py"), line)
    called = "info(" in said or "exception(" in said or "emit(" in said
    if not (module.removesuffix(".py").endswith(name) and "emit" in function and called):
        raise Wrong(f"wrong caller: {module}, {function}, {line}")


def check_error(text: str, frames: int) -> None:
    """Look whether all of the traceback is there: the frame that caught it, and those it passed."""
    if f"ValueError: {ERROR}" not in text or text.count("bench/event.py") != frames - 1:
        raise Wrong(f"wrong traceback: {text[:2000]}")


def number_in_text(line: bytes) -> int:
    """Return the number of the event in a line of text."""
    text = line.decode()
    words = dict(word.split("=", 1) for word in text.split() if "=" in word)
    if MESSAGE not in text or any(words.get(key, "").lower() != str(value).lower() for key, value in FIELDS.items()):
        raise Wrong(f"wrong values: {text[:500]}")
    return int(words["qty"])


def read(line: bytes) -> Any:
    """Return what a line of JSON says.

    Raises:
        Wrong: If it is none.
    """
    try:
        return json.loads(line, parse_constant=refuse)
    except ValueError as error:
        raise Wrong(f"no JSON: {line[:500]!r}") from error


def at(members: Any, place: str) -> Any:
    """Return what is at a path such as ``record/message``."""
    for key in place.split("/") if place else ():
        members = members[key]
    return members


def refuse(constant: str) -> NoReturn:
    """Raise for what Python reads and JSON does not have."""
    raise ValueError(constant)
