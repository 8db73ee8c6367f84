"""Components: makes the stages, redactors, formats and sinks that a configuration names; a kind and a name in, a
component out; the thread that calls `configure`; what cannot be made is a Problem, and None.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, final

from penstock.assembly.config import Config, Table
from penstock.assembly.plugins import CATALOGUE, Plugins
from penstock.assembly.structure import Structurer, names_of, unknown_key
from penstock.errors import PluginConflictError, PluginError, Problem, UnknownTypeError
from penstock.ledger import GATE_REASONS
from penstock.river.format import PlainFormat
from penstock.types import Format, KeyRedactor, PartRedactor, PathRedactor, Source, TextRedactor

Keys = tuple[str | int, ...]

# Keys of a component's table that are the core's own.
CORE_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "emit": frozenset({"type", "always"}),
    "redact": frozenset({"type"}),
    "format": frozenset({"type"}),
    "sink": frozenset({"type", "level", "delivery"}),
}
# What a program can do without: not a redactor, for a pipeline without it would tell secrets.
_DEGRADES: Final = frozenset({"emit", "format", "sink"})
# What each has to have; a redactor one of three, and a source instead what starts it.
_METHODS: Final[Mapping[str, tuple[str, str]]] = {
    "emit": ("emit", "event"),
    "format": ("format", "event"),
    "sink": ("write", "batch"),
}


@final
class Components:
    """The components of one configuration.

    Attributes:
        problems: Everything found so far, each once.
    """

    def __init__(self, config: Config, plugins: Plugins, structurer: Structurer) -> None:
        self.problems: list[Problem] = []
        self._config = config
        self._plugins = plugins
        self._structurer = structurer
        self._formats: dict[str, Format] = {}
        self._redactors: dict[str, Any] = {}

    def problem(
        self,
        code: str,
        keys: Iterable[str | int],
        text: str,
        hint: str = "",
        *,
        degrades: bool = False,
        warns: bool = False,
    ) -> None:
        """Note a problem at *keys*."""
        self.note([Problem(code, keys, text, hint, degrades=degrades, warns=warns)])

    def note(self, problems: Iterable[Problem]) -> None:
        """Note *problems*, but none twice: a component that two pipelines name is made twice."""
        self.problems += [problem for problem in problems if problem not in self.problems]

    def tables(self, kind: str) -> Mapping[str, Table]:
        """Return the declared tables of *kind*."""
        tables: Mapping[str, Table] = getattr(self._config, kind)
        return tables

    def stage(self, name: str, at: Keys) -> Any:
        """Return a new emit stage or source: each use has one of its own."""
        stage = self.make("emit", name, at)
        gate = getattr(stage, "gate", "filter")
        if gate != gate_of(stage):
            text = f"the class's `gate` is {gate!r}, which nothing counts; 'filter' is counted"
            keys = ("emit", name) if name in self.tables("emit") else at
            self.problem("invalid-value", keys, text, f"one of {', '.join(sorted(GATE_REASONS))}", degrades=True)
        return stage

    def redactor(self, name: str, at: Keys) -> Any:
        """Return the redactor *name*; all pipelines share it."""
        if name not in self._redactors:
            redactor = self.make("redact", name, at)
            if redactor is not None and not isinstance(
                redactor, (KeyRedactor, PathRedactor, TextRedactor, PartRedactor)
            ):
                text = "the class has none of redact_key, redact_path, redact_text, redact_part"
                self.problem("invalid-value", at, text)
            self._redactors[name] = redactor
        return self._redactors[name]

    def format(self, name: str, at: Keys) -> Format:
        """Return the format *name*, the plain one if it cannot be made; all pipelines share it."""
        if name not in self._formats:
            made = self.make("format", name, at)
            self._formats[name] = PlainFormat() if made is None else made
        return self._formats[name]

    def make(self, kind: str, name: str, at: Keys) -> Any:
        """Return a new component of the table ``[kind.name]``, or of the type *name* if there is no such table.

        Args:
            kind: ``emit``, ``redact``, ``format`` or ``sink``.
            name: As declared, or a type that needs no options.
            at: Where it is named, for a problem about a name that leads nowhere.
        """
        declared = self.tables(kind).get(name)
        table = {"type": name} if declared is None else declared
        type_name = table.get("type")
        if not isinstance(type_name, str):
            return None  # noted already
        keys = at if declared is None else (kind, name)
        found = self._find(kind, type_name, keys, declared is not None)
        if found is None:
            return None
        options = {key: value for key, value in table.items() if key not in CORE_KEYS[kind]}
        if hasattr(found, "__attrs_attrs__"):
            component, problems = self._structurer.structure(options, found, *keys)
            known = {*names_of(found), *CORE_KEYS[kind]}  # which its class does not know of
            self.note(
                unknown_key(problem.keys, known)
                if (problem.code, problem.keys[:-1]) == ("unknown-key", keys)
                else problem
                for problem in problems
            )
            return self._able(component, kind, keys)
        for key in options:
            self.problem("unknown-key", (*keys, key), f"{type_name!r} has no options", "take it out", degrades=True)
        return self._able(self._called(found, keys), kind, keys)

    def _able(self, component: Any, kind: str, keys: Keys) -> Any:
        """Return *component*, or None if it lacks the method of its kind."""
        method, argument = _METHODS.get(kind, ("", ""))
        if component is None or not method or callable(getattr(component, method, None)):
            return component
        if kind == "emit" and isinstance(component, Source):
            return component
        self.problem("invalid-value", keys, f"the class has no {method}({argument})", degrades=True)
        return None

    def _called(self, found: Callable[[], Any], keys: Keys) -> Any:
        try:
            return found()
        except Exception as error:
            self.problem("invalid-value", keys, f"cannot be made: {type(error).__qualname__}: {error}")
            return None

    def _find(self, kind: str, type_name: str, keys: Keys, declared: bool) -> Any:
        degrades = kind in _DEGRADES
        inside = (*keys, "type") if declared else keys
        try:
            return self._plugins.find(kind, type_name)
        except UnknownTypeError as error:
            if not declared and type_name not in CATALOGUE:
                self.dangling(kind, type_name, keys, error.known)
            else:
                text = f"no installed plugin offers the {kind} type {type_name!r}"
                self.problem("unknown-type", inside, text, _type_hint(error), degrades=degrades)
        except PluginConflictError as error:
            self.problem("ambiguous-type", inside, str(error))
        except PluginError as error:
            by_name = type_name.startswith("python:")
            hint = "is it on the import path?" if by_name else "see `penstock plugins --verify`"
            self.problem("plugin-load-failed", inside, str(error), hint, degrades=degrades)
        return None

    def dangling(self, kind: str, name: str, keys: Keys, types: Iterable[str] = ()) -> None:
        """Note that *name* leads nowhere."""
        known = sorted({*self.tables(kind), *types})
        near = difflib.get_close_matches(name, known, 1, 0.6)
        there = ", ".join(known) or "none"
        hint = f"did you mean {near[0]!r}?" if near else f"declare it: [{kind}.{name}]; there are: {there}"
        self.problem("dangling-reference", keys, f"there is no {kind} {name!r}", hint)


def gate_of(stage: Any) -> str:
    """Return the reason that is counted for what *stage* stops."""
    gate = getattr(stage, "gate", "filter")
    return gate if isinstance(gate, str) and gate in GATE_REASONS else "filter"


def _type_hint(error: UnknownTypeError) -> str:
    """Return what to do about an unknown type: never to install a distribution that is not in our own catalogue."""
    if error.name in CATALOGUE:
        return f"try: pip install {CATALOGUE[error.name]}"
    near = difflib.get_close_matches(error.name, {*error.known, *CATALOGUE}, 1, 0.6)
    if near and near[0] in error.known:
        return f"did you mean {near[0]!r}?"
    if near:
        return f"did you mean {near[0]!r}? then: pip install {CATALOGUE[near[0]]}"
    return f"installed: {', '.join(map(repr, error.known)) or 'none'}"
