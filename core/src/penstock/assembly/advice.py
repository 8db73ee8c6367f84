"""Advice: what a configuration may say, but hardly means; a checked configuration in, warnings out; the thread that
calls `configure`; nothing here is ever an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from penstock import files
from penstock.assembly.config import Config, PipelineTable
from penstock.assembly.plan import SinkPlan
from penstock.errors import Problem

_MOST_STATES: Final = 10_000
"""Combinations of patterns that are tried before a pipeline is taken for one that matches something."""


def advise(config: Config, plans: Mapping[str, SinkPlan], problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield a warning for each sink and pipeline of *config* that will hardly do what is wanted.

    Args:
        config: What was checked.
        plans: Its sinks.
        problems: What is wrong with it, so that no warning only repeats one.
    """
    for name, pipeline in config.pipeline.items():
        keys = ("pipeline", name)
        if never_matches(pipeline.match):
            text = "no name of an event can match: what is wanted is excluded again"
            yield _warning(
                "pipeline-never-matches", (*keys, "match"), text, "take out what excludes it, or the pipeline"
            )
        plan = plans.get(pipeline.sink)
        if plan is not None:
            yield from _about_alerts(config, pipeline, plan, keys)
            yield from _about_format(config, pipeline, plan, keys)
    if config.pipeline and not any(_hides_a_pipeline(problem) for problem in problems):
        yield from _unfed(config, plans)


def _hides_a_pipeline(problem: Problem) -> bool:
    """Return whether some sink may be fed by what *problem* is about."""
    misspelt = problem.code == "unknown-key" and len(problem.keys) == 1
    return misspelt or (problem.keys[:1] == ("pipeline",) and not problem.warns)


def _warning(code: str, keys: Iterable[str | int], text: str, hint: str) -> Problem:
    return Problem(code, keys, text, hint, warns=True)


def _about_alerts(config: Config, pipeline: PipelineTable, plan: SinkPlan, keys: tuple[str, ...]) -> Iterator[Problem]:
    """Yield a warning if a storm of errors would be a storm of messages."""
    throttled = pipeline.emit or any(table.get("always") is True for table in config.emit.values())
    if getattr(plan.sink, "alerts", False) is True and not throttled:
        text = f"the sink {plan.name!r} calls people, and no stage throttles what gets there"
        hint = 'put one in front of it: emit = ["throttle"], of penstock-digest'
        yield _warning("unthrottled-alerts", (*keys, "sink"), text, hint)


def _about_format(config: Config, pipeline: PipelineTable, plan: SinkPlan, keys: tuple[str, ...]) -> Iterator[Problem]:
    """Yield a warning if a pipeline formats what its sink cannot take so."""
    if pipeline.format is None:
        return
    if plan.takes_events:
        text = f"the sink {plan.name!r} takes events, which no format is asked about"
        yield _warning("format-not-taken", (*keys, "format"), text, "take it out")
        return
    taken: Any = getattr(plan.sink, "formats", None)
    kind = str(config.format.get(pipeline.format, {}).get("type", pipeline.format))
    if isinstance(taken, Sequence) and not isinstance(taken, str) and kind not in taken:
        text = f"the sink {plan.name!r} cannot take the format {kind!r}"
        yield _warning("format-not-taken", (*keys, "format"), text, f"it takes: {', '.join(map(repr, taken))}")


def _unfed(config: Config, plans: Mapping[str, SinkPlan]) -> Iterator[Problem]:
    fed = {pipeline.sink for pipeline in config.pipeline.values()}
    fed |= {plan.options.fallback for plan in plans.values() if plan.options.fallback is not None}
    for name in config.sink:
        if name not in fed:
            text = "no pipeline leads to this sink, and no other falls back to it"
            yield _warning("sink-never-used", ("sink", name), text, f'name it in a pipeline: sink = "{name}"')


def about_permissions(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield a warning for each file in which *problems* found a secret written out, and which everybody may read."""
    seen: set[str] = set()
    for problem in problems:
        if problem.code == "literal-secret" and problem.file is not None and problem.file not in seen:
            seen.add(problem.file)
            if files.others_may_read(Path(problem.file)):
                text = "a secret is written out in a file that everybody on this machine may read"
                yield _warning("readable-secret", problem.keys, text, f"chmod o-r {problem.file}")


# -- can a list of patterns match anything? ---------------------------------------------------------------------------

_States = tuple[frozenset[int], ...]
"""For each pattern, how many of its segments may be behind us."""


def never_matches(patterns: Sequence[str]) -> bool:
    """Return whether no name at all matches *patterns*, which `build_match` takes.

    Example:
        >>> never_matches(["trade.*", "!trade.**"]), never_matches(["trade.**", "!trade.*"])
        (True, False)
    """
    split = [pattern.removeprefix("!").split(".") for pattern in patterns]
    excluding = [pattern.startswith("!") for pattern in patterns]
    if not any(excluding):
        return False
    # A name may have any segment that a pattern names, or one that none does: the others are all alike.
    segments = {segment for pattern in split for segment in pattern if "*" not in segment} | {"*"}
    start: _States = tuple(_skipping({0}, pattern) for pattern in split)
    seen, waiting = {start}, [start]
    while waiting and len(seen) < _MOST_STATES:
        states = waiting.pop()
        for segment in segments:
            after = tuple(_after(at, pattern, segment) for at, pattern in zip(states, split, strict=True))
            ends = [len(pattern) in at for at, pattern in zip(after, split, strict=True)]
            wanted = all(excluding) or any(end for end, out in zip(ends, excluding, strict=True) if not out)
            if wanted and not any(end for end, out in zip(ends, excluding, strict=True) if out):
                return False
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return not waiting


def _after(states: frozenset[int], pattern: list[str], segment: str) -> frozenset[int]:
    """Return where *pattern* may be after one more segment of a name."""
    found = set()
    for at in states:
        if at < len(pattern):
            if pattern[at] == "**":
                found.add(at)
            elif pattern[at] in ("*", segment):
                found.add(at + 1)
    return _skipping(found, pattern)


def _skipping(states: set[int], pattern: list[str]) -> frozenset[int]:
    """Return *states*, and those that follow because `**` may stand for nothing."""
    for at in sorted(states):
        while at < len(pattern) and pattern[at] == "**":
            at += 1
            states.add(at)
    return frozenset(states)
