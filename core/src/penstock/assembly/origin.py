"""Origin: where each value of a document comes from; layers in, an origin out; any thread; what nobody said is a
default.

A document is made of layers, the lowest first: files it extends, the file, a profile, variables of the environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, final

from penstock.assembly.excerpt import excerpt
from penstock.assembly.positions import Keys, Place, Positions, Span
from penstock.errors import Problem

Table = dict[str, Any]
Kind = Literal["default", "program", "extended", "file", "profile", "environment"]


class Origin(NamedTuple):
    """Where a value comes from.

    Attributes:
        kind: ``file``; ``extended``: a file that the file extends; ``profile``: a table ``[profile.NAME]``;
            ``environment``: a variable; ``program``: a dict; or ``default``: nobody said it.
        file: The file, as given; None for a variable, a dict and a default.
        variable: Name of the variable of the environment, or None.
        keys: The path in that file, such as ``("profile", "production", "level")``.
        key: Where the key stands; None where there is no text, or no key as for an item of an array.
        value: Where the value stands; for a table its header; None where there is no text.
        source: The text that both stand in.
    """

    kind: Kind
    file: str | None = None
    variable: str | None = None
    keys: Keys = ()
    key: Place | None = None
    value: Place | None = None
    source: FileText | None = None

    def __str__(self) -> str:
        if self.variable is not None:
            return f"env {self.variable}"
        place = self.value or self.key
        if self.file is None:
            return self.kind
        return f"{self.file}:{place.line}:{place.column}" if place else self.file


@final
class FileText:
    """The text of one file, scanned when somebody asks where something stands.

    Attributes:
        file: Its path, as given.
        text: What was parsed.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text

    @cached_property
    def positions(self) -> Positions:
        """Where everything stands."""
        return Positions(self.text)

    def place(self, spans: Mapping[Keys, Span], keys: Keys) -> Place | None:
        """Return where *keys* stand according to *spans*, which are of this text."""
        span = spans.get(keys)
        return None if span is None else self.positions.place(span)


@final
class Layer:
    """What one place says.

    Attributes:
        kind: What the place is.
        table: What it says, as part of the document.
        source: The text, or None for a variable and a dict.
        folder: Relative paths in it are relative to this.
        prefix: Where *table* stands in the text.
        variable: Name of the variable, or None.
    """

    __slots__ = ("folder", "kind", "prefix", "source", "table", "variable")

    def __init__(
        self,
        kind: Kind,
        table: Table,
        folder: Path,
        source: FileText | None = None,
        prefix: Keys = (),
        variable: str | None = None,
    ) -> None:
        self.kind: Final = kind
        self.table = table
        self.folder = folder
        self.source = source
        self.prefix = prefix
        self.variable = variable

    def says(self, keys: Keys) -> object:
        """Return what stands at *keys*, or `NOTHING`."""
        found: Any = self.table
        for key in keys:
            if isinstance(found, dict):
                found = found.get(key, NOTHING)
            elif isinstance(found, list) and isinstance(key, int) and key < len(found):
                found = found[key]
            else:
                return NOTHING
        return found

    def origin(self, keys: Keys) -> Origin:
        """Return where *keys* stand here; the nearest place outside them, if they have none of their own."""
        own = (*self.prefix, *keys)
        if self.source is None:
            return Origin(self.kind, variable=self.variable, keys=own)
        positions = self.source.positions
        near = own
        while near and near not in positions.keys and near not in positions.values:
            near = near[:-1]
        key, value = self.source.place(positions.keys, near), self.source.place(positions.values, near)
        return Origin(self.kind, self.source.file, None, own, key, value, self.source)


NOTHING: Final = object()
"""What a layer says of keys that it does not have."""


_ABOUT_KEYS: Final = frozenset({"unknown-key", "no-effect"})
"""Problems that a key is, not its value."""


def place(problem: Problem, origin: Origin) -> None:
    """Let *problem* say that it is where *origin* is, and show the line.

    Its text must be what a person may read: what it tells of a value is shown in the line too.
    """
    place = origin.key if problem.code in _ABOUT_KEYS and origin.key is not None else origin.value or origin.key
    problem.file, problem.variable = origin.file, origin.variable
    if place is not None and origin.source is not None:
        problem.line, problem.column, problem.length = place.line, place.column, place.length
        plain = problem.keys[:1] == ("pipeline",) or problem.keys[2:3] == ("delivery",)  # tables of the core's own
        shown = excerpt(origin.source.text, origin.source.positions, place, problem.text, plain)
        problem.source, problem.marks = shown


def origin_in(layers: Sequence[Layer], keys: Iterable[str | int]) -> Origin:
    """Return which of *layers*, the lowest first, the value at *keys* comes from.

    Of a table, which several may share, it is the highest text that has it: a variable only adds to it.
    """
    keys = tuple(keys)
    shared: Layer | None = None
    for layer in reversed(layers):
        said = layer.says(keys)
        if said is NOTHING:
            continue
        if not isinstance(said, dict):
            return (shared or layer).origin(keys)
        if shared is None or (shared.source is None and layer.source is not None):
            shared = layer
    return Origin("default", keys=keys) if shared is None else shared.origin(keys)
