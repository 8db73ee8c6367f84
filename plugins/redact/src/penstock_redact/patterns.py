"""Patterns: hides what looks like a secret; a text in, a text out; the caller's thread; fails closed, in the core."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias, final

from attrs import define, field

from penstock.plugin import Secret
from penstock_redact.detectors import BY_NAME, DEFAULT_NAMES, DETECTORS, Check
from penstock_redact.expressions import compile_expression, sub_in_windows, window_of
from penstock_redact.pseudonyms import (
    HASH_KEY,
    HASH_KEY_ID,
    HASH_LENGTH,
    Pseudonyms,
    check_key,
    check_key_id,
    check_length,
)

DEFAULT: Final = "default"
"""In `detect`, stands for the detectors that are used if nothing is configured."""

_EXAMPLES: Final = tuple("0123456789")
"""Hidden values, of which some have a pseudonym with this or that in it that a pattern takes for a secret."""

_ROUNDS: Final = 8
"""A hidden value can uncover another one beside it; so often it is looked again."""


Mark: TypeAlias = Callable[[str], str]
"""What is shown for a hidden text."""


@final
class Rule:
    """One expression and what is shown for its matches.

    Attributes:
        name: What the mark calls it.
        needs: A text without any of these has no match; the empty text is in every text.
    """

    __slots__ = ("_check", "_expression", "_group", "_mark", "_sub", "name", "needs")

    def __init__(
        self,
        name: str,
        expression: re.Pattern[str],
        mark: Mark,
        *,
        needs: tuple[str, ...] = ("",),
        check: Check | None = None,
        bounded: bool = False,
    ) -> None:
        self.name = name
        self.needs = needs
        self._expression = expression
        self._mark = mark
        self._check = check
        self._group = "secret" if "secret" in expression.groupindex else 0
        self._sub = partial(sub_in_windows, window=window_of(expression)) if bounded else _sub

    def apply(self, text: str) -> str:
        """Return *text* with its matches hidden."""
        return self._sub(self._expression, self._shown, text)

    def _shown(self, match: re.Match[str]) -> str:
        start, end = match.span(self._group)
        if start < 0 or (self._check is not None and not self._check(match)):
            return match[0]
        whole, offset = match[0], match.start()
        return whole[: start - offset] + self._mark(match.string[start:end]) + whole[end - offset :]


def _sub(expression: re.Pattern[str], shown: Callable[[re.Match[str]], str], text: str) -> str:
    return expression.sub(shown, text)


Block: TypeAlias = tuple[str, Sequence[Rule]]
"""Rules that can be skipped for a text without a certain character."""


def _blocks(rules: Sequence[Rule]) -> Iterable[Block]:
    """Return *rules* in their order, neighbours together whose needs have a character in common."""
    start = 0
    while start < len(rules):
        end, shared = start + 1, _shared(rules[start])
        while shared and end < len(rules) and shared & _shared(rules[end]):
            shared &= _shared(rules[end])
            end += 1
        yield min(shared, default=""), rules[start:end]
        start = end


def _shared(rule: Rule) -> set[str]:
    """Return the characters that each of the needs of *rule* has, but letters, which nearly every text has."""
    return {char for char in set.intersection(*map(set, rule.needs)) if not char.isalnum()}


def _check_detectors(_: object, __: object, names: Iterable[str]) -> None:
    for name in names:
        if name != DEFAULT and name not in BY_NAME:
            near = difflib.get_close_matches(name, (DEFAULT, *BY_NAME), 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {DEFAULT}, {', '.join(BY_NAME)}"
            raise ValueError(f"{name!r} is no detector; {hint}")


def _check_patterns(_: object, __: object, patterns: Mapping[str, str]) -> None:
    for name, text in patterns.items():
        if name in BY_NAME:
            raise ValueError(f"{name!r} is the name of a detector; give the pattern another one")
        try:
            compile_expression(text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None


@final
@define(kw_only=True)
class PatternRedactor:
    """Hides what looks like a credential in any text: messages, values, keys and tracebacks."""

    detect: list[str] = field(
        factory=lambda: [DEFAULT],
        validator=_check_detectors,
        metadata={"doc": "Detectors to use; `default` stands for those that find credentials and card numbers."},
    )
    patterns: dict[str, str] = field(
        factory=dict,
        validator=_check_patterns,
        metadata={
            "doc": "Regular expressions of your own, by name. A group `(?P<secret>…)` says which part is hidden; "
            "without one the whole match is. Each sees at most 2,048 characters at a time, one with two loops over the "
            "same characters 256."
        },
    )
    replace: str = field(
        default="[redacted:{name}]",
        metadata={
            "doc": "What is shown; `{name}` is the name of the detector or pattern, `{hash}` the name of the key and a "
            "pseudonym, the same for the same value."
        },
    )
    hash_key: Secret | None = field(default=None, validator=check_key, metadata=HASH_KEY)
    hash_key_id: str = field(default="", validator=check_key_id, metadata=HASH_KEY_ID)
    hash_length: int = field(default=16, validator=check_length, metadata=HASH_LENGTH)
    _blocks: tuple[Block, ...] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Compile everything, and see that no mark is itself taken for a secret."""
        rules = (*self._detectors(), *self._own())
        self._blocks = tuple(_blocks(rules))
        for rule in rules:
            for example in _EXAMPLES:
                mark = self._mark(rule.name)(example)
                if self._pass(mark) != mark:
                    text = f"the mark {mark!r} is itself hidden by a pattern; change 'replace' or the pattern"
                    raise ValueError(text)

    def redact_text(self, text: str, /) -> str:
        """Return *text* with what the detectors and patterns find hidden."""
        for _ in range(_ROUNDS):
            before, text = text, self._pass(text)
            if text == before:
                break
        return text

    def _pass(self, text: str) -> str:
        for char, rules in self._blocks:
            if char in text:
                for rule in rules:
                    for need in rule.needs:
                        if need in text:
                            text = rule.apply(text)
                            break
        return text

    def _detectors(self) -> Iterable[Rule]:
        wanted = {name for asked in self.detect for name in (DEFAULT_NAMES if asked == DEFAULT else (asked,))}
        for detector in DETECTORS:  # in the order of the table: some must come before others
            if detector.name in wanted:
                expression = re.compile(detector.expression, re.ASCII)
                mark = self._mark(detector.name)
                yield Rule(detector.name, expression, mark, needs=detector.needs or ("",), check=detector.check)

    def _own(self) -> Iterable[Rule]:
        for name, text in self.patterns.items():
            yield Rule(name, compile_expression(text), self._mark(name), bounded=True)

    def _mark(self, name: str) -> Mark:
        start, found, end = self.replace.replace("{name}", name).partition("{hash}")
        if not found:
            return lambda _: start
        if self.hash_key is None:
            raise ValueError("'{hash}' in 'replace' needs a key; add hash_key = { env = \"…\" }")
        pseudonyms = Pseudonyms(self.hash_key, self.hash_key_id, self.hash_length)
        return lambda hidden: f"{start}{pseudonyms.of(hidden)}{end}"
