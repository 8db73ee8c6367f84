"""Hints: the words of `typing` that run, without `typing`; a class in, a class out; at import; never fails.

`typing`, and what it loads, took 30 % of `import penstock`. So a module that is loaded with it imports `typing` for
checkers alone, under `if TYPE_CHECKING`, which they take for true; the words that are more than an annotation are here.
"""

from __future__ import annotations

__all__ = ["TYPE_CHECKING", "NamedTuple", "Protocol", "cast", "final"]

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NamedTuple, Protocol, cast, final
else:
    from collections import namedtuple

    class _Named(type):
        """Makes a named tuple of a class whose attributes are annotated."""

        def __new__(cls, name, bases, body):
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = body.pop("__annotations__")
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body.pop("__module__"))
            made.__annotations__ = fields
            for word, value in body.items():
                setattr(made, word, value)
            return made

    class NamedTuple(metaclass=_Named):
        """A tuple whose places have names."""

    class Protocol:
        """What others have to look like."""

    def cast(kind, value):
        """Return *value*, which a checker takes for a *kind*."""
        return value

    def final(kind):
        """Return *kind*, from which nobody derives."""
        return kind
