"""Trial: a configuration tried out; events in, what each sink would get out; the thread that tries; nothing of the
process changes, and what goes wrong is kept with the trial.

The composer, the stages, the redactors, the formats and the deliveries are those of a running river. Only the far ends
are others: a recorder stands in for each sink, and time passes when the trial says so. So what a recorder got is byte
for byte what its sink would have got. References to secrets are not followed, no file or socket is opened, no source
started, no thread either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import inf
from typing import Any, Final, NamedTuple, final

from attrs import evolve

from penstock.assembly.build import check, placed
from penstock.assembly.cases import BEGIN_NS, EventTable, FailTable
from penstock.assembly.components import Keys, gate_of
from penstock.assembly.compose import LAST_RESORT, Composer, World
from penstock.assembly.config import Config, Document
from penstock.assembly.graph import Graph
from penstock.assembly.plan import Plan, SinkPlan
from penstock.assembly.plugins import Plugins
from penstock.assembly.virtual import VirtualEnv
from penstock.clock import Elsewhere
from penstock.errors import Closed, ConfigError, Problem, Rejected, Unavailable
from penstock.event import Event
from penstock.faults import ERROR, Aside, Fault, report
from penstock.ledger import Ledger
from penstock.river.deliver import DeliveryOptions
from penstock.river.modes.queued import QueuedDelivery
from penstock.river.sink import LastResortSink
from penstock.types import Closeable, Record, Stage

_DAY: Final = 86_400.0
"""Seconds that pass behind the last event: stages whose timers never end must not keep a trial for ever."""
_STEPS: Final = 1_000
"""A sink that is away is tried so often within the `max_age` of its records, be that a second or a year."""
_TURNS: Final = 100_000
"""Things done in one trial at most; a stage may set timers faster than time passes."""


class Passage(NamedTuple):
    """What one emit stage made of one event."""

    stage: str
    pipeline: str | None
    """The one that it belongs to; None for a stage that sees every event."""
    kept: Event | None
    gate: str
    """The reason that is counted if it let nothing pass."""


@final
class Trial:
    """One configuration, composed anew, with recorders in the place of its sinks.

    Args:
        document: From `find_document`.
        fail: How sinks fail, by name.
        begin_ns: When it begins, in nanoseconds since the epoch.

    Attributes:
        config: What is tried.
        problems: What is wrong with it but can be done without.
        plans: The sinks as configured.
        graph: The composed river.
        received: What came to each sink: records, or events where a sink takes those.
        passages: What emit stages made of events, in order.
        faults: What went wrong, each kind and subject once, with its count.

    Raises:
        ConfigError: If the configuration cannot run.
    """

    def __init__(
        self, document: Document, fail: Mapping[str, FailTable] | None = None, begin_ns: int = BEGIN_NS
    ) -> None:
        self.received: dict[str, list[Any]] = {}
        self.passages: list[Passage] = []
        self._faults: dict[tuple[str, str], Fault] = {}
        self._env = VirtualEnv(begin_ns)
        self._env.sleeper = self._sleep
        self._turning: set[str] = set()
        self._turns = 0
        with self._aside():
            plan, problems = check(document, Plugins(), resolve=False)
            if plan is None or any(problem.stops(strict=False) for problem in problems):
                raise ConfigError(problems)
            self.config: Config = plan.config
            self.plans: Mapping[str, SinkPlan] = dict(plan.sinks)
            self._replace_sinks(plan, fail or {})
            self.graph: Graph = Composer(plan).compose(self._world())
            late = [one for one in placed(plan.problems, document) if one not in problems]
            self.problems: Sequence[Problem] = [*problems, *late]
        self._queued = {name: one for name, one in self.graph.sinks.items() if isinstance(one, QueuedDelivery)}
        self._next = dict.fromkeys(self._queued, inf)

    @property
    def faults(self) -> Sequence[Fault]:
        """What went wrong."""
        return tuple(self._faults.values())

    def _world(self) -> World:
        return World(
            env=self._env,
            timer=self._env.timer,
            monotonic=self._env.now,
            wall=lambda: self.time_ns / 1_000_000_000,
            watch=self._watch,
        )

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Let this thread be in the trial: its clock is that of the trial, its faults are kept with the trial."""
        with Aside(self._hear), Elsewhere(self._env):
            yield

    def _hear(self, fault: Fault) -> None:
        known = self._faults.setdefault((fault.kind, fault.subject), fault)
        if known is not fault:
            known.count += fault.count

    # -- composing ----------------------------------------------------------------------------------------------------

    def _replace_sinks(self, plan: Plan, fail: Mapping[str, FailTable]) -> None:
        """Put a recorder in the place of each sink that could be made; one that could not is missing here too."""
        plans = plan.sinks
        for name, wanted in list(plans.items()):
            self.received[name] = []
            if wanted.made:
                sink = _Recorder(wanted.sink, self.received[name], fail.get(name))
                # A journal and dead letters are files; what a sink gets is the same without.
                options = evolve(wanted.options, spool=False, sync="never", dead_letters=False)
                plans[name] = evolve(wanted, sink=sink, options=options)
            elif wanted.options.fallback is None:
                self.received.setdefault(LAST_RESORT, [])
                plans[name] = evolve(wanted, options=evolve(wanted.options, fallback=LAST_RESORT))
        if LAST_RESORT in self.received and LAST_RESORT not in plans:
            sink = _Recorder(LastResortSink(), self.received[LAST_RESORT], None)
            options = DeliveryOptions(mode="inline")
            plans[LAST_RESORT] = SinkPlan(name=LAST_RESORT, sink=sink, options=options, level=0)

    def _watch(self, stage: Stage, name: str, at: Keys) -> Stage:
        pipeline = str(at[1]) if at[0] == "pipeline" else None
        tell = partial(Passage, name, pipeline, gate=gate_of(stage))
        return _Watched(stage, lambda kept: self.passages.append(tell(kept=kept)))

    # -- trying -------------------------------------------------------------------------------------------------------

    @property
    def time_ns(self) -> int:
        """The time of the trial, in nanoseconds since the epoch."""
        return self._env.now_ns()

    def emit(self, table: EventTable) -> Sequence[Event]:
        """Emit the event of *table* as often, and each after as much time, as it says; return what was emitted."""
        emitted = []
        for _ in range(table.times):
            with self._aside():
                self._advance(self._env.time + float(table.after))
                if table.time_ns is not None:
                    self._advance(self._env.time + max(0, table.time_ns - self.time_ns) / 1e9)
                event = table.event(self.config.context, self.time_ns)
                if self.graph.river.wants(event.name, event.level):  # no mouth emits what nobody wants
                    self.graph.river.carry(event)
                self._advance(self._env.time)
            emitted.append(event)
        return emitted

    def end(self) -> None:
        """Let a day pass, and as much time as whatever waits needs; then end as a program does."""
        with self._aside():
            self._advance(self._env.time + _DAY)
            self._drain()
            for stage in reversed(self.graph.stages):  # from front to back, as `Graph.close` does
                if isinstance(stage, Closeable):
                    self._guarded(stage.close)
            self._drain()

    def ledger(self) -> Ledger:
        """Return every account of the trial."""
        return self.graph.read()

    # -- time ---------------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Let time pass until nothing waits: what no sink takes becomes too old one day."""
        while (at := self._next_turn()) < inf and self._turns < _TURNS:
            self._step(at)

    def _advance(self, until: float) -> None:
        """Let time pass until *until*."""
        while (at := min(self._next_turn(), self._env.next_timer())) <= until:
            if self._turns >= _TURNS:
                report("trial.cut", "A trial does too many things; the rest of it is left out.", level=ERROR)
                break
            self._step(at)
        self._env.time = max(self._env.time, until)

    def _step(self, at: float) -> None:
        self._env.time = max(self._env.time, at)
        for function in self._env.due():
            self._turns += 1
            self._guarded(function)
        self._work()

    def _work(self) -> None:
        """Let each worker do the next thing that is due."""
        for name in self._queued:
            if self._due(name) <= self._env.time:
                self._turn(name)

    def _turn(self, name: str) -> None:
        """Let the worker of a sink do one thing, and note when it wants to do the next."""
        if name in self._turning:
            return  # it is at it, further up: its sink, or its fallback, waits for room
        self._turns += 1
        self._turning.add(name)
        try:
            wait = self._queued[name].worker.turn()
        finally:
            self._turning.discard(name)
        # In larger steps than a worker's own while a sink is away: it would look once a second, for a day.
        least = self.plans[name].options.max_age / _STEPS if wait else 0.0
        self._next[name] = self._env.time + max(wait, least)

    def _next_turn(self) -> float:
        return min((self._due(name) for name in self._queued), default=inf)

    def _due(self, name: str) -> float:
        """Return when the worker of a sink does the next thing: one that sleeps wakes as soon as something waits."""
        if name in self._turning:
            return inf
        at = self._next[name]
        waiting = self.graph.accounts[name].waiting
        return self._env.time if at == inf and waiting is not None and waiting() else at

    def _sleep(self, seconds: float) -> None:
        """Let time pass for a caller that waits for room; timers wait, they are not the caller's."""
        until = self._env.time + seconds
        while (at := self._next_turn()) <= until and self._turns < _TURNS:
            self._env.time = max(self._env.time, at)
            self._work()
        self._env.time = max(self._env.time, until)

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # promise: one broken plugin never stops another
            report("plugin.failed", "A stage failed at the end, or in a timer.", level=ERROR, error=error)


@final
class _Recorder:
    """Stands in for a sink: keeps what it gets, or fails as it was told to."""

    def __init__(self, sink: Any, kept: list[Any], failing: FailTable | None) -> None:
        self.accepts = getattr(sink, "accepts", "record")
        self.default_format = getattr(sink, "default_format", "plain")
        self.thread_safe = getattr(sink, "thread_safe", False)
        self._kept = kept
        self._how = None if failing is None else failing.how
        self._left = inf if failing is None or failing.times is None else failing.times

    def write(self, batch: Sequence[Record], /) -> None:
        if self._how is not None and self._left > 0:
            self._left -= 1
            raise _FAILURES[self._how]("as the trial wants it")
        self._kept.extend(batch)


_FAILURES: Final[Mapping[str, Callable[[str], Exception]]] = {
    "unavailable": Unavailable,
    "rejected": Rejected,
    "closed": Closed,
    "broken": RuntimeError,
}


@final
class _Watched:
    """An emit stage of which is told what it makes of events; all else about it is as it was."""

    def __init__(self, stage: Stage, tell: Callable[[Event | None], None]) -> None:
        self.gate = gate_of(stage)
        self._stage = stage
        self._tell = tell
        for ability in ("keep_time", "open", "close"):  # only what it can: whether it has one is asked
            if callable(getattr(stage, ability, None)):
                setattr(self, ability, getattr(stage, ability))

    def emit(self, event: Event, /) -> Event | None:
        kept = self._stage.emit(event)
        self._tell(kept)
        return kept
