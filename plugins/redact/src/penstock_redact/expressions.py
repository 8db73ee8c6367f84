"""Expressions: compiles what users write; a text in, a compiled expression out; when configured; a wrong one is told.

Python's `re` holds the interpreter while it matches. So what can be seen to take exponential time is refused here, and
what is accepted sees only a bounded part of a text at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

WINDOW: Final = 8_192
"""Characters that a user's expression sees at a time: quadratic time over so many is still a fraction of a second."""
_OVERLAP: Final = 1_024
"""Characters by which windows overlap: matches up to this length are found wherever they lie."""


def compile_expression(text: str) -> re.Pattern[str]:
    """Return *text* compiled.

    Raises:
        ValueError: If it is no regular expression, matches nothing at all, or repeats what repeats.
    """
    try:
        expression = re.compile(text)
    except re.error as error:
        raise ValueError(f"this is no regular expression: {error}") from None
    except (RecursionError, OverflowError):
        raise ValueError("this regular expression is too large") from None
    if expression.search("") is not None:
        raise ValueError("this expression also matches the empty text; let it need at least one character")
    if _explodes(text):
        raise ValueError(
            "this expression repeats what repeats, like (a+)+, and can take for ever; take one repetition out, or make "
            "the inner one possessive: (a++)+"
        )
    return expression


def sub_in_windows(expression: re.Pattern[str], shown: Callable[[re.Match[str]], str], text: str) -> str:
    """Return *text* with each match replaced by what *shown* says, never looking at more than a window at once."""
    if len(text) <= WINDOW:
        return expression.sub(shown, text)
    done = 0
    parts: list[str] = []
    for match in _matches(expression, text):
        parts += (text[done : match.start()], shown(match))
        done = match.end()
    return "".join((*parts, text[done:]))


def _matches(expression: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        end = min(at + WINDOW, len(text))
        match = expression.search(text, at, end)
        if match is None:
            at = end if end == len(text) else end - _OVERLAP
        elif match.end() == end < len(text) and match.start() > at:
            at = match.start()  # it may go on behind the window: look again, from where it begins
        else:
            yield match
            at = max(match.end(), match.start() + 1)


# -- what repeats what repeats ----------------------------------------------------------------------------------------


def _explodes(text: str) -> bool:
    """Return whether a repetition in *text* repeats only another one, as in ``(a+)+``, ``(a*b?)*`` or ``(a|b+)*``.

    It looks at the tree that `re` itself compiles. That is private to the standard library: where it has changed, the
    expression is accepted unseen, and windows are the only bound.
    """
    try:
        from re import _parser  # type: ignore[attr-defined]

        return _repeats_badly(_parser.parse(text))
    except (ImportError, AttributeError, TypeError, ValueError, LookupError):
        return False


def _repeats_badly(tree: Any) -> bool:
    return any(
        (_is_repeat(name) and _is_endless(value) and _only_repeats(value[2])) or any(map(_repeats_badly, _trees(value)))
        for name, value in tree
    )


def _only_repeats(tree: Any) -> bool:
    """Return whether *tree* may be nothing but an endless repetition."""
    for index, (name, value) in enumerate(tree):
        if not any(_least(other) for at, other in enumerate(tree) if at != index) and _may_repeat(str(name), value):
            return True
    return False


def _may_repeat(name: str, value: Any) -> bool:
    if _is_repeat(name):
        return _is_endless(value) or _only_repeats(value[2])
    # Atomic groups give nothing back and so cannot explode; a lookahead takes no characters.
    return name in ("SUBPATTERN", "BRANCH") and any(map(_only_repeats, _trees(value)))


def _is_repeat(name: object) -> bool:
    return str(name) in ("MAX_REPEAT", "MIN_REPEAT")


def _is_endless(value: Any) -> bool:
    return str(value[1]) == "MAXREPEAT"


def _least(item: Any) -> int:
    """Return the fewest characters that one item of a tree takes."""
    name, value = str(item[0]), item[1]
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return int(value[0]) * int(value[2].getwidth()[0])
    if name in ("ASSERT", "ASSERT_NOT", "AT"):
        return 0
    trees = list(_trees(value))
    return min((int(tree.getwidth()[0]) for tree in trees), default=0 if name == "GROUPREF" else 1)


def _trees(value: Any) -> Iterable[Any]:
    """Return the trees inside the value of an item, however deep it packs them."""
    if hasattr(value, "getwidth"):
        return (value,)
    if isinstance(value, (tuple, list)):
        return [tree for inner in value for tree in _trees(inner)]
    return ()
