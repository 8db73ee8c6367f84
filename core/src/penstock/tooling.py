"""Tooling: what commands and editors ask about configurations and plugins; sources in, descriptions out; the asking
thread; nothing is opened or installed, and a wrong file is a list of problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from penstock.assembly.build import check as check_document
from penstock.assembly.build import find_document
from penstock.assembly.config import Config, Document, Source
from penstock.assembly.explanations import EXPLANATIONS, Explanation
from penstock.assembly.keys import KeyDescription
from penstock.assembly.keys import describe_key as describe_key_of
from penstock.assembly.origin import Origin
from penstock.assembly.plan import SinkPlan
from penstock.assembly.plugins import CATALOGUE, KINDS, Listing, Plugins, list_installed
from penstock.assembly.recover import Recovered, Waiting, folders_of, list_waiting, recover
from penstock.assembly.replay import Replay, Replayed, replay
from penstock.assembly.route import Decision, EventError, PipelineRoute, Route, SinkRoute, event_of
from penstock.assembly.route import route as find_route
from penstock.assembly.runtime import Runtime
from penstock.assembly.runtime import configure as run
from penstock.assembly.schema import Schema
from penstock.assembly.schema import schema as schema_of
from penstock.assembly.settings import Setting, settings_of
from penstock.assembly.verdict import Case, Cases, Finding, Verdict
from penstock.assembly.verdict import cases as find_cases
from penstock.assembly.where import Where
from penstock.errors import ConfigError, PluginError, Problem, UnknownTypeError

__all__ = [
    "CATALOGUE",
    "EXPLANATIONS",
    "Case",
    "Cases",
    "Decision",
    "Description",
    "Document",
    "EventError",
    "Explanation",
    "Finding",
    "KeyDescription",
    "Listing",
    "Origin",
    "PipelineDescription",
    "PipelineRoute",
    "Recovered",
    "Replay",
    "Replayed",
    "Route",
    "Setting",
    "SinkDescription",
    "SinkRoute",
    "StageDescription",
    "Verdict",
    "Verification",
    "Waiting",
    "Where",
    "cases",
    "check",
    "configure",
    "describe",
    "describe_key",
    "document",
    "list_installed",
    "list_waiting",
    "recover",
    "replay",
    "route",
    "schema",
    "settings",
    "state_folders",
    "verify",
]


class SinkDescription(NamedTuple):
    """One sink of a configuration."""

    name: str
    type: str
    mode: str
    """``inline`` or ``queued``."""
    level: str
    fallback: str | None
    queue: str
    """Room in memory for what waits; empty for an inline sink."""
    spool: str
    """Room for what waits in files; empty without a spool."""


class StageDescription(NamedTuple):
    """One table of `[emit.*]`."""

    name: str
    type: str
    always: bool
    """Whether it sees every event, before the pipelines."""
    source: bool
    """Whether it emits on its own."""


class PipelineDescription(NamedTuple):
    """One pipeline of a configuration, with what it gets by default filled in."""

    name: str
    match: Sequence[str]
    level: str
    emit: Sequence[str]
    redact: Sequence[str]
    format: str
    sink: str


class Description(NamedTuple):
    """A configuration as it would run."""

    file: str | None
    pipelines: Sequence[PipelineDescription]
    sinks: Sequence[SinkDescription]
    capture: Sequence[str]
    stages: Sequence[StageDescription]
    problems: Sequence[Problem]


class Verification(NamedTuple):
    """What importing a plugin showed."""

    kinds: tuple[str, ...]
    seconds: float
    error: str
    """Empty if it loaded."""


def document(source: Source = None, profile: str | None = None) -> Document:
    """Return the document that *source* stands for, overlays applied.

    Raises:
        ConfigError: If it cannot be read, is no TOML, or an overlay is wrong.

    Example:
        >>> found = document({"sink": {"out": {"type": "last-resort"}}})
        >>> str(found.origin(("sink", "out", "type")))
        'program'
    """
    found = find_document(source, profile, Plugins())
    if found.problems:
        raise ConfigError(found.problems)
    return found


def configure(document: Document, *, strict: bool = False) -> Runtime:
    """Let a finished *document* run, as `penstock.configure` would, but without laying any overlay over it.

    Raises:
        ConfigError: With every problem.

    Example:
        >>> from pathlib import Path
        >>> table = {"sink": {"out": {"type": "last-resort"}}, "pipeline": {"all": {"sink": "out"}}}
        >>> with configure(Document(table, None, Path())) as runtime:
        ...     runtime.status()
        {'out': 'ok'}
    """
    return run(document, profile=None, strict=strict)


def check(source: Source = None, *, profile: str | None = None, resolve: bool = True) -> list[Problem]:
    """Return every problem of a configuration, those that a program could do without included.

    Args:
        source: As for `penstock.configure`.
        profile: As for `penstock.configure`.
        resolve: Whether to follow references to secrets; without, an unset one is no problem.

    Example:
        >>> [problem.code for problem in check({"sink": {"out": {"type": "last-resort"}}, "pipline": {}})]
        ['unknown-key']
    """
    return list(describe(source, profile=profile, resolve=resolve).problems)


def describe_key(found: Document, path: str) -> KeyDescription:
    """Return what the key *path* of a configuration is for, what it takes, and what it is in *found*.

    Raises:
        LookupError: If there is no such key; its text names the nearest one.
        PluginError: If the plugin that would know does not load.

    Example:
        >>> key = describe_key(document({"level": "error"}), "level")
        >>> key.type, key.default, key.value, str(key.origin)
        ('a level', '"info"', '"error"', 'program')
    """
    return describe_key_of(found, Plugins(), path.split("."))


def describe(source: Source = None, *, profile: str | None = None, resolve: bool = True) -> Description:
    """Return what a configuration would run, as far as its problems allow; opens nothing and raises nothing."""
    plugins = Plugins()
    try:
        found = find_document(source, profile, plugins)
    except ConfigError as error:
        return Description(None, (), (), (), (), error.problems)
    plan, problems = check_document(found, plugins, resolve=resolve)
    if plan is None:
        return Description(found.file, (), (), (), (), problems)
    config = plan.config
    sinks = [_sink(sink, config) for sink in plan.sinks.values()]
    pipelines = [_pipeline(name, config, plan.default_format) for name in config.pipeline]
    stages = [_stage(name, table, plugins) for name, table in config.emit.items()]
    return Description(found.file, pipelines, sinks, tuple(config.capture), stages, problems)


def _sink(plan: SinkPlan, config: Config) -> SinkDescription:
    table = config.sink.get(plan.name, {})
    queued = plan.options.mode == "queued" and not plan.takes_events
    return SinkDescription(
        name=plan.name,
        type=str(table.get("type", plan.name)),
        mode="queued" if queued else "inline",
        level=str(table.get("level", "")),
        fallback=plan.options.fallback,
        queue=str(plan.options.queue) if queued else "",
        spool=str(plan.options.spool) if queued and plan.options.spooled else "",
    )


def _stage(name: str, table: Mapping[str, Any], plugins: Plugins) -> StageDescription:
    try:
        found = plugins.find("emit", str(table.get("type")))
    except PluginError:
        found = object  # a problem, and noted as one
    source = callable(getattr(found, "start", None)) and not callable(getattr(found, "emit", None))
    return StageDescription(name, str(table.get("type", "")), table.get("always") is True, source)


def _pipeline(name: str, config: Config, default_format: Any) -> PipelineDescription:
    table = config.pipeline[name]
    return PipelineDescription(
        name=name,
        match=tuple(table.match),
        level=str(config.level if table.level is None else table.level),
        emit=tuple(table.emit),
        redact=tuple(config.redact) if table.redact is None else tuple(table.redact),
        format=table.format or default_format(table.sink),
        sink=table.sink,
    )


def route(event: Mapping[str, object], source: Source = None, *, profile: str | None = None) -> Route:
    """Return which way *event* would take: every decision about it, and the bytes that each sink would get.

    Nothing is sent and nothing opened; references to secrets are not followed.

    Args:
        event: As the table `emit` of a `[[test]]`; only its ``name`` is needed.
        source: As for `penstock.configure`.
        profile: As for `penstock.configure`.

    Raises:
        EventError: If *event* is none.
        ConfigError: If the configuration cannot run.

    Example:
        >>> config = {"sink": {"out": {"type": "last-resort"}}, "pipeline": {"all": {"sink": "out", "level": "error"}}}
        >>> way = route({"name": "shop.sold"}, config)
        >>> way.pipelines[0].takes, way.pipelines[0].decisions[-1].text
        (False, 'info is below error, the level of the pipeline')
    """
    table = event_of(event)
    return find_route(find_document(source, profile, Plugins()), table)


def cases(source: Source = None, *, profile: str | None = None) -> Cases:
    """Return the tests of a configuration, in order; `Case.run` runs one.

    Args:
        source: As for `penstock.configure`.
        profile: As for `penstock.configure`; a test may name another.

    Raises:
        ConfigError: With every problem, if the configuration cannot run, or one of its tests cannot be meant.

    Example:
        >>> config = {
        ...     "sink": {"out": {"type": "last-resort"}},
        ...     "pipeline": {"all": {"sink": "out"}},
        ...     "test": [{"emit": {"name": "shop.sold"}, "expect": {"out": {"contains": "shop.sold"}}}],
        ... }
        >>> [case.run().passed for case in cases(config).cases]
        [True]
    """
    return find_cases(source, profile)


def settings(document: Document) -> list[Setting]:
    """Return every effective value of *document* and where it comes from; no secret is in any of them.

    Example:
        >>> found = settings(document({"level": "notice", "sink": {"out": {"type": "last-resort"}}}))
        >>> [(".".join(one.keys), one.value, one.source) for one in found][:1]
        [('level', 'notice', 'program')]
    """
    return settings_of(document, Plugins())


def state_folders(document: Document | None = None) -> list[Path]:
    """Return the folders in which spools and dead letters are kept, the best first; some may not be there yet.

    Args:
        document: The configuration, which may name a folder; without, those of a program that names none.
    """
    return folders_of(document)


def schema() -> Schema:
    """Return the JSON Schema of configurations, with every option of every installed plugin, which this imports."""
    return schema_of(Plugins())


def verify(listing: Listing) -> Verification:
    """Import the plugin of *listing* and ask which kinds it offers; what it raises is in the result."""
    plugins = Plugins()
    kinds = []
    start = perf_counter()
    for kind in KINDS:
        try:
            plugins.find(kind, listing.type)
            kinds.append(kind)
        except UnknownTypeError:
            continue
        except PluginError as error:
            return Verification((), perf_counter() - start, str(error))
    seconds = perf_counter() - start
    return Verification(tuple(kinds), seconds, "" if kinds else f"its hooks offer no type {listing.type!r}")
