"""Text: makes a text safe to print; a text in, a text out; any thread; never fails."""

from __future__ import annotations

from functools import cache

from penstock.hints import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from typing import Final

# Default-ignorable or blank, and yet printable to `str.isprintable` (Unicode 15, DerivedCoreProperties.txt): joiners,
# fillers, variation selectors. U+FE0E and U+FE0F stay: they choose between \u260e and its emoji, beside a visible sign.
_UNSEEN: Final = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"


@cache
def _unseen() -> re.Pattern[str]:
    import re  # late: most texts are ASCII, and `import penstock` stays light

    return re.compile(_UNSEEN)


def is_seen(text: str) -> bool:
    r"""Return whether all of *text* can be seen as it is, on one line.

    Example:
        >>> is_seen("a b"), is_seen("a\nb")
        (True, False)
    """
    return text.isprintable() and (text.isascii() or _unseen().search(text) is None)


def escape_controls(text: str) -> str:
    r"""Return *text* with everything escaped that ends a line, moves a cursor or cannot be seen.

    Example:
        >>> escape_controls("a\nb")
        'a\\nb'
    """
    return text if is_seen(text) else "".join(c if is_seen(c) else _code(c) for c in text)


def _code(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
