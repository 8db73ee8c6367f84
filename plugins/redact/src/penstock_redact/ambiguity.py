"""Ambiguity: whether an expression can match one text in so many ways that trying them all takes for ever; a tree that
`re` parsed in, the worst that was found out; when configured; what it does not understand counts as harmless.

An expression becomes an automaton whose states are its characters (Glushkov's construction). It takes exponential time
if from one state two different ways lead back to it over the same text, and polynomial time if loops that share
characters follow one another: the degree is how many do. Weber and Seidl, "On the degree of ambiguity of finite
automata", 1991, https://doi.org/10.1016/0304-3975(91)90381-B .
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

_MANY: Final = 10
"""Repetitions from which on a bounded one is as bad as an endless one."""
_COPIES: Final = 4
"""A repetition below that is taken for so many copies at most: more loops in a row are refused in any case."""
_STATES: Final = 400
"""An expression with more characters is not looked at: the time is their number squared."""

EXPONENTIAL: Final = 99
"""The degree of what no number is enough for."""

Chars = frozenset[str]
Edge = tuple[int, int]


class _Part(NamedTuple):
    """A part of an expression."""

    nullable: bool
    """Whether it matches the empty text."""
    first: frozenset[int]
    last: frozenset[int]


_EMPTY: Final = _Part(True, frozenset(), frozenset())


def degree_of(text: str) -> int:
    """Return how many loops that share characters follow one another in *text*, `EXPONENTIAL` if there is worse.

    Example:
        >>> degree_of("[0-9]+-[0-9]+"), degree_of("a.*b.*c"), degree_of("(a|aa)*b") == EXPONENTIAL
        (1, 2, True)
    """
    from re import _parser  # type: ignore[attr-defined]

    automaton = _Automaton(_alphabet(text))
    tree = _parser.parse(text)
    automaton.add(tree)
    return automaton.degree()


def _alphabet(text: str) -> str:
    """Return characters among which every class of characters in *text* has one, if it is not an odd one."""
    near = {chr(code) for char in text for code in range(max(0, ord(char) - 1), min(0x10FFFF, ord(char) + 1) + 1)}
    return "".join(sorted(near | set("aZ5_ \n\t-.,:/@\u00e9\u0660\u2028")))


class _Automaton:
    """The characters of an expression, and which may follow which."""

    def __init__(self, alphabet: str) -> None:
        self._alphabet = alphabet
        self._chars: list[Chars] = []
        self._follows: Counter[Edge] = Counter()
        self._worst = 0

    # -- the automaton of a tree --------------------------------------------------------------------------------------

    def add(self, tree: Any) -> _Part:
        """Add what *tree* describes."""
        part = _EMPTY
        for name, value in tree:
            part = self._join(part, self._item(str(name), value))
        return part

    def _join(self, one: _Part, two: _Part) -> _Part:
        self._follow(one.last, two.first)
        return _Part(
            one.nullable and two.nullable,
            one.first | two.first if one.nullable else one.first,
            one.last | two.last if two.nullable else two.last,
        )

    def _follow(self, before: Iterable[int], after: Iterable[int]) -> None:
        after = tuple(after)
        for state in before:
            for next_state in after:
                self._follows[state, next_state] += 1

    def _item(self, name: str, value: Any) -> _Part:
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(*value)
        if name == "SUBPATTERN":
            return self.add(value[3])
        if name == "BRANCH":
            return _either([self.add(branch) for branch in value[1]])
        if name in ("ASSERT", "ASSERT_NOT"):
            self._alone(value[1])
            return _EMPTY
        if name in ("POSSESSIVE_REPEAT", "ATOMIC_GROUP"):  # gives nothing back, so the ways through it are one
            tree = value[2] if name == "POSSESSIVE_REPEAT" else value
            self._alone(tree)
            least = value[0] if name == "POSSESSIVE_REPEAT" else 1
            return self._state(frozenset(self._alphabet))._replace(nullable=not least or not tree.getwidth()[0])
        if name == "GROUPREF_EXISTS":
            return _either([_EMPTY if tree is None else self.add(tree) for tree in value[1:]])
        if name == "GROUPREF":
            return self._state(frozenset(self._alphabet))._replace(nullable=True)
        return _EMPTY if name == "AT" else self._state(self._matched(name, value))

    def _alone(self, tree: Any) -> None:
        inside = _Automaton(self._alphabet)
        inside.add(tree)
        self._worst = max(self._worst, inside.degree())

    def _repeat(self, least: int, most: Any, tree: Any) -> _Part:
        part = self.add(tree)
        if str(most) == "MAXREPEAT" or int(most) >= _MANY:
            if part.nullable and least >= _MANY:
                self._worst = EXPONENTIAL  # (a?){30}: each of them may or may not
            self._follow(part.last, part.first)
            return part._replace(nullable=part.nullable or least == 0)
        part = part._replace(nullable=part.nullable or least == 0)
        for copy in range(1, min(int(most), _COPIES) if len(self._chars) <= _STATES else 1):
            again = self.add(tree)
            part = self._join(part, again._replace(nullable=again.nullable or copy >= least))
        return part

    def _state(self, chars: Chars) -> _Part:
        self._chars.append(chars)
        only = frozenset((len(self._chars) - 1,))
        return _Part(False, only, only)

    def _matched(self, name: str, value: Any) -> Chars:
        """Return which characters of the alphabet an item matches, in any case."""
        from re import _compiler, _parser  # type: ignore[attr-defined]

        tree = _parser.SubPattern(_parser.State(), [(getattr(_parser, name), value)])
        code = _compiler._code(tree, re.IGNORECASE | re.DOTALL)
        one = _compiler._sre.compile("", re.IGNORECASE | re.DOTALL, code, 0, {}, (None,))
        return frozenset(char for char in self._alphabet if one.fullmatch(char))

    # -- how ambiguous it is ------------------------------------------------------------------------------------------

    def degree(self) -> int:
        """Return how many loops follow one another, `EXPONENTIAL` if two ways lead through the same one."""
        if self._worst == EXPONENTIAL or len(self._chars) > _STATES:
            return self._worst
        after: list[list[int]] = [[] for _ in self._chars]
        for state, next_state in self._follows:
            after[state].append(next_state)
        loops = [loop for loop in _components(after) if len(loop) > 1 or loop[0] in after[loop[0]]]
        if any(self._is_ambiguous(loop, after) for loop in loops):
            return EXPONENTIAL
        return max(self._worst, self._chain(loops, after))

    def _is_ambiguous(self, loop: Sequence[int], after: Sequence[Sequence[int]]) -> bool:
        """Return whether two different ways lead around *loop* over the same text."""
        inside = set(loop)
        if any(self._follows[a, b] > 1 for a in loop for b in after[a] if b in inside):
            return True
        apart: set[Edge] = set()
        todo: list[Edge] = [(state, state) for state in loop]
        came_from: dict[Edge, set[Edge]] = {}
        seen = set(todo)
        while todo:
            pair = todo.pop()
            for ahead in self._pairs_after(pair, after, inside):
                came_from.setdefault(ahead, set()).add(pair)
                if ahead not in seen:
                    seen.add(ahead)
                    todo.append(ahead)
                    if ahead[0] != ahead[1]:
                        apart.add(ahead)
        # Two ways that parted have to meet again.
        todo = [(state, state) for state in loop]
        met = set(todo)
        while todo:
            for pair in came_from.get(todo.pop(), ()):
                if pair in apart:
                    return True
                if pair not in met:
                    met.add(pair)
                    todo.append(pair)
        return False

    def _pairs_after(self, pair: Edge, after: Sequence[Sequence[int]], inside: set[int]) -> Iterator[Edge]:
        for one in after[pair[0]]:
            for two in after[pair[1]]:
                if one in inside and two in inside and self._chars[one] & self._chars[two]:
                    yield one, two

    def _chain(self, loops: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> int:
        """Return the length of the longest chain of *loops* each of which can go on where the one before stopped."""
        chars = [frozenset[str]().union(*(self._chars[state] for state in loop)) for loop in loops]
        loop_of = {state: at for at, loop in enumerate(loops) for state in loop}
        lengths: dict[int, int] = {}

        def length(at: int) -> int:
            if at not in lengths:
                lengths[at] = 1 + max((length(other) for other in ahead(at)), default=0)
            return lengths[at]

        def ahead(at: int) -> set[int]:
            todo, seen, found = list(loops[at]), set(loops[at]), set()
            while todo:
                for state in after[todo.pop()]:
                    if state in seen or not self._chars[state] & chars[at]:
                        continue
                    seen.add(state)
                    todo.append(state)
                    if loop_of.get(state, at) != at and chars[loop_of[state]] & chars[at]:
                        found.add(loop_of[state])
            return found

        return max(map(length, range(len(loops))), default=0)


def _either(parts: Sequence[_Part]) -> _Part:
    return _Part(
        any(part.nullable for part in parts),
        frozenset[int]().union(*(part.first for part in parts)),
        frozenset[int]().union(*(part.last for part in parts)),
    )


def _components(after: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the strongly connected components of a graph (Tarjan), without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    done: set[int] = set()
    found: list[list[int]] = []
    for root in range(len(after)):
        work = [] if root in index else [(root, 0)]
        while work:
            state, at = work.pop()
            if at == 0:
                index[state] = low[state] = len(index)
                stack.append(state)
            else:
                low[state] = (
                    min(low[state], low[after[state][at - 1]]) if after[state][at - 1] not in done else low[state]
                )
            for place in range(at, len(after[state])):
                other = after[state][place]
                if other not in index:
                    work += [(state, place + 1), (other, 0)]
                    break
                if other not in done:
                    low[state] = min(low[state], index[other])
            else:
                if low[state] == index[state]:
                    component = stack[stack.index(state) :]
                    del stack[stack.index(state) :]
                    done.update(component)
                    found.append(component)
    return found
