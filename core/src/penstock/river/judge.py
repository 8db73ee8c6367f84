"""Judge: what the redactors of a pipeline say; a key, a path or a text in, what is done with it out; the caller's
thread; a redactor that raises withholds what it was asked about.

A redactor answers three small questions (see `penstock.types`); the answers to two of them depend on the key or path
alone and are remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from penstock.event import EMPTY
from penstock.faults import report
from penstock.secret import MASK, hide_known, known
from penstock.types import REMOVE, Action, KeyRedactor, PartRedactor, PathRedactor, Redactor, TextRedactor

FAILED: Final = "[redaction failed]"
SHORT: Final = 4_096
"""Characters of a text that may be told at once to be innocent."""
LONGEST_KEY: Final = 256
"""Characters of a key or word that is remembered."""
_REMEMBERED: Final = 4_096
"""Answers kept per redaction; keys can come from users, so the table is bounded."""

Path: TypeAlias = tuple[str, ...]
Judgement: TypeAlias = tuple[str, tuple[Action, ...]]
"""How a key is shown, and what is done with its value."""
K = TypeVar("K")
V = TypeVar("V")


class Answers:
    """What was said of keys, words and a context when so many secrets were known; when more are, there is a new one.

    Whoever judges keeps to one of these from beginning to end: what was judged by less than is known now ends up in one
    that is gone.

    Attributes:
        learned: How many secrets were known.
        searches: Whether texts are searched.
        too_long: Texts of letters and digits are innocent up to this length.
        keys: What was said of keys; one that is here need not be asked about.
        words: How names of events and threads are shown.
        innocent_keys: Keys that are shown as they are, and their values too.
        innocent_words: Messages and names in which nothing is found.
        context: An innocent context.
    """

    __slots__ = ("context", "innocent_keys", "innocent_words", "keys", "learned", "searches", "too_long", "words")

    def __init__(self, learned: int, searches: bool, too_long: int) -> None:
        self.learned = learned
        self.searches = searches
        self.too_long = too_long
        self.keys: dict[str, Judgement] = {}
        self.words: dict[str, str] = {}
        self.innocent_keys: set[str] = set()
        self.innocent_words: set[str] = set()
        self.context: Mapping[str, object] = EMPTY


class Judge:
    """What the redactors of a pipeline say of keys, paths and texts; shared by all threads.

    Attributes:
        by_path: Those that go by the place.
        message: What is done with every message.
        error: What is done with the texts of every exception.
        anchors: Finds what any of them may change in a text; None if one of them may change any text.
    """

    def __init__(self, redactors: Sequence[tuple[str, Redactor]]) -> None:
        self._by_key = [(name, r.redact_key) for name, r in redactors if isinstance(r, KeyRedactor)]
        self.by_path = [(name, r.redact_path) for name, r in redactors if isinstance(r, PathRedactor)]
        by_part = [(name, r.redact_part) for name, r in redactors if isinstance(r, PartRedactor)]
        self.message = self._ask(by_part, "message")
        self.error = self._ask(by_part, "error")
        texts = [(name, r) for name, r in redactors if isinstance(r, TextRedactor)]
        self._by_text = [(name, r.redact_text) for name, r in texts]
        self.anchors = _all_anchors([r for _, r in texts])
        self._paths: dict[Path, tuple[Action, ...]] = {}

    def ask_anew(self) -> Answers:
        """Return answers by what is known now, none given yet."""
        learned = known.learned  # first: what is learned from here on makes the answers old
        # A text of letters and digits alone has no anchor in it; but a secret may be such a text.
        too_long = 0 if self.anchors is None else min((SHORT, *known.sizes.copy()))
        return Answers(learned, bool(self._by_text or learned), too_long)

    def key(self, key: str, answers: Answers) -> Judgement:
        """Return how a short *key* is shown and what is done with its value, and remember it."""
        judgement = shown, actions = self.scrub(key), self.key_actions(key)
        if shown != FAILED and withhold not in actions:  # a redactor may fail only once: where the stack is at its end
            remember(answers.keys, key, judgement)
        return judgement

    def key_actions(self, key: str) -> tuple[Action, ...]:
        """Return what the redactors want done with the value under *key*."""
        return self._ask(self._by_key, key)

    def word(self, word: str, answers: Answers) -> str:
        """Return the name of an event or a thread, searched, and remember it."""
        words = answers.words
        shown = words.get(word)
        if shown is None:
            shown = self.scrub(word)
            if len(word) <= LONGEST_KEY and shown != FAILED:
                remember(words, word, shown)
        return shown

    def item_actions(self, path: Path) -> tuple[Action, ...]:
        """Return what the redactors want done with the value at *path*, going by the place alone."""
        if not self.by_path:
            return ()
        actions = self._paths.get(path)
        if actions is None:
            actions = self._ask(self.by_path, path)
            if withhold not in actions:
                remember(self._paths, path, actions)
        return actions

    def part(self, text: str, actions: Sequence[Action]) -> str:
        """Return a *text* that is no field as *actions* leave it; one that would be removed is masked."""
        for act in actions:
            try:
                shown = act(text)
            except Exception as error:  # promise: redaction fails closed
                failed("part", error)
                return FAILED
            text = MASK if shown is REMOVE else str(shown)
        return text

    def _ask(self, redactors: Sequence[tuple[str, Callable[..., Action | None]]], about: object) -> tuple[Action, ...]:
        actions = []
        for name, judge in redactors:
            try:
                action = judge(about)
            except Exception as error:  # promise: redaction fails closed
                failed(name, error)
                action = withhold
            if action is not None:
                actions.append(action)
        return tuple(actions)

    def scrub(self, text: str) -> str:
        """Return *text* as all text redactors leave it, known secrets first."""
        text = hide_known(text)
        for name, redact in self._by_text:
            try:
                text = redact(text)
            except Exception as error:  # promise: redaction fails closed
                failed(name, error)
                return FAILED
        return text


def _all_anchors(redactors: Sequence[TextRedactor]) -> Callable[[str], object] | None:
    """Return what finds an anchor of any of *redactors* in a text, or None if one of them may change a text without.

    Only anchors count that have more in them than letters and digits, so that a plain word need not be searched.
    """
    anchors = [anchor for redactor in redactors for anchor in _anchors_of(redactor)]
    if any(anchor == "" or anchor.isalnum() for anchor in anchors):
        return None
    single = "".join(re.escape(anchor) for anchor in anchors if len(anchor) == 1)
    longer = [re.escape(anchor) for anchor in anchors if len(anchor) > 1]
    return re.compile("|".join([f"[{single}]"] * bool(single) + longer) or r"(?!)").search


def _anchors_of(redactor: TextRedactor) -> Sequence[str]:
    """Return the anchors of *redactor*; the empty text, which is in every text, if it has none or no proper ones."""
    try:
        anchors = tuple(getattr(redactor, "anchors", ("",)))
    except Exception as error:  # promise: redaction fails closed
        failed(type(redactor).__qualname__, error)
        return ("",)
    return anchors if all(type(anchor) is str for anchor in anchors) else ("",)


def remember(table: dict[K, V], key: K, value: V) -> None:
    """Keep *value* in a *table* that stays bounded."""
    if len(table) >= _REMEMBERED:
        table.clear()
    table[key] = value


def failed(name: str, error: BaseException) -> None:
    """Count a redactor that raised; the value it was asked about is withheld."""
    report("redact.failed", "A redactor failed; the value is withheld.", subject=name, error=error)


def withhold(value: object) -> str:
    """Show nothing of *value*: what is done where a redactor failed."""
    return FAILED
