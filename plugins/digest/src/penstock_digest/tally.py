"""Tally: counts by kind in bounded memory; kinds in, parts of a digest out; under its stage's lock; never raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from penstock.plugin import Event
from penstock_digest.kind import Kind, other_kinds
from penstock_digest.told import Part, Told


@final
class _Count:
    """How many of one kind, the first and the last."""

    __slots__ = ("first_ns", "last_ns", "many")

    def __init__(self, time_ns: int) -> None:
        self.many = 0
        self.first_ns = time_ns
        self.last_ns = time_ns


@final
class Tally:
    """What a stage held back and did not tell yet.

    Args:
        kinds: So many are told apart; what is beyond is counted together, by level.
    """

    __slots__ = ("_counts", "_kinds")

    def __init__(self, kinds: int) -> None:
        self._kinds = kinds
        self._counts: dict[Kind, _Count] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, event: Event, kind: Kind) -> None:
        """Count *event*, which is of *kind*; or, if it tells of others, those."""
        fields = event.fields
        if type(fields) is Told:
            for one, many, first_ns, last_ns in fields.parts:
                self._add(one, many, first_ns, last_ns)
        else:
            self._add(kind, 1, event.time_ns, event.time_ns)

    def _add(self, kind: Kind, many: int, first_ns: int, last_ns: int) -> None:
        count = self._counts.get(kind)
        if count is None:
            if len(self._counts) >= self._kinds:
                kind = other_kinds(kind[0])
            count = self._counts.setdefault(kind, _Count(first_ns))
        # Plain stores from here: no signal handler, which may emit too, runs between them.
        count.many += many
        if last_ns > count.last_ns:
            count.last_ns = last_ns
        if first_ns < count.first_ns:
            count.first_ns = first_ns

    def take(self) -> Sequence[Part]:
        """Return everything, and begin anew."""
        counts, self._counts = self._counts, {}
        return [Part(kind, one.many, one.first_ns, one.last_ns) for kind, one in counts.items() if one.many]
