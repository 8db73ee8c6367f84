"""Positions: where each key and value of a TOML text stands; a text that `tomllib` took in, spans by path out; any
thread; it judges nothing, and what it cannot follow has no span.

Only what has something to report scans a text; reading a configuration does not. `tomllib` says what the text means,
and here is only where it says so, in characters.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import Final, NamedTuple, final

Keys = tuple[str | int, ...]
"""A place in a document, from the outside in: keys, and indexes of arrays."""
Span = tuple[int, int]
"""Where something begins in a text, and where it has ended."""

_TRIVIA: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*+")
_BLANKS: Final = re.compile(r"[ \t]*")
_KEY: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+')
# Long strings first; up to two quotes before the closing three belong to the string.
_STRING: Final = re.compile(
    r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*+"{3,5}|\'\'\'(?:[^\']++|\'{1,2}(?!\'))*+\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_ATOM: Final = re.compile(r"[^,\]}#\n\r]+")


class Place(NamedTuple):
    """Where something stands in a text.

    Attributes:
        line: From 1.
        column: From 1, in characters.
        length: In characters; at most to the end of the line.
        span: The whole of it, as offsets.
    """

    line: int
    column: int
    length: int
    span: Span


class _LostError(Exception):
    """The text is not what it seemed: no position is better than a wrong one."""


@final
class Positions:
    """The spans of one text.

    Attributes:
        keys: Where each key stands, by path; for an item of an array there is none.
        values: Where each value stands, by path; for a table its header, if it has one.
        scalars: Where each text, number, date and so on stands, in order.
    """

    def __init__(self, text: str) -> None:
        self.keys: dict[Keys, Span] = {}
        self.values: dict[Keys, Span] = {}
        self.scalars: list[Span] = []
        self._text = text
        self._counts: dict[Keys, int] = {}  # of an array of tables: the index of its last one
        self._base: Keys = ()
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        try:
            self._document()
        except (_LostError, RecursionError):
            return  # what was found so far is right

    def place(self, span: Span) -> Place:
        """Return *span* as lines and columns."""
        start, end = span
        line = bisect_right(self._lines, start)
        first = self._lines[line - 1]
        end_of_line = self._lines[line] - 1 if line < len(self._lines) else len(self._text)
        return Place(line, start - first + 1, max(1, min(end, end_of_line) - start), span)

    # -- the grammar, as far as it has places -------------------------------------------------------------------------

    def _document(self) -> None:
        at = self._trivia(0)
        while at < len(self._text):
            at = self._header(at) if self._text[at] == "[" else self._pair(at, self._base)
            at = self._trivia(at)

    def _header(self, start: int) -> int:
        brackets = 2 if self._text.startswith("[[", start) else 1
        parts, at = self._dotted(start + brackets)
        end = at + brackets
        path: Keys = ()
        for number, (name, span) in enumerate(parts, 1):
            path = (*path, name)
            if number < len(parts):
                self.keys.setdefault(path, span)
            else:
                self.keys[path] = span  # its own header says more than a mention in another one
                if brackets == 2:
                    self._counts[path] = self._counts.get(path, -1) + 1
                    self.values.setdefault(path, (start, end))
            if path in self._counts:
                path = (*path, self._counts[path])
        self.values[path] = (start, end)
        self._base = path
        return end

    def _pair(self, at: int, base: Keys) -> int:
        parts, at = self._dotted(at)
        path = base
        for name, span in parts:
            path = (*path, name)
            self.keys.setdefault(path, span)
        return self._value(self._blanks(self._expect("=", at)), path)

    def _dotted(self, at: int) -> tuple[list[tuple[str, Span]], int]:
        """Return the parts of a dotted key and where what follows it begins."""
        parts = []
        while True:
            match = _KEY.match(self._text, self._blanks(at))
            if match is None:
                raise _LostError
            parts.append((_name(match[0]), match.span()))
            at = self._blanks(match.end())
            if not self._text.startswith(".", at):
                return parts, at
            at += 1

    def _value(self, start: int, path: Keys) -> int:
        first = self._text[start : start + 1]
        if first == "[":
            end = self._array(start, path)
        elif first == "{":
            end = self._inline_table(start, path)
        else:
            end = self._scalar(start, first)
        self.values[path] = (start, end)
        return end

    def _scalar(self, start: int, first: str) -> int:
        match = (_STRING if first in ("'", '"') else _ATOM).match(self._text, start)
        if match is None:
            raise _LostError
        end = match.start() + len(match[0].rstrip(" \t"))
        self.scalars.append((start, end))
        return end

    def _array(self, start: int, path: Keys) -> int:
        at = self._trivia(start + 1)
        index = 0
        while not self._text.startswith("]", at):
            at = self._trivia(self._value(at, (*path, index)))
            at = self._past_comma(at)
            index += 1
        return at + 1

    def _inline_table(self, start: int, path: Keys) -> int:
        at = self._trivia(start + 1)
        while not self._text.startswith("}", at):
            at = self._past_comma(self._trivia(self._pair(at, path)))
        return at + 1

    def _past_comma(self, at: int) -> int:
        if at >= len(self._text):
            raise _LostError
        return self._trivia(at + 1) if self._text[at] == "," else at

    def _trivia(self, at: int) -> int:
        match = _TRIVIA.match(self._text, at)
        return match.end() if match else at

    def _blanks(self, at: int) -> int:
        match = _BLANKS.match(self._text, at)
        return match.end() if match else at

    def _expect(self, mark: str, at: int) -> int:
        if not self._text.startswith(mark, at):
            raise _LostError
        return at + len(mark)


def _name(part: str) -> str:
    """Return the key that *part* writes; `tomllib` decodes it, so that escapes mean the same everywhere."""
    if part[0] not in "\"'":
        return part
    return next(iter(tomllib.loads(f"{part}=0")))
