"""Errors: everything Penstock raises; raised where a person is there to read it, never from the emit path.

PenstockError
├── ConfigError              .problems: every one, each with path, place, text and hint
├── PluginError              .plugin .distribution
│   ├── PluginLoadError          its import or its hooks failed
│   ├── PluginConflictError      two distributions offer one type
│   └── UnknownTypeError         .kind .name .known
├── SinkError                raised by sinks, understood by deliver
│   ├── Unavailable              keep the batch, try again; .retry_after in seconds or None, .delivered
│   ├── Rejected                 this batch (or .indexes of it) never; the sink goes on
│   └── Closed                   this sink never again; its fallback takes over; .delivered
└── AlreadyAttachedError     .handler_id
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class PenstockError(Exception):
    """Any error of Penstock's own."""


class Problem:
    """One thing that is wrong with a configuration, for a person to read.

    Attributes:
        code: Stable name of the kind of problem, such as ``unknown-key``.
        keys: The place in the document, from the outside in: keys, and indexes of arrays.
        path: The same as text, such as ``sink.trades.keep``.
        text: What is wrong and what was got.
        hint: What to do about it; empty where nothing is known.
        degrades: True where the program can go on without this; an error all the same in strict mode.
        warns: True for what works but ought not to be so; it is told, and never an error, not even in strict mode.
        file: The file, or None for a dict or a built-in document.
        line: Line from 1, where known.
        column: Column from 1, in characters, where known.
        length: How many characters from there are wrong, on that line, where known.
        variable: Name of the variable of the environment that says it, or None.
        source: The line of the file, with `…` for values that `text` does not tell; empty where unknown.
        marks: Blanks, and carets beneath what is wrong in `source`.
    """

    __slots__ = (
        "code", "column", "degrades", "file", "hint", "keys", "length", "line", "marks", "source", "text", "variable",
        "warns",
    )  # fmt: skip

    def __init__(
        self,
        code: str,
        keys: Iterable[str | int],
        text: str,
        hint: str = "",
        *,
        degrades: bool = False,
        warns: bool = False,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        variable: str | None = None,
    ) -> None:
        self.code = code
        self.keys = tuple(keys)
        self.text = text
        self.hint = hint
        self.degrades = degrades or warns
        self.warns = warns
        self.file = file
        self.line = line
        self.column = column
        self.variable = variable
        self.length: int | None = None
        self.source = ""
        self.marks = ""

    @property
    def path(self) -> str:
        """The place in the document as text."""
        parts = [f"[{key}]" if isinstance(key, int) else f".{_bare_or_quoted(key)}" for key in self.keys]
        return "".join(parts).removeprefix(".")

    def stops(self, strict: bool) -> bool:
        """Return whether a program cannot start because of this, under *strict* or without."""
        return not self.warns and (strict or not self.degrades)

    @property
    def excerpt(self) -> str:
        """The line of the file with a mark beneath what is wrong, as two lines; empty where the line is unknown."""
        if not self.source:
            return ""
        number = str(self.line)
        blank = " " * len(number)
        return f" {number} | {self.source}\n {blank} | {self.marks}"

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        variable = f"env {self.variable}" if self.variable is not None else ""
        parts = [part for part in (place, variable, self.path, self.text) if part]
        return ": ".join(parts) + (f"; {self.hint}" if self.hint else "")

    def __repr__(self) -> str:
        return f"<Problem {self.code}: {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and (self.code, str(self)) == (other.code, str(other))

    def __hash__(self) -> int:
        return hash((self.code, self.keys))


def _bare_or_quoted(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else f'"{key}"'


class ConfigError(PenstockError):
    """A configuration cannot be used; ``.problems`` holds every reason at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        told = [part for problem in self.problems for part in (str(problem), problem.excerpt) if part]
        super().__init__("\n".join(told))


class PluginError(PenstockError):
    """Something is wrong with an installed plugin.

    Attributes:
        plugin: Name of its entry point, which is the TOML `type`.
        distribution: Name and version of the distribution that brought it, or an empty text.
    """

    def __init__(self, text: str, *, plugin: str, distribution: str = "") -> None:
        self.plugin = plugin
        self.distribution = distribution
        by = f" ({distribution})" if distribution else ""
        super().__init__(f"plugin {plugin!r}{by}: {text}")


class PluginLoadError(PluginError):
    """A plugin's import or one of its hooks failed."""


class PluginConflictError(PluginError):
    """Two distributions offer the same type."""


class UnknownTypeError(PluginError):
    """No installed plugin offers a type.

    Attributes:
        kind: ``emit``, ``redact``, ``format`` or ``sink``.
        name: The type that was asked for.
        known: The types of that kind that could have been meant.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        super().__init__(f"no installed plugin offers the {kind} type {name!r}", plugin=name)


class SinkError(PenstockError):
    """What a sink may raise from `write`, besides faults."""


class Unavailable(SinkError):
    """The sink cannot take the rest of the batch now: keep it and try again.

    Attributes:
        retry_after: Seconds to wait before the next attempt, or None for the usual backoff.
        delivered: How many records, from the front of the batch, are done with; they are not sent again.
        rejected: Places in the batch, below `delivered`, of records that were refused for good.

    Example:
        >>> raise Unavailable("rate limited", retry_after=3.0, delivered=2)
        Traceback (most recent call last):
            ...
        penstock.errors.Unavailable: rate limited
    """

    def __init__(
        self, text: str = "", *, retry_after: float | None = None, delivered: int = 0, rejected: Iterable[int] = ()
    ) -> None:
        self.retry_after = retry_after
        self.delivered = delivered
        self.rejected = frozenset(rejected)
        super().__init__(text)


class Rejected(SinkError):
    """Some records, or the whole batch, will never be taken; the sink goes on and the other records did arrive.

    Attributes:
        indexes: Places in the batch of the refused records, or None for all of it.
        count: How many were refused, where the peer told only their number; then none of them goes to the fallback.
    """

    def __init__(self, text: str = "", *, indexes: Iterable[int] | None = None, count: int | None = None) -> None:
        self.indexes = None if indexes is None else frozenset(indexes)
        self.count = count
        super().__init__(text)


class Closed(SinkError):
    """This sink never again: what waits goes to its fallback.

    Attributes:
        delivered: How many records, from the front of the batch, did arrive.
    """

    def __init__(self, text: str = "", *, delivered: int = 0) -> None:
        self.delivered = delivered
        super().__init__(text)


class AlreadyAttachedError(PenstockError):
    """A telemetry handler with this id is attached already.

    Attributes:
        handler_id: The id that is taken.
    """

    def __init__(self, handler_id: str) -> None:
        self.handler_id = handler_id
        super().__init__(
            f"a handler with the id {handler_id!r} is attached already; detach it first, or choose another id"
        )
