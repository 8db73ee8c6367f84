"""Actions: what becomes of a hidden value; a plain value in, what is shown out; the caller's thread; never fails.

Each action done twice shows what it shows done once: a pipeline may run several redactors over the same value.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from penstock.plugin import MASK, REMOVE, Action, Secret
from penstock_redact.pseudonyms import Pseudonyms

ActionName: TypeAlias = Literal["mask", "remove", "keep_last", "hash"]

_SHARE: Final = 3
"""At most one part in so many is kept: the last 4 of a 6-digit code would be nearly the code."""
_MOST: Final = 16
"""The longest end that can be asked for."""

ACTION: Final = {
    "doc": "What becomes of a value: `mask` shows `[redacted]`, `remove` leaves the key out, `keep_last` shows the end "
    "and `hash` a pseudonym, the same for the same value."
}
KEEP_LAST: Final = {
    "doc": f"How many letters or digits `keep_last` shows; of values of less than {_SHARE} times that length, none."
}


def check_keep_last(_: object, __: object, count: int) -> None:
    """Refuse a number of characters that would keep nothing, or too much."""
    if not 1 <= count <= _MOST:
        raise ValueError(f"expected a number from 1 to {_MOST}")


def build_action(name: ActionName, keep: int, key: Secret | None, key_id: str, length: int) -> Action:
    """Return the action that the options ``action``, ``keep_last`` and ``hash_…`` ask for.

    Raises:
        ValueError: If it is ``hash``, and there is no key.
    """
    if name == "hash":
        if key is None:
            raise ValueError("the action 'hash' needs a key; add hash_key = { env = \"…\" }")
        return Pseudonyms(key, key_id, length)
    if name == "keep_last":
        return _keeping(keep)
    return _removed if name == "remove" else masked


def in_text(action: Action) -> Action:
    """Return *action* for a part of a text: nothing can be left out of one, so what would be removed is masked."""
    return masked if action is _removed else action


def masked(_: object) -> object:
    """Show the mask."""
    return MASK


def _removed(_: object) -> object:
    return REMOVE


def _keeping(count: int) -> Action:
    """Return an action that shows the mask and the last *count* characters of a text or number."""

    def keep(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return MASK
        text = str(value)
        end = text[-count:]
        # Letters and digits only: half an escape sequence, or the "]" of an earlier mask, must not be kept.
        if not end.isalnum() or (len(text) < _SHARE * count and not _kept_already(text, count)):
            return MASK
        return MASK + end

    return keep


def _kept_already(text: str, count: int) -> bool:
    return len(text) == len(MASK) + count and text.startswith(MASK)
