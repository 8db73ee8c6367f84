"""Heads: what the lines of one call site have in common, encoded once; Event in, a line of bytes out; the caller's
thread; what does not fit the pattern is made from its members, so it does not fail.

Most lines of a call site differ in their time, their context and their fields alone. What stands between the time and
these is the *head*: it is cut out of a line that was made the long way, with a marker in the place of the message, and
kept on the call site. A line is then the time, the head, the context and the fields, each as finished bytes; that takes
a third of the time of the long way (`tests/bench` prints both).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import intern
from typing import Final, TypeAlias, cast, final

from penstock.plugin import Event
from penstock_json.keys import Keys
from penstock_json.parts import Members
from penstock_json.strict import DEL, encode, encode_plain, encode_text, escape_hidden, printable

MakeLine: TypeAlias = Callable[[Event], bytes]
"""Returns an event's line."""

_NOTHING: Final[Mapping[str, object]] = {}
_MARKER: Final = "\ue000the message of a penstock head\ue000"
"""Stands for the message while a head is made; private use, so that no logger or thread is called so."""
_MARKED: Final = encode_text(_MARKER)
_HEADS: Final = 512
"""Entries kept on a call site: two for most, more for a helper that logs for many loggers, levels and threads."""
_CONTEXTS: Final = 256
"""Contexts kept as bytes: as many as requests are served at once, more or less."""
_KEPT: Final = 1_024
"""Bytes of a context, and characters of a message, that are kept at most: a long one is encoded each time."""


@final
class _Head:
    """One head, and the event it was made for."""

    __slots__ = ("after", "before", "level", "message", "name", "pid", "whole")

    def __init__(self, event: Event, before: bytes, after: bytes) -> None:
        self.name = event.name
        self.level = event.level
        self.pid = event.pid
        self.before = before
        self.after = after
        self.message = event.message if len(event.message) <= _KEPT else ""
        self.whole = before + encode_text(self.message) + after if after else before


@final
class Heads:
    """Makes lines of heads where it can, and of members where it cannot.

    Args:
        members: Makes the members of a line: first the time, last the fields that keep their names.
        opening: Writes a line up to the time.
        unit: Nanoseconds that the time tells apart.
        keys: The names of the line.
        label: Names everything in the options that a head depends on: formats that are configured alike share heads.
    """

    def __init__(self, members: Members, opening: Callable[[int], bytes], unit: int, keys: Keys, label: str) -> None:
        self._members = members
        self._opening = opening
        self._unit = unit
        self._opened = (1, 0, b"")
        self._are_plain = keys.are_plain
        self._says = keys.writes("message")
        self._kept_as = intern(f"penstock-json head {label}")
        self._contexts: dict[int, tuple[Mapping[str, object], bytes]] = {}

    def line(self, event: Event) -> bytes:
        """Return the line of *event*."""
        fields = event.fields
        if event.arguments and "args" not in fields and "args" not in event.context:
            fields = {**fields, "args": event.arguments}  # as `Event.merged` does
        if event.measurements is not None or event.error is not None or not self._are_plain(fields):
            return encode(self._members(event))
        head: _Head | None
        try:
            head = event.site.cache[self._kept_as][event.thread]  # type: ignore[index]
        except KeyError:
            head = None
        if head is None or head.name != event.name or head.level != event.level or head.pid != event.pid:
            head = self._other(event)
            if head is None:
                return encode(self._members(event))
        middle = head.whole
        if event.message is not head.message and head.after:
            middle = head.before + encode_text(event.message) + head.after
        if event.context:
            shown = self._context(event.context, fields)
            if shown is None:
                return encode(self._members(event))
            middle += shown
        first, last, opening = self._opened
        if not first <= event.time_ns <= last:
            opening = self._open(event.time_ns)
        if not fields:
            return opening + middle[:-1] + b"}"
        try:
            shown = encode_plain(fields)
        except Exception:  # promise: no value costs the line
            return encode(self._members(event))
        if not shown.isascii() or DEL in shown:
            shown = escape_hidden(shown)
        return opening + middle + shown[1:]

    def _open(self, time_ns: int) -> bytes:
        """Return a line up to its time, and keep it: in the same unit of time there are many."""
        opening = self._opening(time_ns)
        first = time_ns - time_ns % self._unit
        self._opened = (first, first + self._unit - 1, opening)  # one tuple, so threads never see half of it
        return opening

    def _other(self, event: Event) -> _Head | None:
        """Return the head of events like *event*, which are not like the last of their thread; None for the first one.

        Many call sites speak once, and some with a new name of the thread each time: for these no head is made.
        """
        heads = cast("dict[object, _Head | None]", event.site.cache.setdefault(self._kept_as, {}))
        kind = event.thread, event.name, event.level, event.pid
        head = heads.get(kind)
        if head is None:
            head = self._make(event) if kind in heads else None
            if len(heads) >= _HEADS:
                heads.clear()
            heads[kind] = head
        if head is not None:
            heads[event.thread] = head
        return head

    def _make(self, event: Event) -> _Head:
        bare = event.replace(message=_MARKER, arguments=(), fields=_NOTHING, context=_NOTHING)
        line = encode(self._members(bare))[len(self._opening(event.time_ns)) : -1] + b","
        # The message stands before everything else that may be called like the marker.
        before, _, after = line.partition(_MARKED) if self._says else (line, b"", b"")
        return _Head(event, before, after)

    def _context(self, context: Mapping[str, object], fields: Mapping[str, object]) -> bytes | None:
        """Return *context* as members of the line; None if it needs a look, or a name in it is also that of a field."""
        kept = self._contexts.get(id(context))
        if kept is None or kept[0] is not context:
            if not self._are_plain(context):
                return None
            try:
                shown = printable(encode_plain(context))[1:-1] + b","
            except Exception:  # promise: no value costs the line
                return None
            kept = context, shown
            if len(shown) <= _KEPT:
                self._keep_context(kept)
        return kept[1] if context.keys().isdisjoint(fields) else None

    def _keep_context(self, kept: tuple[Mapping[str, object], bytes]) -> None:
        if len(self._contexts) >= _CONTEXTS:
            self._contexts.clear()
        self._contexts[id(kept[0])] = kept
