"""Expressions: compiles what users write; a text in, a compiled expression out; when configured; a wrong one is told.

Python's `re` holds the interpreter while it matches. So what takes exponential time, or more than quadratic time from
where a match may begin, is refused here, and what is accepted sees only a bounded part of a text at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from penstock_redact.ambiguity import EXPONENTIAL, degree_of

WINDOW: Final = 2_048
"""Characters that a user's expression sees at a time: quadratic time over so many is hundredths of a second."""
SMALL_WINDOW: Final = 256
"""The same where two loops share characters: cubic time over so many is."""
_OVERLAPS: Final = 8
"""Windows overlap by one part in so many: matches up to this length are found wherever they lie."""
_LOOPS: Final = 2
"""So many loops that share characters may follow one another; of three, windows would be too small to be of use."""


def compile_expression(text: str) -> re.Pattern[str]:
    """Return *text* compiled.

    Raises:
        ValueError: If it is no regular expression, matches nothing at all, or can take for ever.
    """
    try:
        expression = re.compile(text)
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    except (RecursionError, OverflowError):
        raise ValueError("this regular expression is too large") from None
    if expression.search("") is not None:
        raise ValueError("this expression also matches the empty text; let it need at least one character")
    degree = _degree(text)
    if degree == EXPONENTIAL:
        raise ValueError(
            "this expression repeats what repeats, like (a+)+ or (a|aa)+, and can take for ever; take one repetition "
            "out, or make the inner one possessive: (a++)+"
        )
    if degree > _LOOPS:
        raise ValueError(
            f"in this expression {degree} repetitions of the same characters follow one another, like .*x.*y.*z, and "
            "it can take for ever; let them have no character in common: [^x]*x[^y]*y[^z]*z"
        )
    return expression


def window_of(expression: re.Pattern[str]) -> int:
    """Return how many characters *expression* may see at a time."""
    return SMALL_WINDOW if _degree(expression.pattern) > 1 else WINDOW


def _degree(text: str) -> int:
    """Return how ambiguous *text* is; nothing if the private part of the standard library that says so has changed.

    Windows are the only bound then.
    """
    try:
        return degree_of(text)
    except (ImportError, AttributeError, TypeError, ValueError, LookupError, re.error):
        return 0


def sub_in_windows(
    expression: re.Pattern[str], shown: Callable[[re.Match[str]], str], text: str, window: int = WINDOW
) -> str:
    """Return *text* with each match replaced by what *shown* says, never looking at more than a window at once."""
    if len(text) <= window:
        return expression.sub(shown, text)
    done = 0
    parts: list[str] = []
    for match in _matches(expression, text, window):
        parts += (text[done : match.start()], shown(match))
        done = match.end()
    return "".join((*parts, text[done:]))


def _matches(expression: re.Pattern[str], text: str, window: int) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        end = min(at + window, len(text))
        match = expression.search(text, at, end)
        if match is None:
            at = end if end == len(text) else end - window // _OVERLAPS
        elif match.end() == end < len(text) and match.start() > at:
            at = match.start()  # it may go on behind the window: look again, from where it begins
        else:
            yield match
            at = max(match.end(), match.start() + 1)
