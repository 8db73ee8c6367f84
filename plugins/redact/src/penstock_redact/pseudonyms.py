"""Pseudonyms: a short name in the place of a value, the same for the same value; a plain value in, a text out; the
caller's thread; never fails.

It is the HMAC-SHA-256 (RFC 2104) of the value as UTF-8 text, so that who has the key can find the lines of a value he
knows, and nobody else can try out values. A plain hash would not do: of telephone numbers or addresses one tries all.
"""

from __future__ import annotations

import hmac
import re
from typing import Final, final

from penstock.plugin import MASK, Secret

_SHORTEST_KEY: Final = 16
"""Characters: a key that can be guessed hides nothing."""
_FEWEST_DIGITS: Final = 8
_MOST_DIGITS: Final = 64
_ID: Final = re.compile(r"[A-Za-z0-9_\-]{1,16}")
_HIDDEN: Final = "[redact"
"""How the mark of a hidden value begins, and that of a redactor that failed."""

HASH_KEY: Final = {"doc": 'The key of `hash`, at least 16 characters: a reference such as `{ env = "HASH_KEY" }`.'}
HASH_KEY_ID: Final = {
    "doc": "The name of the key in what `hash` shows, so that pseudonyms of an old and a new key are told apart; if it "
    "is empty, four digits made of the key."
}
HASH_LENGTH: Final = {"doc": "How many hexadecimal digits `hash` shows."}


def check_key(_: object, __: object, key: Secret | None) -> None:
    """Refuse a key that can be guessed; what it is is not told."""
    if key is not None and len(key.reveal()) < _SHORTEST_KEY:
        raise ValueError(f"expected a key of at least {_SHORTEST_KEY} characters, such as `openssl rand -hex 32` makes")


def check_key_id(_: object, __: object, key_id: str) -> None:
    """Refuse a name that would not be read again as one."""
    if key_id and not _ID.fullmatch(key_id):
        raise ValueError("expected at most 16 letters, digits, '_' or '-'")


def check_length(_: object, __: object, length: int) -> None:
    """Refuse so few digits that many values would share them, and more than there are."""
    if not _FEWEST_DIGITS <= length <= _MOST_DIGITS:
        raise ValueError(f"expected a number from {_FEWEST_DIGITS} to {_MOST_DIGITS}")


@final
class Pseudonyms:
    """Makes pseudonyms with one key, such as ``[hash:k1:0b1a5c9e4f6d7a88]``.

    Args:
        key: What nobody must know who must not find out the values.
        key_id: What the pseudonyms call the key; made of it if empty.
        length: Of a pseudonym, in hexadecimal digits.

    Example:
        >>> pseudonym = Pseudonyms(Secret("an example, and no key"), "k1", 16)
        >>> pseudonym("bob") == pseudonym("bob") != pseudonym("eve")
        True
        >>> pseudonym(["bob"])
        '[redacted]'
    """

    __slots__ = ("_id", "_key", "_length", "_made")

    def __init__(self, key: Secret, key_id: str, length: int) -> None:
        self._key = key.reveal().encode("utf-8", "surrogatepass")
        self._length = length
        self._id = key_id or self.digits("penstock: which key is it?")[:4]
        self._made = re.compile(rf"\[hash:[A-Za-z0-9_\-]{{1,16}}:[0-9a-f]{{{_FEWEST_DIGITS},{_MOST_DIGITS}}}\]")

    def __call__(self, value: object) -> object:
        """Return the pseudonym of a text or number; what has parts, or two values at most, is masked.

        A text in which something is hidden already is masked too: what is left of it may be the same for two values.
        """
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return MASK
        text = str(value)
        if self._made.fullmatch(text):
            return text
        return MASK if _HIDDEN in text else f"[hash:{self.of(text)}]"

    def of(self, text: str) -> str:
        """Return the pseudonym of *text* behind the name of the key, for a mark of the caller's."""
        return "redacted" if _HIDDEN in text else f"{self._id}:{self.digits(text)}"

    def digits(self, text: str) -> str:
        """Return so many digits of the hash of *text* as are shown."""
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[: self._length]
