"""Paths: hides values by their place; a path in, an action out; the caller's thread; fails closed, in the core.

A pattern is compared segment by segment and never with a joined text: a key may itself contain dots.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias, final

from attrs import define, field

from penstock.plugin import Action, Secret
from penstock_redact.actions import ACTION, KEEP_LAST, ActionName, build_action, check_keep_last
from penstock_redact.pseudonyms import HASH_KEY, HASH_KEY_ID, HASH_LENGTH, check_key, check_key_id, check_length


class Star(NamedTuple):
    """A segment that stands for others."""

    many: bool
    """Whether it is ``**``, any number of segments, or ``*``, exactly one."""


Segment = str | Star
Pattern = tuple[Segment, ...]
Reached: TypeAlias = Literal["inside", "on the way", "outside"]

_PIECES: Final = re.compile(r"((?:[^.\\]|\\.)*+)(\.|\\?\Z)", re.DOTALL)


def parse_path(pattern: str) -> Pattern:
    r"""Return the segments of *pattern*; a backslash takes its meaning from a dot, a star or a backslash.

    Example:
        >>> parse_path(r"headers.x\.token")
        ('headers', 'x.token')

    Raises:
        ValueError: If a segment is empty or a star does not stand alone.
    """
    segments: list[Segment] = []
    for piece in _split(pattern):
        segment = _segment(piece, pattern)
        if segment != Star(many=True) or segments[-1:] != [segment]:  # two in a row say no more than one
            segments.append(segment)
    return tuple(segments)


def _split(pattern: str) -> list[str]:
    pieces = []
    for match in _PIECES.finditer(pattern):
        if match[2].startswith("\\"):
            raise ValueError(f"the path {pattern!r} ends in a backslash")
        pieces.append(match[1])
        if not match[2]:
            break
    return pieces


def _segment(piece: str, pattern: str) -> Segment:
    if piece in ("*", "**"):
        return Star(many=piece == "**")
    if not piece:
        raise ValueError(f"the path {pattern!r} has an empty segment")
    if "*" in re.sub(r"\\.", "", piece):
        raise ValueError(f"in the path {pattern!r} a star does not stand alone; write '\\*' for a key with a star")
    return re.sub(r"\\(.)", r"\1", piece, flags=re.DOTALL)


def matches(pattern: Sequence[Segment], path: Sequence[str]) -> bool:
    """Return whether *pattern* describes *path*; the time is their product, whatever the stars.

    Example:
        >>> matches(parse_path("items.*.card"), ("items", "0", "card"))
        True
    """
    states = _closure(pattern, {0})
    for segment in path:
        states = _closure(pattern, {after for at in states for after in _after(pattern, at, segment)})
        if not states:
            return False
    return len(pattern) in states


def reach(pattern: Sequence[Segment], path: Sequence[str]) -> Reached:
    """Return whether *path* is inside of what *pattern* describes, on the way to it, or outside.

    Example:
        >>> [reach(parse_path("a.b"), path) for path in (("a",), ("a", "b"), ("a", "b", "c"), ("a", "c"))]
        ['on the way', 'inside', 'inside', 'outside']
    """
    states = _closure(pattern, {0})
    for segment in path:
        states = _closure(pattern, {after for at in states for after in _after(pattern, at, segment)})
        if len(pattern) in states:
            return "inside"
        if not states:
            return "outside"
    return "on the way"


def _after(pattern: Sequence[Segment], at: int, segment: str) -> tuple[int, ...]:
    if at == len(pattern):
        return ()
    wanted = pattern[at]
    if isinstance(wanted, Star):
        return (at if wanted.many else at + 1,)
    return (at + 1,) if wanted == segment else ()


def _closure(pattern: Sequence[Segment], states: set[int]) -> set[int]:
    """Return *states* with those behind a ``**``, which may stand for nothing."""
    more = set(states)
    for at in states:
        if at < len(pattern) and pattern[at] == Star(many=True):
            more.add(at + 1)  # parse_path leaves no second one behind it
    return more


def check_paths(_: object, __: object, paths: Iterable[str]) -> None:
    """Refuse what is no path."""
    for path in paths:
        parse_path(path)


@final
@define(kw_only=True)
class PathRedactor:
    """Hides the values at the given places, whatever they are called and whatever they hold."""

    paths: list[str] = field(
        validator=check_paths,
        metadata={
            "doc": "Places, from the name of the field inwards: `user.*.email`, `**.ssn`, `items.*.card`. `*` is one "
            "key or index, `**` any number; a dot or star that belongs to a key has a backslash before it."
        },
    )
    action: ActionName = field(default="mask", metadata=ACTION)
    keep_last: int = field(default=4, validator=check_keep_last, metadata=KEEP_LAST)
    hash_key: Secret | None = field(default=None, validator=check_key, metadata=HASH_KEY)
    hash_key_id: str = field(default="", validator=check_key_id, metadata=HASH_KEY_ID)
    hash_length: int = field(default=16, validator=check_length, metadata=HASH_LENGTH)
    _by_end: dict[str, list[Pattern]] = field(factory=dict, init=False, repr=False)
    _open_end: list[Pattern] = field(factory=list, init=False, repr=False)
    _act: Action = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Compile the paths; most values are ruled out by the name of their key alone."""
        self._act = build_action(self.action, self.keep_last, self.hash_key, self.hash_key_id, self.hash_length)
        for pattern in map(parse_path, self.paths):
            end = pattern[-1]
            (self._open_end if isinstance(end, Star) else self._by_end.setdefault(end, [])).append(pattern)

    def redact_path(self, path: tuple[str, ...], /) -> Action | None:
        """Return the action if one of the paths describes *path*."""
        patterns = self._by_end.get(path[-1])
        if patterns is None and not self._open_end:
            return None
        found = any(matches(pattern, path) for pattern in (*(patterns or ()), *self._open_end))
        return self._act if found else None
