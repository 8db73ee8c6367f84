"""Pipeline: the whole way of one event. Read this file first.

    emit -> match -> redact -> format -> deliver -> sink
    the caller's thread, to finished bytes    caller (inline) or worker (queued)

Knows the order of the stages. Does not know TOML, plugins or threads. In: an Event; out: a record, delivered; whose
thread: the caller's; what if it fails: each stage keeps its own promise, and what still gets here is counted.

A `River` is all pipelines of a configuration. Which of them want an event depends on its name and level alone, so the
answer is remembered, and an event that nobody wants costs one look.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self, TypeAlias, cast, final

from attrs import evolve, field, frozen

from penstock.event import Event
from penstock.faults import ERROR, report
from penstock.ledger import PipelineAccount
from penstock.levels import NOTHING
from penstock.river.deliver import Deliver
from penstock.river.format import Made, Render
from penstock.river.match import Match, longest_prefix
from penstock.river.redact import Redact
from penstock.types import Resume, Stage

Carry: TypeAlias = Callable[[Event], None]
OpenStage: TypeAlias = Callable[[Stage, Resume], bool]
"""Opens a stage that wants to emit later; returns whether the stage can be used."""
_ROUTES: Final = 10_000
"""Remembered answers; logger names can come from users."""


def build_pipeline(
    stages: Sequence[tuple[Stage, str]],
    redact: Redact,
    render: Render,
    deliver: Deliver,
    lose: Carry,
    account: PipelineAccount,
    open_stage: OpenStage,
) -> Carry:
    """Return the one function that carries an event, which matched, down this pipeline.

    Args:
        stages: Emit stages in order, each with the reason that is counted for what it stops.
        redact: Replaces secret values.
        render: Makes what the sink gets.
        deliver: Brings what was made to the sink.
        lose: Counts an event of which nothing could be made.
        account: Where all of it is counted.
        open_stage: Gives a stage the way on behind it, for what it emits later.
    """
    cells = account.cells

    def carry(event: Event) -> None:
        cell = cells[get_ident()]
        cell.offered += 1  # with what becomes of it: an interrupt in between would leave it in neither
        cell.accepted += 1
        try:
            made = render(redact(event))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # promise: logging never hurts the caller, not even without memory
            text = "Nothing could be made of an event."
            report("format.failed", text, subject=account.name, level=ERROR, error=error)
            lose(event)
            return
        deliver(made)

    return behind(stages, carry, account, open_stage)


def behind(stages: Sequence[tuple[Stage, str]], carry: Carry, account: PipelineAccount, open_stage: OpenStage) -> Carry:
    """Return *carry*, which counts what gets there, behind emit stages, which count what they stop."""
    for stage, reason in reversed(stages):
        if open_stage(stage, carry):
            carry = _through(stage, reason, carry, account)
    return carry


def _through(stage: Stage, reason: str, carry: Carry, account: PipelineAccount) -> Carry:
    """Return *carry* behind an emit stage, which may change the event or stop it."""

    def through(event: Event) -> None:
        try:
            kept = stage.emit(event)
        except Exception as error:  # promise: a stage that fails costs its own work, not the event
            report(
                "stage.failed", "An emit stage failed; the event passed unchanged.", subject=account.name, error=error
            )
            kept = event
        if kept is None:
            cell = account.cell()
            cell.offered += 1
            cell.gated[reason] += 1
        else:
            carry(kept)

    return through


def shared(redact: Redact, render: Render) -> Render:
    """Return what does both, and keeps the result on the event, for pipelines that redact and format alike."""

    def make_once(event: Event) -> Made:
        done = event.rendered
        if done is None:
            done = event.rendered = {}
        made = cast("Made | None", done.get(make_once))
        if made is None:
            made = done[make_once] = render(redact(event))
        return made

    return make_once


def as_it_is(event: Event) -> Event:
    """Return *event*: what a sink that accepts events gets, or a stage whose work is done elsewhere."""
    return event


@frozen(kw_only=True)
class Pipeline:
    """One pipeline of a river: what it wants, and the function that carries what it wants."""

    name: str
    match: Match
    level: int | None = field(default=None)
    """Its own level, or None: then the `[levels]` entry of the event's name decides, or the river's level."""
    sink: str
    sink_level: int = field(default=0)
    carry: Carry
    account: PipelineAccount


@frozen
class Levels:
    """Who wants which level: the river's, one per name prefix, one per sink; replaced whole when one changes."""

    default: int
    names: Mapping[str, int] = field(factory=dict)
    sinks: Mapping[str, int] = field(factory=dict)

    def threshold(self, pipeline: Pipeline, name: str) -> int:
        """Return the lowest level at which *pipeline* takes events called *name*."""
        named = longest_prefix(name, self.names)
        own = pipeline.level
        if own is None:
            own = self.default if named is None else named
        sink = self.sinks.get(pipeline.sink, pipeline.sink_level)
        return max(own, sink, named or 0)

    def with_level(self, kind: str, subject: str, number: int) -> Self:
        """Return levels with one changed: of the *kind* ``sink`` or ``name``; the empty name is the river's own."""
        if kind == "sink":
            return evolve(self, sinks={**self.sinks, subject: number})
        if not subject:
            return evolve(self, default=number)
        return evolve(self, names={**self.names, subject: number})


@final
class River:
    """All pipelines of a configuration.

    Args:
        pipelines: In the order of the configuration, which is the order in which they get an event.
        levels: Who wants which level; `retune` replaces it.
        through: Puts the emit stages that see every event in front of all pipelines.

    Attributes:
        carry: Carries an event through the stages, then down every pipeline that wants it.
    """

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        levels: Levels,
        through: Callable[[Carry], Carry] | None = None,
    ) -> None:
        self.pipelines = tuple(pipelines)
        self.levels = levels
        self._routes: dict[tuple[str, int], tuple[Carry, ...]] = {}
        self.carry: Carry = self.fan_out if through is None else through(self.fan_out)

    def fan_out(self, event: Event) -> None:
        """Carry *event* down every pipeline that wants it."""
        try:
            route = self._routes[event.name, event.level]
        except KeyError:
            route = self._route(event.name, event.level)
        for carry in route:
            try:
                carry(event)
            except Exception as error:  # promise: one pipeline never stops another
                report("pipeline.failed", "A pipeline failed.", level=ERROR, error=error)

    def _route(self, name: str, level: int) -> tuple[Carry, ...]:
        """Return what carries events of this name and level, and remember it."""
        routes = self._routes  # before the levels are read: `retune` puts a new table here after it changed them
        matching = [pipeline for pipeline in self.pipelines if pipeline.match(name)]
        wanted = [level >= self.levels.threshold(pipeline, name) for pipeline in matching]
        route = tuple(map(_carry_or_gate, matching, wanted)) if any(wanted) else ()
        if len(routes) >= _ROUTES:
            routes.clear()
        routes[name, level] = route
        return route

    def wants(self, name: str, level: int) -> bool:
        """Return whether any pipeline takes events of this name and level."""
        route = self._routes.get((name, level))
        return bool(self._route(name, level) if route is None else route)

    def takes(self, pipeline: Pipeline, name: str, level: int) -> bool:
        """Return whether *pipeline* takes events of this name and level."""
        return pipeline.match(name) and level >= self.levels.threshold(pipeline, name)

    def threshold(self, name: str) -> int:
        """Return the lowest level at which any pipeline takes events called *name*."""
        levels = [self.levels.threshold(pipeline, name) for pipeline in self.pipelines if pipeline.match(name)]
        return min(levels, default=NOTHING)

    def lowest(self) -> int:
        """Return the lowest level at which any pipeline takes events of any name."""
        levels = [
            self.levels.threshold(pipeline, name) for pipeline in self.pipelines for name in ("", *self.levels.names)
        ]
        return min(levels, default=NOTHING)

    def retune(self, levels: Levels) -> None:
        """Let *levels* decide from now on."""
        self.levels = levels
        self._routes = {}


def _carry_or_gate(pipeline: Pipeline, wanted: bool) -> Carry:
    if wanted:
        return pipeline.carry
    gate = pipeline.account.gate
    return lambda event: gate("level")
