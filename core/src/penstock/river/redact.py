"""Redact: replaces secret values; Event in, Event out; the caller's thread; fails closed: ``[redaction failed]``.

Snapshot and redaction are one bounded walk. Every value becomes plain data (str, int, float, bool, None, list, dict)
or text, once, and is judged on the way: so what a `repr` prints is redacted too, and a value that is changed after the
call changes nothing. A redactor answers three small questions (see `penstock.types`); the answers to two of them depend
on the key or path alone and are remembered.
"""

from __future__ import annotations

import math
import operator
import re
import traceback
from collections import deque
from collections.abc import Callable, Iterable, KeysView, Mapping, Sequence, Set, ValuesView
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from itertools import islice
from pathlib import PurePath
from types import NoneType
from typing import Any, Final, TypeAlias, TypeVar, cast
from uuid import UUID

from penstock.context import Bound
from penstock.event import EMPTY, Event, Failure
from penstock.faults import report
from penstock.secret import Secret, hide_known, known
from penstock.types import REMOVE, Action, KeyRedactor, PathRedactor, Redactor, TextRedactor

FAILED: Final = "[redaction failed]"

# The limits of one event; a value beyond them is cut and marked, never the reason to lose the event.
DEPTH: Final = 32
ITEMS: Final = 1_000
NODES: Final = 10_000
"""Members of mappings and items of lists, all together."""
TEXT: Final = 65_536
"""Characters of one text."""
TEXTS: Final = 2**20
"""Characters of all texts together: services take lines up to about this size, and a caller waits for each of them."""
_MARGIN: Final = 4_096
"""A text is searched this far beyond the cut: half a secret would match no pattern."""
_REMEMBERED: Final = 4_096
"""Answers kept per redaction; keys can come from users, so the table is bounded."""
_LONGEST_KEY: Final = 256
_SHORT: Final = 4_096
_FEW: Final = 60
"""So many fields with texts shorter than `_SHORT` need no counting: four such mappings are below all limits."""
_PLACES: Final = tuple(f"argument {place}" for place in range(_FEW))

Redact: TypeAlias = Callable[[Event], Event]
Path: TypeAlias = tuple[str, ...]
Judgement: TypeAlias = tuple[str, tuple[Action, ...]]
"""How a key is shown, and what is done with its value."""
K = TypeVar("K")
V = TypeVar("V")


def build_redact(redactors: Iterable[tuple[str, Redactor]]) -> Redact:
    """Return the one function that snapshots and redacts an event with named *redactors*, in their order.

    An event of which nothing has to be copied, cut or hidden comes back as it is: a few plain values under innocent
    keys, which is what most programs say most of the time.
    """
    redaction = _Redaction(tuple(redactors))
    return redaction.redact if not redaction.by_path else redaction.walk


def _walked(event: Event, redaction: _Redaction, answers: _Answers) -> Event:
    walk = _Walk(redaction, answers)
    measurements, metadata = event.measurements, event.metadata
    message = walk.text(event.message)
    error = None if event.error is None else walk.failure(_failure_of(event))  # before what is less worth telling
    kept = event.arguments if event.arguments and message == event.message else ()
    shown = event.replace(
        message=message,
        arguments=walk.value(list(kept), ("args",)) if kept else (),
        fields=walk.members(event.fields, ()),
        context=walk.members(event.context, ()),
        measurements=None if measurements is None else walk.members(measurements, ()),
        metadata=None if metadata is None else walk.members(metadata, ()),
        error=error,
    )
    if answers.searches:
        shown.name, shown.thread = redaction.word(event.name, answers), redaction.word(event.thread, answers)
    return shown


def _failure_of(event: Event) -> Failure:
    """Return the error of *event* as plain text, rendered once however many pipelines redact it differently."""
    if isinstance(event.error, Failure):
        return event.error
    done = event.rendered
    if done is None:
        done = event.rendered = {}
    failure = done.get(Failure)
    if failure is None:
        failure = done[Failure] = snapshot_error(cast("BaseException", event.error))
    return cast("Failure", failure)


class _Answers:
    """What was said of keys, words and a context when so many secrets were known; when more are, there is a new one.

    Whoever judges keeps to one of these from beginning to end: what was judged by less than is known now ends up in one
    that is gone.

    Attributes:
        learned: How many secrets were known.
        searches: Whether texts are searched.
        too_long: Texts of letters and digits are innocent up to this length.
        keys: What was said of keys; one that is here need not be asked about.
        words: How names of events and threads are shown.
        innocent_keys: Keys that are shown as they are, and their values too.
        innocent_words: Messages and names in which nothing is found.
        context: An innocent context.
    """

    __slots__ = ("context", "innocent_keys", "innocent_words", "keys", "learned", "searches", "too_long", "words")

    def __init__(self, learned: int, searches: bool, too_long: int) -> None:
        self.learned = learned
        self.searches = searches
        self.too_long = too_long
        self.keys: dict[str, Judgement] = {}
        self.words: dict[str, str] = {}
        self.innocent_keys: set[str] = set()
        self.innocent_words: set[str] = set()
        self.context: Mapping[str, object] = EMPTY


class _Redaction:
    """What the redactors of a pipeline say of keys, paths and texts; shared by all threads."""

    def __init__(self, redactors: Sequence[tuple[str, Redactor]]) -> None:
        self._by_key = [(name, r.redact_key) for name, r in redactors if isinstance(r, KeyRedactor)]
        self.by_path = [(name, r.redact_path) for name, r in redactors if isinstance(r, PathRedactor)]
        texts = [(name, r) for name, r in redactors if isinstance(r, TextRedactor)]
        self._by_text = [(name, r.redact_text) for name, r in texts]
        self._anchors = _all_anchors([r for _, r in texts])
        self._paths: dict[Path, tuple[Action, ...]] = {}
        self._answers = self._ask_anew()

    def _ask_anew(self) -> _Answers:
        learned = known.learned  # first: what is learned from here on makes the answers old
        # A text of letters and digits alone has no anchor in it; but a secret may be such a text.
        too_long = 0 if self._anchors is None else min((_SHORT, *known.sizes.copy()))
        answers = self._answers = _Answers(learned, bool(self._by_text or learned), too_long)
        return answers

    def walk(self, event: Event) -> Event:
        """Return *event* snapshot and redacted, whatever is in it."""
        answers = self._answers
        return _walked(event, self, answers if answers.learned == known.learned else self._ask_anew())

    # -- is there anything to do? -------------------------------------------------------------------------------------

    def redact(self, event: Event) -> Event:
        """Return *event* snapshot and redacted; as it is, if it can be told at once that there is nothing to do.

        That takes a tenth of the time of a walk. What no set and no type can answer is left to the walk.
        """
        answers = self._answers
        if answers.learned != known.learned:
            answers = self._ask_anew()
        words, message = answers.innocent_words, event.message
        if (
            event.error is not None
            or type(message) is not str
            or (message not in words and not self._is_innocent_word(message, answers))
            or (event.name not in words and not self._is_innocent_word(event.name, answers))
            or (event.thread not in words and not self._is_innocent_word(event.thread, answers))
            or (event.context is not answers.context and not self._is_innocent_context(event.context, answers))
            or not self._are_innocent(event.fields, answers)
            or (event.arguments and not self._are_innocent_arguments(event.arguments, answers))
            or (event.measurements is not None and not self._are_innocent(event.measurements, answers))
            or (event.metadata is not None and not self._are_innocent(event.metadata, answers))
        ):
            return _walked(event, self, answers)
        return event

    def _are_innocent(self, fields: Mapping[str, object], answers: _Answers) -> bool:
        """Return whether all of *fields* are few, plain and short, under keys and with texts that nobody redacts."""
        if type(fields) is not dict or len(fields) > _FEW:
            return False
        if not answers.innocent_keys.issuperset(fields) and not self._are_innocent_keys(fields, answers):
            return False
        too_long = answers.too_long
        for value in fields.values():
            kind = type(value)
            if kind is str:
                if (len(value) >= too_long or not value.isalnum()) and not self._is_innocent(value, answers):
                    return False
            elif kind is int:
                if not -(2**63) <= value < 2**64:
                    return False
            elif kind is float:
                if value - value:  # not 0.0: infinite, or not a number
                    return False
            elif kind is not bool and value is not None:
                return False
        return True

    def _are_innocent_arguments(self, arguments: Sequence[object], answers: _Answers) -> bool:
        """Return whether *arguments* of a message are few, plain and short, and none of them may name a secret."""
        if type(arguments) is not list or len(arguments) > _FEW:
            return False
        for name in arguments if len(arguments) > 1 else ():
            names = type(name) is str and (len(arguments) == 2 or name[:1] == "-")
            if names and not self._is_innocent_key(name, answers):
                return False
        return self._are_innocent(dict(zip(_PLACES, arguments, strict=False)), answers)

    def _is_innocent_context(self, context: Mapping[str, object], answers: _Answers) -> bool:
        """Return whether *context*, which goes with many events, is innocent, and remember it if it is."""
        innocent = self._are_innocent(dict(context) if type(context) is Bound else context, answers)
        if innocent:
            answers.context = context
        return innocent

    def _is_innocent(self, text: str, answers: _Answers) -> bool:
        """Return whether *text* is short, and nobody finds anything in it."""
        if len(text) >= _SHORT:
            return False
        if not answers.searches:
            return True
        if self._anchors is None or answers.learned:
            return self.scrub(text) == text
        return self._anchors(text) is None

    def _are_innocent_keys(self, keys: Iterable[object], answers: _Answers) -> bool:
        return all(self._is_innocent_key(key, answers) for key in keys)

    def _is_innocent_key(self, key: object, answers: _Answers) -> bool:
        if type(key) is not str or len(key) > _LONGEST_KEY:
            return False
        if (answers.keys.get(key) or self.judge(key, answers)) != (key, ()):
            return False
        _add(answers.innocent_keys, key)
        return True

    def _is_innocent_word(self, word: str, answers: _Answers) -> bool:
        """Return whether a message, or the name of an event or a thread, is innocent, and remember it if it is."""
        if not self._is_innocent(word, answers):
            return False
        if len(word) <= _LONGEST_KEY:
            _add(answers.innocent_words, word)
        return True

    # -- what is to be done -------------------------------------------------------------------------------------------

    def judge(self, key: str, answers: _Answers) -> Judgement:
        """Return how a short *key* is shown and what is done with its value, and remember it."""
        judgement = shown, actions = self.scrub(key), self.key_actions(key)
        if shown != FAILED and _withhold not in actions:  # a redactor may fail only once: where the stack is at its end
            _remember(answers.keys, key, judgement)
        return judgement

    def key_actions(self, key: str) -> tuple[Action, ...]:
        """Return what the redactors want done with the value under *key*."""
        return self._ask(self._by_key, key)

    def word(self, word: str, answers: _Answers) -> str:
        """Return the name of an event or a thread, searched, and remember it."""
        words = answers.words
        shown = words.get(word)
        if shown is None:
            shown = self.scrub(word)
            if len(word) <= _LONGEST_KEY and shown != FAILED:
                _remember(words, word, shown)
        return shown

    def item_actions(self, path: Path) -> tuple[Action, ...]:
        """Return what the redactors want done with the value at *path*, going by the place alone."""
        if not self.by_path:
            return ()
        actions = self._paths.get(path)
        if actions is None:
            actions = self._ask(self.by_path, path)
            if _withhold not in actions:
                _remember(self._paths, path, actions)
        return actions

    def _ask(self, redactors: Sequence[tuple[str, Callable[..., Action | None]]], about: object) -> tuple[Action, ...]:
        actions = []
        for name, judge in redactors:
            try:
                action = judge(about)
            except Exception as error:  # promise: redaction fails closed
                failed(name, error)
                action = _withhold
            if action is not None:
                actions.append(action)
        return tuple(actions)

    def scrub(self, text: str) -> str:
        """Return *text* as all text redactors leave it, known secrets first."""
        text = hide_known(text)
        for name, redact in self._by_text:
            try:
                text = redact(text)
            except Exception as error:  # promise: redaction fails closed
                failed(name, error)
                return FAILED
        return text


def _all_anchors(redactors: Sequence[TextRedactor]) -> Callable[[str], object] | None:
    """Return what finds an anchor of any of *redactors* in a text, or None if one of them may change a text without.

    Only anchors count that have more in them than letters and digits, so that a plain word need not be searched.
    """
    anchors = [anchor for redactor in redactors for anchor in _anchors_of(redactor)]
    if any(anchor == "" or anchor.isalnum() for anchor in anchors):
        return None
    single = "".join(re.escape(anchor) for anchor in anchors if len(anchor) == 1)
    longer = [re.escape(anchor) for anchor in anchors if len(anchor) > 1]
    return re.compile("|".join([f"[{single}]"] * bool(single) + longer) or r"(?!)").search


def _anchors_of(redactor: TextRedactor) -> Sequence[str]:
    """Return the anchors of *redactor*; the empty text, which is in every text, if it has none or no proper ones."""
    try:
        anchors = tuple(getattr(redactor, "anchors", ("",)))
    except Exception as error:  # promise: redaction fails closed
        failed(type(redactor).__qualname__, error)
        return ("",)
    return anchors if all(type(anchor) is str for anchor in anchors) else ("",)


def _remember(table: dict[K, V], key: K, value: V) -> None:
    if len(table) >= _REMEMBERED:
        table.clear()
    table[key] = value


def _add(words: set[str], word: str) -> None:
    if len(words) >= _REMEMBERED:
        words.clear()
    words.add(word)


def failed(name: str, error: BaseException) -> None:
    """Count a redactor that raised; the value it was asked about is withheld."""
    report("redact.failed", "A redactor failed; the value is withheld.", subject=name, error=error)


def _withhold(value: object) -> str:
    return FAILED


class _Walk:
    """One walk over one event; counts what it has seen, so that no value can make it long."""

    __slots__ = ("_answers", "_left", "_redaction", "_room", "_searches")

    def __init__(self, redaction: _Redaction, answers: _Answers) -> None:
        self._redaction = redaction
        self._answers = answers
        self._left = NODES
        self._room = TEXTS
        self._searches = answers.searches

    def text(self, text: object) -> str:
        """Return *text* searched, and then cut if it is too long."""
        text = text if type(text) is str else text_of(text)
        size = len(text)
        most = TEXT if self._room > TEXT else self._room  # noqa: FURB136, `min` takes longer than the rest
        if size <= most:
            self._room -= size
            return self._redaction.scrub(text) if self._searches else text
        self._room -= most
        # Searched first and cut afterwards; only the part that can be shown is searched, so the time is bounded.
        cut = self._redaction.scrub(text[: most + _MARGIN])[:most] if most else ""
        return f"{cut}…[+{size - most} characters]"

    def failure(self, failure: Failure) -> Failure:
        return Failure(failure.type, self.text(failure.message), self.text(failure.stack))

    def members(self, mapping: Mapping[str, object], path: Path) -> dict[str, object]:
        """Return the members of a mapping, plain and redacted."""
        if mapping is EMPTY:
            return {}
        plain: dict[str, object] = {}
        known_keys, redaction, by_path = self._answers.keys, self._redaction, self._redaction.by_path
        most = ITEMS if self._left > ITEMS else self._left  # noqa: FURB136, as above
        pairs = _pairs(mapping, most)
        self._left -= len(pairs)
        for key, value in pairs:
            # A key of another type is asked for nothing, not even its hash.
            name, actions = (known_keys.get(key) if type(key) is str else None) or self._judge(key)
            if not actions and not by_path and type(value) in _AS_THEY_ARE:  # most of what programs say
                shown = value
            else:
                inside = (*path, key if type(key) is str else text_of(key))
                shown = self._shown(value, inside, actions + redaction.item_actions(inside))
            if shown is not REMOVE:
                while name in plain:
                    name += "_"  # ``1`` and ``"1"`` are two keys
                plain[name] = shown
        if len(mapping) > most:
            plain["…"] = f"[+{len(mapping) - most} items]"
        return plain

    def _judge(self, key: object) -> Judgement:
        name = key if type(key) is str else text_of(key)
        if len(name) <= _LONGEST_KEY:
            return self._redaction.judge(name, self._answers)
        return self.text(name), self._redaction.key_actions(name)

    def _shown(self, value: object, path: Path, actions: Sequence[Action]) -> object:
        if not actions:
            return self.value(value, path)
        try:
            shown = self.value(value, path)
            for act in actions:
                shown = act(shown)
        except Exception as error:  # promise: redaction fails closed
            failed(path[-1], error)
            return FAILED
        return shown

    def value(self, value: object, path: Path) -> object:
        """Return *value* as plain data."""
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is bool or value is None:
            return value
        if kind is int:
            number = _whole(value)
            return number if type(number) is int else self.text(number)
        if kind is float:
            return _number(cast("float", value))
        if len(path) > DEPTH:
            return f"[too deep: {kind.__name__}]"
        return self._other(value, kind, path)

    def _other(self, value: object, kind: type, path: Path) -> object:
        try:
            shape, convert = _shapes.get(kind) or _learn(kind)
            if self._left <= 0 and shape is not _PLAIN:
                return f"[too many values: {kind.__name__}]"
            plain = convert(value)
            if shape is _MAPPING:
                return self.members(cast("Mapping[str, object]", plain), path)
            if shape is _ITEMS:
                return self._items(cast("list[object]", plain), path)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # promise: no value can hurt the caller, not even by raising SystemExit
            return _unrepresentable(kind, error)
        return self.text(plain) if type(plain) is str else plain

    def _items(self, items: list[object], path: Path) -> list[object]:
        shown: list[object] = []
        name: object = None
        most = min(self._left, ITEMS)
        self._left -= min(len(items), most)
        for index, item in enumerate(items[:most]):
            inside = (*path, str(index))
            actions = self._redaction.item_actions(inside)
            if type(name) is str:
                actions += self._actions(name)
            judged = self._shown(item, inside, actions)
            if judged is not REMOVE:
                shown.append(judged)
            # A pair such as a header names its second item, an option of a command line the next one.
            name = judged if len(items) == 2 or (type(judged) is str and judged.startswith("-")) else None
        if len(items) > most:
            shown.append(f"[+{len(items) - most} items]")
        return shown

    def _actions(self, name: str) -> tuple[Action, ...]:
        """Return what is done with what follows *name* in a list: the actions alone, for it is shown as any text is."""
        said = self._answers.keys.get(name)
        return self._redaction.key_actions(name) if said is None else said[1]


# -- plain data out of anything ---------------------------------------------------------------------------------------

_AS_THEY_ARE: Final = frozenset({bool, NoneType})
_MAPPING, _ITEMS, _PLAIN = "mapping", "items", "plain"
_Shape: TypeAlias = tuple[str, Callable[[Any], object]]


def _pairs(mapping: Mapping[str, object], most: int) -> list[tuple[str, object]]:
    if type(mapping) is dict and len(mapping) <= most:
        return list(mapping.items())  # one step, which no other thread can interrupt
    for _ in range(3):
        try:
            return list(islice(mapping.items(), most))
        except RuntimeError:  # changed by another thread meanwhile: look again
            continue
    told: list[tuple[str, object]] = [("…", "[changed while it was read]")]
    return told[:most]


def _number(number: float) -> object:
    """Return a finite number as it is; ``NaN`` and infinities as text: RFC 8259, section 6 has none."""
    number = float.__float__(number)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _whole(value: Any) -> object:
    """Return a whole number as it is, beyond 64 bits as text: most readers of JSON would round it."""
    number = operator.index(value)
    if -(2**63) <= number < 2**64:
        return number
    # Decimal digits of a huge number take quadratic time, and CPython refuses more than 4,300 of them; hex is linear.
    return str(number) if number.bit_length() <= 1_024 else hex(number)


def _bytes(value: bytes | bytearray | memoryview) -> str:
    return bytes(value[: TEXT + _MARGIN]).decode("utf-8", "backslashreplace")


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


def _learn(kind: type) -> _Shape:
    """Return how values of *kind* become plain, and remember it."""
    shape = _shape_of(kind)
    if len(_shapes) < _REMEMBERED:
        _shapes[kind] = shape
    return shape


def _shape_of(kind: type) -> _Shape:
    if issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple):  # a named tuple
        return _MAPPING, _attributes(cast("Any", kind)._fields)
    for kinds, shape in _BY_BASE:
        if issubclass(kind, kinds):
            return shape
    names = _names_shown(kind)
    if names is not None:
        return _MAPPING, _attributes(names)
    if hasattr(kind, "__index__"):  # the whole numbers of other libraries
        return _PLAIN, _whole
    return _PLAIN, text_of


_BY_BASE: Final[tuple[tuple[tuple[type, ...], _Shape], ...]] = (
    ((Secret,), (_PLAIN, str)),
    ((Enum,), (_PLAIN, _enum)),
    ((str,), (_PLAIN, str.__str__)),
    ((bool,), (_PLAIN, bool)),
    ((int,), (_PLAIN, _whole)),
    ((float,), (_PLAIN, _number)),
    ((bytes, bytearray, memoryview), (_PLAIN, _bytes)),
    ((datetime, date, time), (_PLAIN, lambda value: value.isoformat())),
    ((UUID, Decimal, PurePath), (_PLAIN, str)),
    ((BaseException,), (_MAPPING, _exception)),
    ((Mapping,), (_MAPPING, lambda value: value)),
    ((list, tuple, set, frozenset, deque, Set, KeysView, ValuesView), (_ITEMS, _iterable)),
)
_shapes: dict[type, _Shape] = {}


def _unrepresentable(kind: type, error: BaseException) -> str:
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
        return _unrepresentable(type(value), error)


def snapshot_error(error: BaseException) -> Failure:
    """Return *error* with its causes, groups and notes as text, without local variables."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        stack = "".join(traceback.format_exception(kind, error, error.__traceback__))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as broken:  # promise: an exception whose text raises is still told
        stack = f"{name}: {_unrepresentable(kind, broken)}"
    try:
        message = str(error)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as broken:  # promise: as above
        message = _unrepresentable(kind, broken)
    return Failure(name, message, stack.rstrip("\n"))
