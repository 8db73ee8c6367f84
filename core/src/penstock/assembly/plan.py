"""Plan: what a configuration asks for, made but not opened; a Config in, components and every problem out; the thread
that configures; what can be done without is a problem that degrades, and its place is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from attrs import field, frozen

from penstock.assembly.components import Components
from penstock.assembly.config import Config, PipelineTable, Table
from penstock.assembly.parts import made_alike
from penstock.assembly.plugins import Plugins
from penstock.assembly.structure import Structurer, got, without
from penstock.errors import Closed, Problem
from penstock.river.deliver import DeliveryOptions
from penstock.river.match import build_match
from penstock.types import Record
from penstock.units import Level


@frozen
class _SinkLevel:
    """The core's own option of a sink beside `type` and `delivery`."""

    level: Level = field(default=Level(0), metadata={"doc": "Lowest level that gets here, whatever its pipelines say."})


@frozen(kw_only=True)
class SinkPlan:
    """A sink that is made, but not opened.

    Attributes:
        likeness: What it and its delivery are made of, by which a reload knows them again.
    """

    name: str
    sink: Any
    options: DeliveryOptions
    level: int
    likeness: object = None

    @property
    def default_format(self) -> str:
        """The format of pipelines that name none."""
        return str(getattr(self.sink, "default_format", "plain"))

    @property
    def made(self) -> bool:
        """Whether there is a sink; else its fallback gets what it would have got."""
        return not isinstance(self.sink, MissingSink)

    @property
    def takes_events(self) -> bool:
        """Whether it works on events, not on records."""
        return getattr(self.sink, "accepts", "record") == "event"


class MissingSink:
    """Stands where a sink could not be made or opened: its fallback gets everything."""

    thread_safe = True
    accepts = "record"

    def write(self, batch: Sequence[Record], /) -> None:
        """Refuse everything."""
        raise Closed("it could not be made")


@final
class Plan:
    """Makes every component of a configuration, once, and knows what is wrong with it.

    Attributes:
        config: What is planned.
        components: What was made.
        sinks: The sinks by name, after `check`.
    """

    def __init__(self, config: Config, plugins: Plugins, structurer: Structurer) -> None:
        self.config = config
        self.components = Components(config, plugins, structurer)
        self.sinks: dict[str, SinkPlan] = {}
        self._structurer = structurer

    @property
    def files(self) -> Sequence[Path]:
        """The files with secrets that the configuration refers to."""
        return list(self._structurer.files)

    @property
    def problems(self) -> Sequence[Problem]:
        """Everything found so far."""
        return self.components.problems

    def check(self) -> Sequence[Problem]:
        """Make every component that the configuration names, and return all problems."""
        for name in self.config.redact:
            self.components.redactor(name, ("redact", name))
        for name in self.config.format:
            self.components.format(name, ("format", name))
        for name, table in self.config.emit.items():
            self.components.stage(name, ("emit", name))
            if type(table.get("always", False)) is not bool:
                text = f"expected true or false, got {got(table['always'])}"
                self.components.problem("invalid-value", ("emit", name, "always"), text)
        for name in self.config.sink:
            self._plan(name, ("sink", name))
        for name, pipeline in self.config.pipeline.items():
            self._check_pipeline(("pipeline", name), pipeline)
        for plan in list(self.sinks.values()):
            self._check_fallback(plan)
            self._check_fallback_takes_alike(plan)
        for place, case in enumerate(self.config.test):
            if case.profile is None:  # with one there may be other sinks
                self.components.note(case.dangling(("test", place), list(self.sinks)))
        return self.problems

    def _check_pipeline(self, keys: tuple[str, ...], pipeline: PipelineTable) -> None:
        for index, pattern in enumerate(pipeline.match):
            try:
                build_match([pattern])
            except ValueError as error:
                self.components.problem("invalid-value", (*keys, "match", index), str(error))
        for index, name in enumerate(pipeline.emit):
            stage = self.components.stage(name, (*keys, "emit", index))
            if stage is not None and not callable(getattr(stage, "emit", None)):
                text = f"{name!r} emits on its own, it is no stage of a pipeline"
                self.components.problem("invalid-value", (*keys, "emit", index), text, "take it out", degrades=True)
        for index, name in enumerate(self.redactors(pipeline)):
            self.components.redactor(name, (*keys, "redact", index))
        if pipeline.redact == [] and self.config.redact:
            text = "no redactor is applied here, though there are some"
            self.components.problem("no-redaction", (*keys, "redact"), text, "leave it out for all of them", warns=True)
        if pipeline.format is not None:
            self.components.format(pipeline.format, (*keys, "format"))
        plan = self._plan(pipeline.sink, (*keys, "sink"))
        if plan is not None and pipeline.format is None and not plan.takes_events:
            self.components.format(plan.default_format, (*keys, "format"))

    def redactors(self, pipeline: PipelineTable) -> tuple[str, ...]:
        """Return the names of the redactors of *pipeline*, in order."""
        return tuple(self.config.redact if pipeline.redact is None else pipeline.redact)

    def _check_fallback(self, plan: SinkPlan) -> None:
        keys = ("sink", plan.name, "delivery", "fallback")
        seen = {plan.name}
        fallback = plan.options.fallback
        while fallback is not None:
            if fallback in seen:
                hint = "end the chain with a sink that has none"
                self.components.problem("cycle", keys, f"the fallbacks come back to {fallback!r}", hint)
                return
            if fallback not in self.sinks:
                self.components.dangling("sink", fallback, keys)
                return
            seen.add(fallback)
            fallback = self.sinks[fallback].options.fallback

    def _check_fallback_takes_alike(self, plan: SinkPlan) -> None:
        fallback = self.sinks.get(plan.options.fallback or "")
        if fallback is None or isinstance(fallback.sink, MissingSink):
            return
        if isinstance(plan.sink, MissingSink):  # what it would have taken, its fallback is to tell
            plan.sink.accepts = "event" if fallback.takes_events else "record"
        elif plan.takes_events != fallback.takes_events:
            mine, other = ("events", "records") if plan.takes_events else ("records", "events")
            text = f"{plan.name!r} takes {mine}, {fallback.name!r} takes {other}"
            keys = ("sink", plan.name, "delivery", "fallback")
            self.components.problem("invalid-value", keys, text, f"name a sink that takes {mine}")

    def _plan(self, name: str, at: tuple[str, ...]) -> SinkPlan | None:
        """Return the sink *name*, made once; None for a name that leads nowhere."""
        if name not in self.sinks:
            before = len(self.problems)
            sink = self.components.make("sink", name, at)
            if name not in self.config.sink and any(not found.degrades for found in self.problems[before:]):
                return None
            table = self.config.sink.get(name, {})
            options = self._delivery(name, table, sink)
            plan = SinkPlan(
                name=name,
                sink=MissingSink() if sink is None else sink,
                options=options,
                level=self._sink_level(name, table),
                likeness=(made_alike(sink), options, self.config.state),
            )
            delivery = table.get("delivery", {})
            if plan.takes_events and isinstance(delivery, Mapping) and delivery.get("mode") == "queued":
                text = "this sink takes events and is always inline"
                self.components.problem("invalid-value", ("sink", name, "delivery", "mode"), text, "take it out")
            if plan.takes_events and plan.options.dead_letters:
                text = "this sink takes events, of which no letters are made"
                keys = ("sink", name, "delivery", "dead_letters")
                self.components.problem("invalid-value", keys, text, "take it out", degrades=True)
            self.sinks[name] = plan
        return self.sinks[name]

    def _delivery(self, name: str, table: Table, sink: Any) -> DeliveryOptions:
        given = table.get("delivery", {})
        keys = ("sink", name, "delivery")
        own = getattr(sink, "delivery", {"mode": "inline"} if sink is None else {})
        if not isinstance(own, Mapping):
            text = f"the class's own `delivery` is no table: {own!r}"
            self.components.problem("invalid-value", keys, text, degrades=True)
            own = {}
        merged = {**own, **given} if isinstance(given, Mapping) else given
        options: DeliveryOptions | None
        options, problems = self._structurer.structure(merged, DeliveryOptions, *keys)
        self.components.note(problems)
        if options is None:  # judge the rest, such as a fallback that leads nowhere
            options, _ = self._structurer.structure(without(merged, problems, *keys), DeliveryOptions, *keys)
        if options is None:
            return DeliveryOptions()
        for option, why in options.without_effect().items():
            if isinstance(given, Mapping) and option in given:  # what the class brings with it, nobody asked for
                self.components.problem("no-effect", (*keys, option), why, "take it out", warns=True)
        return options

    def _sink_level(self, name: str, table: Table) -> int:
        given = {"level": table["level"]} if "level" in table else {}
        value, problems = self._structurer.structure(given, _SinkLevel, "sink", name)
        self.components.note(problems)
        return 0 if value is None else int(value.level)

    def default_format(self, sink: str) -> str:
        """Return the format of a pipeline to *sink* that names none; empty for a sink that takes events."""
        plan = self.sinks.get(sink)
        return "" if plan is None or plan.takes_events else plan.default_format
