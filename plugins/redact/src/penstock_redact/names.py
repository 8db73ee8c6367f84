"""Names: the words in a key, whatever its spelling; names in, a judgement of keys out; any thread; never fails.

``X-Auth-Token``, ``authToken`` and ``AUTH_TOKEN`` are the words *auth*, *token*. A wanted name is found where its words
follow one another, so ``pin`` is in ``card_pin`` and not in ``shipping``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

Judge: TypeAlias = Callable[[str], bool]

_END: Final = 512
"""Characters looked at on either end of a key: a longer one is data that got into the place of a key."""


class Word(NamedTuple):
    """One word of a key, in lower case."""

    text: str
    apart: bool
    """Whether a separator stands before it, rather than a change of case or between letters and digits."""


def words_of(key: str) -> list[Word]:
    """Return the words of *key*: split at what is no letter or digit, at camel case and around digits.

    Example:
        >>> [word.text for word in words_of("X-AuthToken2")]
        ['x', 'auth', 'token', '2']
    """
    return [Word(text.casefold(), apart) for text, apart in _pieces(_normal(key))]


def _normal(key: str) -> str:
    """Return *key* with full-width letters and the like made plain, and without invisible characters."""
    if len(key) > 2 * _END:
        key = f"{key[:_END]} {key[-_END:]}"
    if key.isascii():
        return key
    return "".join(c for c in unicodedata.normalize("NFKC", key) if unicodedata.category(c) != "Cf")


def _pieces(key: str) -> Iterator[tuple[str, bool]]:
    start, apart, kinds = 0, True, [_kind(c) for c in key]
    for at, kind in enumerate(kinds):
        before = kinds[at - 1] if at else _OTHER
        after = kinds[at + 1] if at + 1 < len(kinds) else _OTHER
        if kind == _OTHER or _breaks(before, kind, after):
            if start < at:
                yield key[start:at], apart
                apart = False
            if kind == _OTHER:
                apart, start = True, at + 1
            else:
                start = at
    if start < len(key):
        yield key[start:], apart


_OTHER, _UPPER, _LOWER, _DIGIT = range(4)


def _kind(char: str) -> int:
    if char.isalpha():
        return _UPPER if char.isupper() else _LOWER
    return _DIGIT if char.isdigit() else _OTHER


def _breaks(before: int, kind: int, after: int) -> bool:
    """Return whether a word begins between *before* and *kind*: aB, a1, 1a, and the B of ABc."""
    if _OTHER in (before, kind):
        return False
    if _DIGIT in (before, kind):
        return before != kind
    return kind == _UPPER and (before == _LOWER or after == _LOWER)


def joined(name: str) -> str:
    """Return the words of *name* without anything between them."""
    return "".join(word.text for word in words_of(name))


def build_judge(wanted: Iterable[str], safe: Iterable[str]) -> Judge:
    """Return a function that says whether a key has one of the *wanted* names in it and is none of the *safe* ones.

    A plural ``s`` behind a wanted name changes nothing. A name of several words is found in any spelling, also in one
    without separators (``authtoken``); a name of one word also where only its case is odd (``passWord``).

    Example:
        >>> judge = build_judge(["token", "api_key"], safe=["token_count"])
        >>> [key for key in ("X-Token", "apikeys", "tokenizer", "token_count") if judge(key)]
        ['X-Token', 'apikeys']
    """
    single, several = _spellings(wanted)
    longest = max(map(len, single | several), default=0)
    spared = {joined(name) for name in safe}

    def judge(key: str) -> bool:
        words = words_of(key)
        if not any(_found_at(words, at, single, several, longest) for at in range(len(words))):
            return False
        return not spared or not (joined(key) in spared or joined(key.rpartition(".")[2]) in spared)

    return judge


def _spellings(wanted: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return the joined names of one word, and those of several, each also in the plural."""
    single: set[str] = set()
    several: set[str] = set()
    for name in wanted:
        text = joined(name)
        (single if len(words_of(name)) == 1 else several).update((text, f"{text}s"))
    return single, several


def _found_at(words: list[Word], at: int, single: set[str], several: set[str], longest: int) -> bool:
    """Return whether a wanted name begins with the word at *at*."""
    text, apart = "", False
    for word in words[at:]:
        apart = apart or (bool(text) and word.apart)
        text += word.text
        if len(text) > longest:
            return False
        if text in several or (not apart and text in single):
            return True
    return False
