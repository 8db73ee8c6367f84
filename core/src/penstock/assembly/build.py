"""Build: from a source to a graph; a path, a dict or nothing in, a composed configuration out; the thread that calls
`configure`; a ConfigError with every problem, if one cannot be done without.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from penstock.assembly.advice import about_permissions, advise
from penstock.assembly.compose import Composer
from penstock.assembly.config import BARE, DEFAULT, Config, Document, Source, check_document, read_document
from penstock.assembly.graph import Graph
from penstock.assembly.plan import Plan
from penstock.assembly.plugins import Plugins
from penstock.assembly.structure import Structurer
from penstock.clock import monotonic
from penstock.errors import ConfigError, PluginError, Problem
from penstock.secret import hide_known


class Built(NamedTuple):
    """A configuration that can run."""

    document: Document
    config: Config
    graph: Graph
    problems: Sequence[Problem]
    """What is wrong with it but can be done without."""
    secrets: Sequence[Path] = ()
    """Files that it refers to."""


def find_document(
    source: Source, profile: str | None, plugins: Plugins, environ: Mapping[str, str] = os.environ
) -> Document:
    """Return the document that *source* stands for; where there is none, the one that prints to standard error.

    Raises:
        ConfigError: If it cannot be read or is no TOML; what is wrong with an overlay is in its `problems`.
    """
    found = read_document(source, profile, environ)
    if found is None:
        try:
            plugins.find("sink", "stderr")
            found = read_document(DEFAULT, profile, environ)
        except PluginError:
            found = read_document(BARE, profile, environ)
    assert found is not None  # a dict always is a document
    return found


def build(
    source: Source,
    profile: str | None,
    plugins: Plugins,
    strict: bool,
    before: Graph | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Built:
    """Return the checked configuration with its graph, sinks opened.

    Args:
        source: From where.
        profile: Name of the profile.
        plugins: Where types are looked up.
        strict: Whether what could be done without is in the way, too.
        before: The graph that runs; what is the same there is not made anew, and what works there stays.
        environ: The environment.

    Raises:
        ConfigError: With every problem, if one cannot be done without, or under *strict* any.
    """
    document = find_document(source, profile, plugins, environ)
    plan, problems = check(document, plugins)
    if plan is None or any(problem.stops(strict) for problem in problems):
        raise ConfigError(problems)
    graph = Composer(plan).compose(before=before)
    late = [problem for problem in placed(plan.problems, document) if problem not in problems]
    if any(problem.stops(strict) for problem in late):
        graph.discard(monotonic())
        raise ConfigError(late)
    missing = [] if before is None else graph.missing_after(before)
    if missing:
        graph.discard(monotonic())
        about = [problem for problem in [*problems, *late] if problem.keys[:2] in missing]
        raise ConfigError([*about, *(problem for problem in [*problems, *late] if problem not in about)])
    return Built(document, plan.config, graph, [*problems, *late], plan.files)


def check(document: Document, plugins: Plugins, *, resolve: bool = True) -> tuple[Plan | None, list[Problem]]:
    """Make every component of *document*, open none, and return all problems.

    Args:
        document: From `find_document`.
        plugins: Where types are looked up.
        resolve: Whether references to secrets are followed.
    """
    structurer = Structurer(document.folder, resolve, document.environ)
    config, problems = check_document(document, structurer)
    if config is None:
        return None, placed([*document.problems, *problems], document)
    plan = Plan(config, plugins, structurer)
    problems += [problem for problem in plan.check() if problem not in problems]
    problems += advise(config, plan.sinks, problems)
    if document.problems:  # what is missing may be in what could not be laid over it
        problems = [problem for problem in problems if problem.code not in _ABOUT_ABSENCE]
    found = placed([*document.problems, *problems], document)
    return plan, placed([*found, *about_permissions(found)], document)


_ABOUT_ABSENCE: Final = frozenset({"dangling-reference", "missing-key", "sink-never-used"})


def placed(problems: Sequence[Problem], document: Document) -> list[Problem]:
    """Return *problems* where they are, in order, and without any secret: by now all of them are known."""
    for problem in problems:
        problem.text, problem.hint = hide_known(problem.text), hide_known(problem.hint)
        document.place(problem)
    return sorted(problems, key=lambda one: (one.variable or "", one.file or "", one.line or 0, one.column or 0))
