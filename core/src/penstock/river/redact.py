"""Redact: replaces secret values; Event in, Event out; the caller's thread; fails closed: ``[redaction failed]``.

Snapshot and redaction are one bounded walk (`river.walk`), in which every value becomes plain data (`river.plain`) and
is judged by the redactors (`river.judge`). Most events need none: whether that is so is asked here first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from penstock.context import Bound
from penstock.event import Event
from penstock.river.judge import LONGEST_KEY, SHORT, Answers, Judge
from penstock.river.walk import walked
from penstock.secret import known
from penstock.types import Redactor

_REMEMBERED: Final = 4_096
"""Innocent words kept; they can come from users."""
_FEW: Final = 60
"""So many fields with texts shorter than `SHORT` need no counting: four such mappings are below all limits."""
_PLACES: Final = tuple(f"argument {place}" for place in range(_FEW))

Redact: TypeAlias = Callable[[Event], Event]


def build_redact(redactors: Iterable[tuple[str, Redactor]]) -> Redact:
    """Return the one function that snapshots and redacts an event with named *redactors*, in their order.

    An event of which nothing has to be copied, cut or hidden comes back as it is: a few plain values under innocent
    keys, which is what most programs say most of the time.
    """
    redaction = _Redaction(Judge(tuple(redactors)))
    return redaction.walk if redaction.walks_always else redaction.redact


class _Redaction:
    """Asks whether there is anything to do, and does it; shared by all threads."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._anchors = judge.anchors
        self.walks_always = bool(judge.by_path or judge.message)
        self._answers = judge.ask_anew()

    def _ask_anew(self) -> Answers:
        answers = self._answers = self._judge.ask_anew()
        return answers

    def walk(self, event: Event) -> Event:
        """Return *event* snapshot and redacted, whatever is in it."""
        answers = self._answers
        return walked(event, self._judge, answers if answers.learned == known.learned else self._ask_anew())

    def redact(self, event: Event) -> Event:
        """Return *event* snapshot and redacted; as it is, if it can be told at once that there is nothing to do.

        That takes a tenth of the time of a walk. What no set and no type can answer is left to the walk.
        """
        answers = self._answers
        if answers.learned != known.learned:
            answers = self._ask_anew()
        words, message = answers.innocent_words, event.message
        if (
            event.error is not None
            or type(message) is not str
            or (message not in words and not self._is_innocent_word(message, answers))
            or (event.name not in words and not self._is_innocent_word(event.name, answers))
            or (event.thread not in words and not self._is_innocent_word(event.thread, answers))
            or (event.context is not answers.context and not self._is_innocent_context(event.context, answers))
            or not self._are_innocent(event.fields, answers)
            or (event.arguments and not self._are_innocent_arguments(event.arguments, answers))
            or (event.measurements is not None and not self._are_innocent(event.measurements, answers))
            or (event.metadata is not None and not self._are_innocent(event.metadata, answers))
        ):
            return walked(event, self._judge, answers)
        return event

    def _are_innocent(self, fields: Mapping[str, object], answers: Answers) -> bool:
        """Return whether all of *fields* are few, plain and short, under keys and with texts that nobody redacts."""
        if type(fields) is not dict or len(fields) > _FEW:
            return False
        too_long = answers.too_long
        for key, value in fields.items():
            if type(key) is not str:  # asked for nothing: it could say that it equals an innocent one, or raise
                return False
            kind = type(value)
            if kind is str:
                if (len(value) >= too_long or not value.isalnum()) and not self._is_innocent(value, answers):
                    return False
            elif kind is int:
                if not -(2**63) <= value < 2**64:
                    return False
            elif kind is float:
                if value - value:  # not 0.0: infinite, or not a number
                    return False
            elif kind is not bool and value is not None:
                return False
        return answers.innocent_keys.issuperset(fields) or self._are_innocent_keys(fields, answers)

    def _are_innocent_arguments(self, arguments: Sequence[object], answers: Answers) -> bool:
        """Return whether *arguments* of a message are few, plain and short, and none of them may name a secret."""
        if type(arguments) is not list or len(arguments) > _FEW:
            return False
        for name in arguments if len(arguments) > 1 else ():
            names = type(name) is str and (len(arguments) == 2 or name[:1] == "-")
            if names and not self._is_innocent_key(name, answers):
                return False
        return self._are_innocent(dict(zip(_PLACES, arguments, strict=False)), answers)

    def _is_innocent_context(self, context: Mapping[str, object], answers: Answers) -> bool:
        """Return whether *context*, which goes with many events, is innocent, and remember it if it is."""
        innocent = self._are_innocent(dict(context) if type(context) is Bound else context, answers)
        if innocent:
            answers.context = context
        return innocent

    def _is_innocent(self, text: str, answers: Answers) -> bool:
        """Return whether *text* is short, and nobody finds anything in it."""
        if len(text) >= SHORT:
            return False
        if not answers.searches:
            return True
        if self._anchors is None or answers.learned:
            return self._judge.scrub(text) == text
        return self._anchors(text) is None

    def _are_innocent_keys(self, keys: Iterable[object], answers: Answers) -> bool:
        return all(self._is_innocent_key(key, answers) for key in keys)

    def _is_innocent_key(self, key: object, answers: Answers) -> bool:
        if type(key) is not str or len(key) > LONGEST_KEY:
            return False
        if (answers.keys.get(key) or self._judge.key(key, answers)) != (key, ()):
            return False
        _add(answers.innocent_keys, key)
        return True

    def _is_innocent_word(self, word: str, answers: Answers) -> bool:
        """Return whether a message, or the name of an event or a thread, is innocent, and remember it if it is."""
        if not self._is_innocent(word, answers):
            return False
        if len(word) <= LONGEST_KEY:
            _add(answers.innocent_words, word)
        return True


def _add(words: set[str], word: str) -> None:
    if len(words) >= _REMEMBERED:
        words.clear()
    words.add(word)
