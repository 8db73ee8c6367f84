"""For the tests of digests: a pipeline of real stages in virtual time, and what came out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deliveries import VirtualEnv
from penstock.clock import Cancel
from penstock.event import Event, Site
from penstock.ledger import PipelineAccount
from penstock.river.pipeline import behind
from penstock.types import Timed
from penstock_digest.told import Told

NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z."""


class Pipe:
    """Stages in front of nothing: what passes them is in `out`.

    Attributes:
        env: Its time.
        out: Every event that got to the end.
        account: What the core counted.
        said: How many events were put in.
    """

    def __init__(self, *stages: Any, wall: float = NOON) -> None:
        self.env = VirtualEnv()
        self.out: list[Event] = []
        self.account = PipelineAccount("pipe")
        self.stages = stages
        self.said = 0
        self._began = wall - self.env.time
        self._carry = behind([(stage, stage.gate) for stage in stages], self._arrive, self.account, self._open)

    def _open(self, stage: Any, resume: Any) -> bool:
        if isinstance(stage, Timed):
            stage.keep_time(self.env.now, self.wall)
        if hasattr(stage, "open"):
            stage.open(resume, self._later)
        return True

    def _later(self, seconds: float, function: Callable[[], None], /) -> Cancel:
        """Set a timer; as the real one, it can be cancelled from any thread."""
        todo = [function]

        def call() -> None:
            for one in todo[:]:
                one()

        self.env.later(seconds, call)
        return todo.clear

    def _arrive(self, event: Event) -> None:
        cell = self.account.cell()
        cell.offered += 1
        cell.accepted += 1
        self.out.append(event)

    def wall(self) -> float:
        return self._began + self.env.time

    def say(
        self,
        name: str = "shop.till",
        level: int = 40,
        *,
        line: int = 1,
        times: int = 1,
        error: Any = None,
        text: str = "no",
    ) -> None:
        """Emit an event *times* times."""
        site = Site("shop", "pay", "/app/till.py", line)
        for _ in range(times):
            self.said += 1
            self._carry(Event(name, text, level, time_ns=int(self.wall() * 1e9), site=site, error=error))

    def wait(self, seconds: float) -> None:
        self.env.pass_time(seconds)

    def set_wall(self, wall: float) -> None:
        self._began = wall - self.env.time

    def close(self) -> None:
        for stage in self.stages:
            if hasattr(stage, "close"):
                stage.close()

    @property
    def told(self) -> list[Event]:
        """The digests that came out."""
        return [event for event in self.out if type(event.fields) is Told]

    @property
    def passed(self) -> list[Event]:
        """The events that came out as they were."""
        return [event for event in self.out if type(event.fields) is not Told]

    @property
    def messages(self) -> list[str]:
        return [event.message for event in self.out]

    def told_of(self) -> int:
        """Return how many events the digests tell of, each of which says the same to people and to stages."""
        for event in self.told:
            assert event.fields["count"] == sum(part.many for part in event.fields.parts)  # type: ignore[attr-defined]
        return sum(event.fields["count"] for event in self.told)  # type: ignore[misc]

    def assert_nothing_is_missing(self) -> None:
        """Assert, after `close`, that what was said came out or is in a digest, each event once."""
        assert self.account.read().balanced
        assert len(self.passed) + self.told_of() == self.said
