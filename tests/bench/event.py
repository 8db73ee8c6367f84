"""The event that every contender says, and what a run may add to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Protocol

MESSAGE = "order filled"
LOGGER = "bench.orders"
FIELDS: dict[str, object] = {"symbol": "BTCUSDT", "side": "buy", "price": 64000.5, "live": True}
"""Four of the five fields; the fifth, `qty`, is the number of the event: so each line has its own right value."""
CONTEXT: dict[str, object] = {"request_id": "r-81f3c2", "user": "u-7"}
SECRETS = (
    "password passwd passphrase passcode otp secret credential token jwt authorization "
    "cookie session_id api_key access_key private_key signing_key card_number cvv client_secret refresh_token"
).split()


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a run asks of a contender, beside the event itself."""

    caller: bool = True
    """Module, function and line of the call are in the line."""
    redact: bool = False
    """Values of twenty secret keys are hidden."""
    context: bool = False
    """Two fields come from the library's own context."""
    wanted: bool = True
    """The level of the event is enabled."""
    frames: int = 0
    """So many frames are in the traceback of the exception that is logged; none if 0."""
    hung: bool = False
    """What writes does not come back until the end."""
    shape: tuple[int, int, int] | None = None
    """Another event: bytes of the message, number of fields, how deep the last one is nested."""


class Unsupported(Exception):
    """A contender cannot do what a case asks."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """Where things are in a contender's lines: paths into the JSON object, such as ``record/message``, or text.

    Attributes:
        json: Whether a line is JSON; else it must have the fields as ``key=value``.
        message: Where the message is.
        fields: Where the fields are; empty for the object itself.
        caller: Where module, function and line are.
        error: Where the text of a traceback is.
        note: What a reader of the tables must know.
    """

    json: bool = True
    message: str = "message"
    fields: str = ""
    caller: tuple[str, str, str] = ("module", "function", "line")
    error: str = "error"
    note: str = ""


class Contender(Protocol):
    """One library in one configuration, writing to one file.

    Called:
        When: made once in a process, then `emit` for each round, `close` once.
        Thread: `emit` from one or four threads at once, each with numbers of its own.
        May block: yes, that is what is measured.
        If it raises: the run is void, and the table says so; Unsupported is a reason, not a failure.
    """

    name: ClassVar[str]
    form: ClassVar[Form]

    def __init__(self, path: Path, case: Case) -> None: ...

    def emit(self, numbers: Iterable[int]) -> None:
        """Say the event once for each number; the iterable may take its time, and look at the clock."""
        ...

    def emit_error(self, numbers: Iterable[int], fail: Callable[[], None]) -> None:
        """Say the event with the exception that *fail* raises."""
        raise Unsupported("exceptions: not written for it")

    def emit_shaped(self, numbers: Iterable[int], message: str, fields: Mapping[str, object]) -> None:
        """Say another event, always the same."""
        raise Unsupported("other shapes: not written for it")

    def bound(self) -> AbstractContextManager[object]:
        """Return what binds `CONTEXT` for a block."""
        raise Unsupported("context: it has no such thing")

    def close(self) -> None:
        """Return when all bytes are in the file."""
        ...


def emitter(contender: Contender, case: Case) -> Callable[[Iterable[int]], None]:
    """Return what says the event of *case*."""
    if case.frames:
        failing = partial(fail, case.frames - 1)  # the first frame is the contender's
        return lambda numbers: contender.emit_error(numbers, failing)
    if case.shape:
        message, fields = shaped(case.shape)
        return lambda numbers: contender.emit_shaped(numbers, message, fields)
    return contender.emit


ERROR = "no such symbol"


def fail(frames: int) -> None:
    """Raise in the last of *frames* calls, of which this is the first."""
    if frames <= 1:
        raise ValueError(ERROR)
    fail_again(frames - 1)


def fail_again(frames: int) -> None:
    """Do the same in another function: Python folds a function that calls itself into one line of a traceback."""
    if frames <= 1:
        raise ValueError(ERROR)
    fail(frames - 1)


def shaped(shape: tuple[int, int, int]) -> tuple[str, dict[str, object]]:
    """Return the message and the fields of an event of this *shape*."""
    size, count, depth = shape
    message = (f"{MESSAGE} " * (size // len(MESSAGE) + 1))[:size].strip().ljust(size, ".")
    kinds: tuple[object, ...] = ("BTCUSDT", 17, 64000.5, True, "buy")
    fields = {f"field_{index:02}": kinds[index % 5] for index in range(count)}
    if depth:
        fields["nested"] = nested(depth)
    return message, fields


def nested(depth: int) -> dict[str, object]:
    """Return a mapping in a mapping, *depth* deep, each with two plain values."""
    inner: dict[str, object] = {"side": "buy", "qty": 17}
    return {**inner, "next": nested(depth - 1)} if depth > 1 else inner
