"""Sample: lets a share of the events of a level pass, by chance; an Event in, the event or nothing out; the emitter's
thread; it cannot fail.

By chance, not each tenth: events come in rhythms, and every tenth of them might always be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import random
from typing import Any, ClassVar

from attrs import define, field

from penstock.plugin import LEVELS, Event, level_number, level_of
from penstock_digest.told import Told


def _judge_rates(instance: object, attribute: Any, rates: Mapping[str, float]) -> None:
    for level, rate in rates.items():
        level_number(level)
        if not 0 <= rate <= 1:
            raise ValueError(f"{level}: expected a share from 0 to 1, such as 0.1 for a tenth, got {rate}")


def _by_number(stage: SampleStage) -> dict[int, float]:
    rates = {level_number(level): rate for level, rate in stage.rates.items()}
    return {level.number: rates.get(level.number, 1.0) for level in LEVELS}


@define(kw_only=True, eq=False)
class SampleStage:
    """Lets a share of the events of each level pass; all of a level that is not named."""

    gate: ClassVar[str] = "sampled"

    rates: dict[str, float] = field(
        validator=_judge_rates,
        metadata={"doc": "The share that passes, by level, such as `{ debug = 0.01, info = 0.1 }`."},
    )
    _shares: dict[int, float] = field(init=False, repr=False)
    _chance: Callable[[], float] = field(default=random, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._shares = _by_number(self)

    def emit(self, event: Event, /) -> Event | None:
        """Let *event* pass, or not; what tells of others always passes."""
        rate = self._shares.get(event.level)
        if rate is None:  # a level of another library, between ours
            rate = self._shares[level_of(event.level).number]
        if rate >= 1.0 or self._chance() < rate or type(event.fields) is Told:
            return event
        return None
