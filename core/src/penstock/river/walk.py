"""Walk: the one bounded walk that makes an event plain and redacts it; Event in, a copy out; the caller's thread; a
value that cannot be shown, or a redactor that raises, costs that value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Final, cast

from penstock.event import EMPTY, Event, Failure
from penstock.river.judge import FAILED, LONGEST_KEY, Answers, Judge, Judgement, Path, failed
from penstock.river.plain import (
    DEPTH,
    ITEM_LIST,
    ITEMS,
    MAPPING,
    MARGIN,
    NODES,
    PLAIN,
    TEXT,
    TEXTS,
    finite,
    pairs_of,
    shape_of,
    snapshot_error,
    text_of,
    unrepresentable,
    whole,
)
from penstock.types import REMOVE, Action

_AS_THEY_ARE: Final = frozenset({bool, NoneType})


def walked(event: Event, judge: Judge, answers: Answers) -> Event:
    """Return *event* snapshot and redacted, whatever is in it."""
    walk = _Walk(judge, answers)
    measurements, metadata = event.measurements, event.metadata
    message = walk.text(event.message)
    if judge.message and message:
        message = judge.part(message, judge.message)
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
        shown.name, shown.thread = judge.word(event.name, answers), judge.word(event.thread, answers)
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


class _Walk:
    """One walk over one event; counts what it has seen, so that no value can make it long."""

    __slots__ = ("_answers", "_judge", "_left", "_room", "_searches")

    def __init__(self, judge: Judge, answers: Answers) -> None:
        self._judge = judge
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
            return self._judge.scrub(text) if self._searches else text
        self._room -= most
        # Searched first and cut afterwards; only the part that can be shown is searched, so the time is bounded.
        cut = self._judge.scrub(text[: most + MARGIN])[:most] if most else ""
        return f"{cut}…[+{size - most} characters]"

    def failure(self, failure: Failure) -> Failure:
        judge, actions = self._judge, self._judge.error
        message, stack = self.text(failure.message), self.text(failure.stack)
        return Failure(failure.type, judge.part(message, actions), judge.part(stack, actions))

    def members(self, mapping: Mapping[str, object], path: Path) -> dict[str, object]:
        """Return the members of a mapping, plain and redacted."""
        if mapping is EMPTY:
            return {}
        plain: dict[str, object] = {}
        known_keys, judge, by_path = self._answers.keys, self._judge, self._judge.by_path
        most = ITEMS if self._left > ITEMS else self._left  # noqa: FURB136, as above
        pairs = pairs_of(mapping, most)
        self._left -= len(pairs)
        for key, value in pairs:
            # A key of another type is asked for nothing, not even its hash.
            name, actions = (known_keys.get(key) if type(key) is str else None) or self._unknown(key)
            if not actions and not by_path and type(value) in _AS_THEY_ARE:  # most of what programs say
                shown = value
            else:
                inside = (*path, key if type(key) is str else text_of(key))
                shown = self._shown(value, inside, actions + judge.item_actions(inside))
            if shown is not REMOVE:
                while name in plain:
                    name += "_"  # ``1`` and ``"1"`` are two keys
                plain[name] = shown
        if len(mapping) > most:
            plain["…"] = f"[+{len(mapping) - most} items]"
        return plain

    def _unknown(self, key: object) -> Judgement:
        name = key if type(key) is str else text_of(key)
        if len(name) <= LONGEST_KEY:
            return self._judge.key(name, self._answers)
        return self.text(name), self._judge.key_actions(name)

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
            as_number = whole(value)
            return as_number if type(as_number) is int else self.text(as_number)
        if kind is float:
            return finite(cast("float", value))
        if len(path) > DEPTH:
            return f"[too deep: {kind.__name__}]"
        return self._other(value, kind, path)

    def _other(self, value: object, kind: type, path: Path) -> object:
        try:
            shape, convert = shape_of(kind)
            if self._left <= 0 and shape is not PLAIN:
                return f"[too many values: {kind.__name__}]"
            plain = convert(value)
            if shape is MAPPING:
                return self.members(cast("Mapping[str, object]", plain), path)
            if shape is ITEM_LIST:
                return self._items(cast("list[object]", plain), path)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # promise: no value can hurt the caller, not even by raising SystemExit
            return unrepresentable(kind, error)
        return self.text(plain) if type(plain) is str else plain

    def _items(self, items: list[object], path: Path) -> list[object]:
        shown: list[object] = []
        name: object = None
        most = min(self._left, ITEMS)
        self._left -= min(len(items), most)
        for index, item in enumerate(items[:most]):
            inside = (*path, str(index))
            actions = self._judge.item_actions(inside)
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
        return self._judge.key_actions(name) if said is None else said[1]
