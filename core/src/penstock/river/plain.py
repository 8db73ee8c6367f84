"""Plain: plain data out of anything; a value of any type in; text, a number, a list or mapping to walk on into out; the
caller's thread; what cannot be shown becomes a text that says so.

Plain data is str, int, float, bool, None, list and dict. A value becomes plain once, before anybody judges it: so what
a `repr` prints is redacted too, and a value that is changed after the call changes nothing.
"""

from __future__ import annotations

import math
import operator
import traceback
from collections import deque
from collections.abc import Callable, Iterable, KeysView, Mapping, Sequence, Set, ValuesView
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from penstock.event import Failure
from penstock.faults import report
from penstock.secret import Secret

# The limits of one event; a value beyond them is cut and marked, never the reason to lose the event.
DEPTH: Final = 32
ITEMS: Final = 1_000
NODES: Final = 10_000
"""Members of mappings and items of lists, all together."""
TEXT: Final = 65_536
"""Characters of one text."""
TEXTS: Final = 2**20
"""Characters of all texts together: services take lines up to about this size, and a caller waits for each of them."""
MARGIN: Final = 4_096
"""A text is searched this far beyond the cut: half a secret would match no pattern."""
_REMEMBERED: Final = 4_096
"""Types whose shapes are kept."""

MAPPING, ITEM_LIST, PLAIN = "mapping", "items", "plain"
Shape: TypeAlias = tuple[str, Callable[[Any], object]]


def pairs_of(mapping: Mapping[str, object], most: int) -> list[tuple[str, object]]:
    """Return the first *most* members of *mapping*, which another thread may be changing."""
    if type(mapping) is dict and len(mapping) <= most:
        return list(mapping.items())  # one step, which no other thread can interrupt
    for _ in range(3):
        try:
            return list(islice(mapping.items(), most))
        except RuntimeError:  # changed by another thread meanwhile: look again
            continue
    told: list[tuple[str, object]] = [("…", "[changed while it was read]")]
    return told[:most]


def finite(number: float) -> object:
    """Return a finite number as it is; ``NaN`` and infinities as text: RFC 8259, section 6 has none."""
    number = float.__float__(number)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def whole(value: Any) -> object:
    """Return a whole number as it is, beyond 64 bits as text: most readers of JSON would round it."""
    number = operator.index(value)
    if -(2**63) <= number < 2**64:
        return number
    # Decimal digits of a huge number take quadratic time, and CPython refuses more than 4,300 of them; hex is linear.
    return str(number) if number.bit_length() <= 1_024 else hex(number)


def _bytes(value: bytes | bytearray | memoryview) -> str:
    return bytes(value[: TEXT + MARGIN]).decode("utf-8", "backslashreplace")


def _enum(value: Enum) -> object:
    return value.value if type(value.value) in (str, int, bool) else str(value)


def _iterable(value: Iterable[object]) -> list[object]:
    return list(islice(value, NODES))


def _attributes(names: Sequence[str]) -> Callable[[Any], object]:
    return lambda value: {name: getattr(value, name) for name in names}


def _exception(error: BaseException) -> dict[str, object]:
    failure = snapshot_error(error)
    return {"type": failure.type, "message": failure.message, "stack": failure.stack}


def _names_shown(kind: type) -> list[str] | None:
    """Return the names of the fields of a dataclass or attrs class, less those its author keeps out of `repr`."""
    fields = getattr(kind, "__dataclass_fields__", None)
    fields = list(fields.values()) if isinstance(fields, dict) else getattr(kind, "__attrs_attrs__", None)
    return None if fields is None else [field.name for field in fields if field.repr]


def shape_of(kind: type) -> Shape:
    """Return how values of *kind* become plain, and remember it."""
    known = _shapes.get(kind)
    if known is not None:
        return known
    shape = _learn(kind)
    if len(_shapes) < _REMEMBERED:
        _shapes[kind] = shape
    return shape


def _learn(kind: type) -> Shape:
    if issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple):  # a named tuple
        return MAPPING, _attributes(cast("Any", kind)._fields)
    for kinds, shape in _BY_BASE:
        if issubclass(kind, kinds):
            return shape
    names = _names_shown(kind)
    if names is not None:
        return MAPPING, _attributes(names)
    if hasattr(kind, "__index__"):  # the whole numbers of other libraries
        return PLAIN, whole
    return PLAIN, text_of


_BY_BASE: Final[tuple[tuple[tuple[type, ...], Shape], ...]] = (
    ((Secret,), (PLAIN, str)),
    ((Enum,), (PLAIN, _enum)),
    ((str,), (PLAIN, str.__str__)),
    ((bool,), (PLAIN, bool)),
    ((int,), (PLAIN, whole)),
    ((float,), (PLAIN, finite)),
    ((bytes, bytearray, memoryview), (PLAIN, _bytes)),
    ((datetime, date, time), (PLAIN, lambda value: value.isoformat())),
    ((UUID, Decimal, PurePath), (PLAIN, str)),
    ((BaseException,), (MAPPING, _exception)),
    ((Mapping,), (MAPPING, lambda value: value)),
    ((list, tuple, set, frozenset, deque, Set, KeysView, ValuesView), (ITEM_LIST, _iterable)),
)
_shapes: dict[type, Shape] = {}


def unrepresentable(kind: type, error: BaseException) -> str:
    """Return the text in the place of a value of *kind*, which raised *error*, and report it."""
    name = type.__getattribute__(kind, "__qualname__")
    report("value.failed", "A value could not be shown.", subject=name, error=error)
    return f"<unrepresentable {name}: {type(error).__qualname__}>"


def text_of(value: object) -> str:
    """Return *value* as text, whatever it does; only a real KeyboardInterrupt passes through."""
    try:
        return str.__str__(value) if isinstance(value, str) else str(repr(value))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # promise: no value can hurt the caller
        return unrepresentable(type(value), error)


def snapshot_error(error: BaseException) -> Failure:
    """Return *error* with its causes, groups and notes as text, without local variables."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        stack = "".join(traceback.format_exception(kind, error, error.__traceback__))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as broken:  # promise: an exception whose text raises is still told
        stack = f"{name}: {unrepresentable(kind, broken)}"
    try:
        message = str(error)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as broken:  # promise: as above
        message = unrepresentable(kind, broken)
    return Failure(name, message, stack.rstrip("\n"))
