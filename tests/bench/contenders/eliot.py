"""eliot: messages of actions; to a file as its documentation has it, and to a function with orjson and `os.write`.

It has no caller information, no levels and no redaction.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import eliot
import orjson

from bench.event import Case, Contender, Form, Unsupported


class Eliot(Contender):
    """`to_file`; orjson is what it takes by itself."""

    name: ClassVar[str] = "eliot"
    form: ClassVar[Form] = Form(message="message_type", caller=("", "", ""), note="no caller information")

    def __init__(self, path: Path, case: Case) -> None:
        if case.redact or not case.wanted:
            raise Unsupported("it has neither redaction nor levels")
        self._open = ExitStack()
        self._add(path)

    def _add(self, path: Path) -> None:
        eliot.to_file(self._open.enter_context(path.open("ab")))

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event."""
        log = eliot.log_message
        for number in numbers:
            log("order filled", symbol="BTCUSDT", side="buy", qty=number, price=64000.5, live=True)

    def close(self) -> None:
        """Close the file."""
        self._open.close()


class Orjson(Eliot):
    """A function as the destination."""

    name = "eliot, orjson"

    def _add(self, path: Path) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._open.callback(os.close, fd)

        def write(message: dict[str, Any]) -> None:
            os.write(fd, orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))

        eliot.add_destinations(write)


CONTENDERS = (Eliot, Orjson)
