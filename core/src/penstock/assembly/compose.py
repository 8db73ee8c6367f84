"""Compose: makes a river of a plan; a Plan in, a Graph out; the thread that calls `configure`; what cannot be opened is
a problem and is replaced: a sink by its fallback, a stage by nothing.

Everything is decided here, so that the per-event path only calls: sinks are opened, and pipelines are closed over them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, final

from attrs import evolve, frozen

from penstock.assembly.components import Keys, gate_of
from penstock.assembly.config import PipelineTable
from penstock.assembly.graph import Graph, Spool
from penstock.assembly.parts import AfterAnother, Change, Onward, Part, Place, made_alike
from penstock.assembly.plan import MissingSink, Plan, SinkPlan
from penstock.clock import TIMERS, Later, monotonic, time
from penstock.event import Event
from penstock.faults import WARNING
from penstock.ledger import PipelineAccount, SinkAccount
from penstock.river.deliver import NOTICE, Delivery, Drops, Notify
from penstock.river.emit import slot
from penstock.river.env import Env
from penstock.river.format import PlainFormat, Render, build_format
from penstock.river.letters import DeadLetters
from penstock.river.match import build_match
from penstock.river.modes.inline import InlineDelivery
from penstock.river.modes.queued import QueuedDelivery
from penstock.river.pipeline import Carry, Levels, Pipeline, River, as_it_is, behind, build_pipeline, shared
from penstock.river.redact import Redact, build_redact
from penstock.river.sink import GuardedSink, LastResortSink
from penstock.river.spool.journal import Journal
from penstock.river.spool.spool import open_journal, places
from penstock.types import Now, Opened, Resume, Source, Stage, Timed

EVERYTHING: Final = "*"
"""Name of the account of the stages that see every event."""
LETTERS: Final = "dead-letters.jsonl"
"""Name of the file in a sink's folder that keeps what a sink with a spool refused."""
LAST_RESORT: Final = "last-resort"
"""Name of the account of standard error, where it stands in for a sink that could not be made."""


@frozen(kw_only=True)
class World:
    """What a river asks of the world around it; a trial puts another one in its place.

    Attributes:
        env: Time, chance and threads of queued deliveries; the real ones if None.
        timer: Calls a stage later.
        monotonic: Tells a stage how time passes, as the timer goes.
        wall: Tells it the seconds since the epoch.
        watch: Gets each emit stage with its name and the place that uses it, returns what is used in its place.
    """

    env: Env | None = None
    timer: Later = TIMERS.after
    monotonic: Now = monotonic
    wall: Now = time
    watch: Callable[[Stage, str, Keys], Stage] = lambda stage, name, at: stage


class _Use(NamedTuple):
    """A stage where it is used."""

    stage: Stage
    keys: Keys
    place: Place
    made: object
    kept: Part | None


@final
class Composer:
    """Composes one configuration, whose plan has no problem in the way."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._config = plan.config
        self._components = plan.components
        self._made: dict[object, tuple[Redact, Render]] = {}
        self._redacts: dict[tuple[str, ...], Redact] = {}
        self._world = World()
        self._used: list[_Use] = []
        self._before: Graph | None = None
        self._parts: dict[Place, Part] = {}
        self._kept: list[Place] = []
        self._changes: list[Change] = []
        self._spools: dict[str, Spool] = {}
        self._replaced: list[str] = []

    def compose(self, world: World | None = None, before: Graph | None = None) -> Graph:
        """Open every sink and return the river; once.

        Args:
            world: The world around it; the real one if None.
            before: The graph that runs; what is the same there is not made anew. It is not changed.
        """
        self._world = world or World()
        self._before = before
        sinks: dict[str, Delivery] = {}
        accounts: dict[str, SinkAccount] = {}
        for name, plan in self._plan.sinks.items():
            sinks[name], accounts[name] = self._way_to(plan)
        self._wire(sinks, accounts)
        pipelines = [self._pipeline(name, table, sinks) for name, table in self._config.pipeline.items()]
        through, entrance = self._entrance()
        books = {pipeline.name: pipeline.account for pipeline in pipelines}
        if through is not None:
            books[EVERYTHING] = entrance
        river = River(pipelines, self._levels(), through)
        self._find_sources()
        graph = Graph(
            river=river,
            sinks=sinks,
            accounts=accounts,
            pipelines=books,
            parts=self._parts,
            kept=self._kept,
            replaced=self._replaced,
            changes=self._changes,
            spools=self._spools,
        )
        return graph if before is None else evolve(graph, past=before.past, pipelines={**before.pipelines, **books})

    def _levels(self) -> Levels:
        """Return who wants which level as the document says, before anything changed at run time."""
        names = {name: int(level) for name, level in self._config.levels.items()}
        return Levels(int(self._config.level), names, {name: plan.level for name, plan in self._plan.sinks.items()})

    # -- what stays ---------------------------------------------------------------------------------------------------

    def _part_before(self, place: Place) -> Part | None:
        """Return what stands at *place* in the graph that runs."""
        return None if self._before is None else self._before.parts.get(place)

    def _keep(self, place: Place, part: Part) -> None:
        self._parts[place] = part
        self._kept.append(place)

    def _way_to(self, plan: SinkPlan) -> tuple[Delivery, SinkAccount]:
        """Return the delivery to a sink and its account: as they are, if nothing about them changed."""
        place = ("sink", plan.name)
        before, part = self._before, self._part_before(place)
        if before is not None and part is not None and _stays(part, plan):
            self._keep(place, part)
            if plan.name in before.spools:
                self._spools[plan.name] = before.spools[plan.name]
            return part.component, before.accounts[plan.name]
        account = SinkAccount(plan.name)
        made = self._parts[place] = Part(plan.likeness, None)
        made.component = self._delivery_to(plan, account, made, part)
        return made.component, account

    def _book(self, name: str) -> PipelineAccount:
        """Return the account of the pipeline *name*: that of before, in which its threads go on to count."""
        known = None if self._before is None else self._before.pipelines.get(name)
        return PipelineAccount(name) if known is None else known

    # -- sinks --------------------------------------------------------------------------------------------------------

    def _delivery_to(self, plan: SinkPlan, account: SinkAccount, made: Part, before: Part | None) -> Delivery:
        sink = GuardedSink(plan.name, plan.sink, plan.options.timeout)
        try:
            sink.open()
        except Exception as error:  # promise: one broken plugin never stops another
            text = f"cannot be opened: {type(error).__qualname__}: {error}"
            hint = "its fallback takes over" if plan.options.fallback else "standard error takes over; name a fallback"
            self._components.problem("sink-not-opened", ("sink", plan.name), text, hint, degrades=True)
            sink = GuardedSink(plan.name, MissingSink(), plan.options.timeout)
            if plan.options.fallback is None:  # what standard error can show: plain records, never events
                self._plan.sinks[plan.name] = evolve(plan, sink=sink.sink)
        if isinstance(sink.sink, MissingSink):
            sink.status = "failed"
            return InlineDelivery(sink, account)
        if plan.options.mode == "inline" or plan.takes_events:
            return InlineDelivery(sink, account)
        journal = self._journal(plan, account)
        if before is None or not isinstance(before.component, QueuedDelivery):
            return QueuedDelivery(sink, account, plan.options, self._world.env, journal)
        self._replaced.append(plan.name)
        made.after = AfterAnother(before.gone, _nothing if journal is None else journal.adopt)
        return QueuedDelivery(sink, account, plan.options, made.after, journal)

    def _journal(self, plan: SinkPlan, account: SinkAccount) -> Journal | None:
        """Return the journal of a sink that wants one, if there is a place for it."""
        options = plan.options
        if not options.spooled or not options.spool:
            return None
        folders = places(plan.name, path=self._config.state, durable=options.sync_level is not None)
        journal = open_journal(
            account,
            folders,
            size=options.spool,
            memory=options.queue,
            when_full=options.when_full,
            sync=options.sync_level,
        )
        if journal is not None:
            self._spools[plan.name] = (plan.name, tuple(folders))
        return journal

    def _wire(self, sinks: Mapping[str, Delivery], accounts: dict[str, SinkAccount]) -> None:
        """Lead what each sink drops to its fallback, keep what it refuses, and tell its own readers what is missing.

        They are told in the way of its first pipeline. What stays is changed only when the graph takes over.
        """
        notices = {table.sink: self._notify(table) for table in reversed(self._config.pipeline.values())}
        for name, plan in self._plan.sinks.items():
            drops = sinks[name].drops
            change = partial(_lead, drops, self._fallback(plan, sinks, accounts), notices.get(name))
            if ("sink", name) in self._kept:
                self._changes.append(change)
            else:
                change()
                drops.letters = self._letters(plan)

    def _fallback(
        self, plan: SinkPlan, sinks: Mapping[str, Delivery], accounts: dict[str, SinkAccount]
    ) -> Delivery | None:
        if plan.options.fallback is not None:
            return sinks[plan.options.fallback]
        if not isinstance(sinks[plan.name].sink.sink, MissingSink):
            return None
        known = {} if self._before is None else self._before.accounts
        account = accounts.setdefault(LAST_RESORT, known.get(LAST_RESORT) or SinkAccount(LAST_RESORT))
        return InlineDelivery(GuardedSink(LAST_RESORT, LastResortSink()), account)

    def _letters(self, plan: SinkPlan) -> DeadLetters | None:
        path = plan.options.dead_letters
        if path is None and plan.options.spooled:
            path = places(plan.name, path=self._config.state, durable=True)[0] / LETTERS
        return DeadLetters(path, plan.name) if path and not plan.takes_events else None

    def _notify(self, table: PipelineTable) -> Notify:
        redact, render = self._make(table)

        def notify(text: str, counts: Mapping[str, int]) -> object:
            facts = {"dropped": counts}
            return render(
                redact(Event(NOTICE, text, WARNING, fields=facts, context=self._config.context, pid=slot.pid))
            )

        return notify

    def _pipeline(self, name: str, table: PipelineTable, sinks: Mapping[str, Delivery]) -> Pipeline:
        account = self._book(name)
        delivery = sinks[table.sink]
        stages = self._used_stages(table.emit, ("pipeline", name, "emit"))
        redact, render = self._make(table)
        return Pipeline(
            name=name,
            match=build_match(table.match),
            level=None if table.level is None else int(table.level),
            sink=table.sink,
            sink_level=self._plan.sinks[table.sink].level,
            carry=build_pipeline(stages, redact, render, delivery.deliver, delivery.lose, account, self._open_stage),
            account=account,
        )

    def _used_stages(self, names: Sequence[str], at: Keys) -> list[tuple[Stage, str]]:
        """Return a stage for each name that stands at *at*, with the reason to count for what it stops."""
        uses: list[_Use] = []
        for name in names:
            stage = self._components.stage(name, at)
            if callable(getattr(stage, "emit", None)):
                again = [use.keys for use in uses].count(("emit", name))
                use = self._use(stage, ("emit", name), ("stage", *at, name, again))
                uses.append(use._replace(stage=self._world.watch(use.stage, name, at)))
        self._used += uses
        return [(use.stage, gate_of(use.stage)) for use in uses]

    def _use(self, stage: Stage, keys: Keys, place: Place) -> _Use:
        made = made_alike(stage)
        part = self._part_before(place)
        if part is None or not part.is_made(made):
            return _Use(stage, keys, place, made, None)
        return _Use(part.component, keys, place, made, part)

    def _open_stage(self, stage: Stage, resume: Resume) -> bool:
        use = next(use for use in self._used if use.stage is stage)
        if use.kept is not None:
            self._keep(use.place, use.kept)
            if use.kept.onward is not None:
                self._changes.append(partial(use.kept.onward.lead, self._with_static_fields(resume)))
            return True
        onward = Onward(self._with_static_fields(resume)) if isinstance(stage, Opened) else None
        try:
            if isinstance(stage, Timed):
                stage.keep_time(self._world.monotonic, self._world.wall)
            if isinstance(stage, Opened) and onward is not None:
                stage.open(onward, self._world.timer)
        except Exception as error:  # promise: one broken plugin never stops another
            text = f"cannot be opened: {type(error).__qualname__}: {error}"
            self._components.problem("stage-not-opened", use.keys, text, "it is left out", degrades=True)
            return False
        self._parts[use.place] = Part(use.made, stage, onward)
        return True

    def _with_static_fields(self, resume: Resume) -> Resume:
        """Return *resume* for events that no mouth has given the static fields."""
        static = self._config.context

        def emit_later(event: Event) -> None:
            resume(event if event.context else event.replace(context=static))

        return emit_later if static else resume

    def _make(self, table: PipelineTable) -> tuple[Redact, Render]:
        """Return what redacts and what formats for this pipeline, as one if others do it alike."""
        key = names, format_name = self._alike(table)
        if key not in self._made:
            redact = self._redact(names)
            render = as_it_is if format_name is None else self._render(format_name)
            alone = [self._alike(other) for other in self._config.pipeline.values()].count(key) == 1
            self._made[key] = (redact, render) if alone else (as_it_is, shared(redact, render))
        return self._made[key]

    def _alike(self, table: PipelineTable) -> tuple[tuple[str, ...], str | None]:
        """Return the redactors and the format of a pipeline, None for a sink that takes events."""
        format_name = (
            None if self._plan.sinks[table.sink].takes_events else table.format or self._plan.default_format(table.sink)
        )
        return self._plan.redactors(table), format_name

    def _render(self, name: str) -> Render:
        made = self._components.format(name, ())
        declared = str(self._config.format.get(name, {}).get("type", name))
        return build_format(name, made, "plain" if type(made) is PlainFormat else declared)

    def _redact(self, names: tuple[str, ...]) -> Redact:
        if names not in self._redacts:
            self._redacts[names] = build_redact([(name, self._components.redactor(name, ())) for name in names])
        return self._redacts[names]

    def _entrance(self) -> tuple[Callable[[Carry], Carry] | None, PipelineAccount]:
        """Return what puts the stages for all events in front of the pipelines, if there are any, and their account."""
        account = self._book(EVERYTHING)
        stages = self._used_stages(
            [name for name, table in self._config.emit.items() if table.get("always")], ("emit",)
        )

        def through(fan_out: Carry) -> Carry:
            def arrive(event: Event) -> None:
                cell = account.cell()
                cell.offered += 1
                cell.accepted += 1
                fan_out(event)

            return behind(stages, arrive, account, self._open_stage)

        return (through if stages else None), account

    def _find_sources(self) -> None:
        """Note the sources: those that are there already run on."""
        used = {name for table in self._config.pipeline.values() for name in table.emit}
        for name in self._config.emit:
            source = None if name in used else self._components.stage(name, ("emit", name))
            if isinstance(source, Source):
                place = ("source", name)
                made, part = made_alike(source), self._part_before(place)
                if part is not None and part.is_made(made):
                    self._keep(place, part)
                else:
                    self._parts[place] = Part(made, source)


def _stays(part: Part, plan: SinkPlan) -> bool:
    """Return whether a sink stays as it is; one that closed for good is tried anew, as somebody asks for it."""
    return part.is_made(plan.likeness) and part.component.sink.status != "failed"


def _lead(drops: Drops, fallback: Delivery | None, notify: Notify | None) -> None:
    drops.fallback, drops.notify = fallback, notify


def _nothing() -> None:
    """Adopt nothing: a queue in memory leaves nothing behind."""
