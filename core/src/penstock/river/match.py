"""Match: says which events a pipeline wants; patterns in, a function of names out; any thread; checked when composed.

In a pattern ``*`` stands for one segment of a dotted name and ``**`` for any number of them, none included; a pattern
that begins with ``!`` excludes. Excluding wins, and where there are only exclusions everything else matches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias, TypeVar

Match: TypeAlias = Callable[[str], bool]
T = TypeVar("T")

_ONE: Final = "*"
_ANY_NUMBER: Final = "**"


def build_match(patterns: Iterable[str]) -> Match:
    """Return a function that says whether a dotted name matches *patterns*; without any, all names do.

    Raises:
        ValueError: If a pattern is empty, has an empty segment, or mixes a star with other characters in a segment.

    Example:
        >>> wanted = build_match(["trade.**", "!trade.heartbeat"])
        >>> wanted("trade.filled"), wanted("trade.heartbeat"), wanted("web.request")
        (True, False, False)
    """
    include: list[list[str]] = []
    exclude: list[list[str]] = []
    for pattern in patterns:
        (exclude if pattern.startswith("!") else include).append(_segments(pattern.removeprefix("!")))

    def match(name: str) -> bool:
        segments = name.split(".")
        wanted = not include or any(_fits(segments, pattern) for pattern in include)
        return wanted and not any(_fits(segments, pattern) for pattern in exclude)

    return match


def _segments(pattern: str) -> list[str]:
    segments = pattern.split(".")
    for segment in segments:
        if not segment:
            raise ValueError(f"the pattern {pattern!r} has an empty segment")
        if segment not in (_ONE, _ANY_NUMBER) and ("*" in segment or "!" in segment):
            raise ValueError(f"in the pattern {pattern!r}, a star stands alone between dots, and '!' only at the front")
    return segments


def _fits(name: list[str], pattern: list[str]) -> bool:
    """Return whether the segments of a name fit those of a pattern, after at most one step for each pair of them.

    Names can come from users, so this is no regular expression: with several ``**`` one of those tries every way to
    share the name out. It is enough to remember the last ``**``: an earlier one can take nothing that this cannot.
    """
    at = here = 0
    star = taken = -1
    while here < len(name):
        wanted = pattern[at] if at < len(pattern) else ""
        if wanted == _ANY_NUMBER:
            star, taken = at, here
            at += 1
        elif at < len(pattern) and wanted in (_ONE, name[here]):
            at += 1
            here += 1
        elif star >= 0:  # let the last one take one segment more
            taken += 1
            at, here = star + 1, taken
        else:
            return False
    return all(segment == _ANY_NUMBER for segment in pattern[at:])


def longest_prefix(name: str, levels: Mapping[str, T]) -> T | None:
    """Return what is under the longest key that is *name* or a dotted prefix of it, or None.

    Example:
        >>> longest_prefix("urllib3.connectionpool", {"urllib3": 30})
        30
    """
    while name:
        if name in levels:
            return levels[name]
        name = name.rpartition(".")[0]
    return levels.get("")
