"""Overlay: lays other tables over a document: those it extends beneath it, a profile and the environment on top; tables
in, layers and one table out; the thread that calls `configure`; a wrong overlay is left out, and a Problem.

Later wins: files of `extends` in order, the file itself, its profile, the environment. Tables merge key by key at any
depth; scalars and arrays are replaced whole.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, final

from penstock.assembly.origin import FileText, Kind, Layer, Table, place
from penstock.assembly.positions import Keys
from penstock.assembly.structure import got
from penstock.errors import ConfigError, Problem

PREFIX: Final = "PENSTOCK__"

_COMPONENTS: Final = frozenset({"emit", "redact", "format", "sink"})
_CORE_KEYS: Final = frozenset({"type", "level", "always", "delivery"})


class Read(NamedTuple):
    """A file that was read."""

    table: Table
    source: FileText | None
    folder: Path
    prefix: tuple[str, ...] = ()
    """Where *table* stands in it."""


class Overlaid(NamedTuple):
    """A document with everything that lies over it."""

    table: Table
    layers: list[Layer]
    """What *table* was merged of, the lowest first."""
    problems: list[Problem]
    """What could not be laid over it; *table* is without it."""


def overlaid(
    bottom: Read,
    profile: str | None,
    environ: Mapping[str, str],
    read: Callable[[Path], Read],
    option: Callable[[str, object], object],
    kind: Kind = "file",
) -> Overlaid:
    """Return the document of *bottom* with everything laid over it that it, *profile* and *environ* name.

    Args:
        bottom: The file.
        profile: Name of the profile; else the environment names it, or there is none.
        environ: The environment.
        read: Reads a file that *bottom* extends.
        option: Makes a component's option of the text of a variable and the value that the text reads as.
        kind: What *bottom* is.
    """
    files = _Files(read)
    files.add(bottom, kind, () if bottom.source is None else (Path(bottom.source.file).resolve(),))
    layers, problems = files.layers, files.problems
    chosen = profile or environ.get("PENSTOCK_PROFILE")
    if chosen:
        by = None if profile else "PENSTOCK_PROFILE"
        chosen_layers = [layer for layer in files.profiles if layer.prefix[-1] == chosen]
        layers += chosen_layers
        if not chosen_layers:
            problems.append(_no_such_profile(chosen, files.profiles, by, bottom))
    table: Table = {}
    for layer in layers:
        table = merged(table, layer.table)
    for layer in _variables(table, environ, option, bottom.folder, problems):
        layers.append(layer)
        table = merged(table, layer.table)
    return Overlaid(table, layers, problems)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Table:
    """Return *below* with *above* laid over it.

    Example:
        >>> merged({"sink": {"a": {"keep": 1}}}, {"sink": {"a": {"keep": 2}, "b": {}}})
        {'sink': {'a': {'keep': 2}, 'b': {}}}
    """
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        result[key] = merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result


# -- files and their profiles -----------------------------------------------------------------------------------------


@final
class _Files:
    """A file and all that it extends, each before what lies over it.

    Attributes:
        layers: What they say.
        profiles: What the profiles in them say.
        problems: What could not be read.
    """

    def __init__(self, read: Callable[[Path], Read]) -> None:
        self.layers: list[Layer] = []
        self.profiles: list[Layer] = []
        self.problems: list[Problem] = []
        self._read = read

    def add(self, file: Read, kind: Kind, seen: tuple[Path, ...]) -> None:
        """Add what *file* extends, then *file*; *seen* are the files that extend it, itself included."""
        table = dict(file.table)
        extends, profiles = table.pop("extends", []), table.pop("profile", {})
        layer = Layer(kind, table, file.folder, file.source, file.prefix)
        for keys, name in self._names(extends, layer):
            path = self._resolved(name, keys, layer)
            if path is None:
                continue
            if path in seen:
                text = f"{name!r} extends itself"
                self._wrong(layer, Problem("cycle", keys, text, "take one of them out"))
                continue
            try:
                self.add(self._read(path), "extended", (*seen, path))
            except ConfigError as error:
                self._unread(error.problems, name, keys, layer)
        self.layers.append(layer)
        self._add_profiles(profiles, layer)

    def _unread(self, problems: Iterable[Problem], name: str, keys: Keys, layer: Layer) -> None:
        """Note why the file *name* was not read: where that is in it, else where it is named."""
        for problem in problems:
            if problem.line is None and problem.code == "unreadable-file":
                self._wrong(layer, Problem(problem.code, keys, f"{name}: {problem.text}", problem.hint))
            else:
                self.problems.append(problem)

    def _names(self, extends: object, layer: Layer) -> Iterator[tuple[Keys, str]]:
        if isinstance(extends, str):
            yield ("extends",), extends
        elif isinstance(extends, list) and all(isinstance(name, str) for name in extends):
            yield from ((("extends", index), name) for index, name in enumerate(extends))
        else:
            text = f"expected the path of a file, or several, got {got(extends)}"
            self._wrong(layer, Problem("invalid-value", ("extends",), text, 'write extends = "base.toml"'))

    def _resolved(self, name: str, keys: Keys, layer: Layer) -> Path | None:
        try:
            return (layer.folder / name).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # links that go round, or no working directory
            text = f"{name!r} leads nowhere: {type(error).__name__}"
            self._wrong(layer, Problem("unreadable-file", keys, text, "check the path"))
            return None

    def _add_profiles(self, profiles: object, layer: Layer) -> None:
        tables = profiles if isinstance(profiles, dict) else {"": profiles}
        for name, table in tables.items():
            keys = ("profile", name) if name else ("profile",)
            if isinstance(table, dict):
                prefix = (*layer.prefix, *keys)
                self.profiles.append(Layer("profile", table, layer.folder, layer.source, prefix))
            else:
                self._wrong(
                    layer, Problem("invalid-value", keys, f"expected a table, got {got(table)}", "[profile.NAME]")
                )

    def _wrong(self, layer: Layer, problem: Problem) -> None:
        place(problem, layer.origin(problem.keys))
        self.problems.append(problem)


def _no_such_profile(chosen: str, profiles: list[Layer], variable: str | None, bottom: Read) -> Problem:
    names = sorted({str(layer.prefix[-1]) for layer in profiles})
    near = difflib.get_close_matches(chosen, names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"declared: {', '.join(names) or 'none'}"
    file = None if variable or bottom.source is None else bottom.source.file
    text = "there is no such profile"
    return Problem("unknown-profile", ("profile", chosen), text, hint, file=file, variable=variable)


# -- the environment --------------------------------------------------------------------------------------------------


def _variables(
    table: Table,
    environ: Mapping[str, str],
    option: Callable[[str, object], object],
    folder: Path,
    problems: list[Problem],
) -> Iterator[Layer]:
    """Yield a layer for each variable that addresses something in *table*."""
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX):
            continue
        path = name.removeprefix(PREFIX).split("__")
        value = _value(text)
        if _is_option(path) and not isinstance(value, (dict, list)):
            value = option(text, value)
        try:
            addressed = _addressed(path, table, value)
        except _AmbiguousError as error:
            hint = "rename one of them, or set it in a file"
            problems.append(Problem("ambiguous-address", (), str(error), hint, variable=name))
            continue
        yield Layer("environment", addressed, folder, variable=name)
        table = merged(table, addressed)


def _is_option(path: list[str]) -> bool:
    """Return whether *path* leads into a component's own options, whose types only its class knows."""
    words = [word.lower() for word in path]
    return len(words) > 2 and words[0] in _COMPONENTS and words[2] not in _CORE_KEYS


class _AmbiguousError(Exception):
    """The words of a variable mean several keys."""


def _addressed(path: list[str], table: Mapping[str, Any], value: Any) -> Table:
    """Return *value* under *path*, whose words mean keys of *table* whatever their case, and ``_`` also ``-``."""
    word = path[0].lower()
    matches = [key for key in table if key.lower().replace("-", "_") == word]
    if len(matches) > 1:
        raise _AmbiguousError(f"{path[0]!r} means several keys: {', '.join(map(repr, sorted(matches)))}")
    key = matches[0] if matches else word
    if len(path) == 1:
        return {key: value}
    under = table.get(key)
    return {key: _addressed(path[1:], under if isinstance(under, dict) else {}, value)}


def _value(text: str) -> Any:
    """Return *text* as the TOML value it is, else as a text."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return text
    return parsed["value"] if set(parsed) == {"value"} else text
