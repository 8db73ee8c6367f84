"""Options: what may stand in a table, read off its class; a class in, its options out; any thread; a class that attrs
does not know has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import attrs

from penstock.secret import MASK, Secret
from penstock.units import Duration, Level, Size

REQUIRED: Final = object()
"""The default of an option that has none."""


class Option(NamedTuple):
    """One option of a table.

    Attributes:
        name: Its key.
        type: What it takes, as annotated.
        default: What it is if nobody says it, as TOML has it; None for nothing; or `REQUIRED`.
        doc: What it does, in a sentence.
        validator: What judges it, or None.
    """

    name: str
    type: Any
    default: Any
    doc: str
    validator: Any


def options_of(cls: type[Any]) -> Iterator[Option]:
    """Yield the options of *cls*, in its order.

    Example:
        >>> from penstock.river.deliver import DeliveryOptions
        >>> [(option.name, option.default) for option in options_of(DeliveryOptions)][:2]
        [('mode', 'queued'), ('queue', '16 MB')]
    """
    if not attrs.has(cls):
        return
    attrs.resolve_types(cls)
    for field in attrs.fields(cls):
        if field.init:
            doc = str(field.metadata.get("doc", ""))
            yield Option(str(field.alias), field.type, _default(field), doc, field.validator)


def _default(field: attrs.Attribute[Any]) -> Any:
    default: Any = field.default
    if default is attrs.NOTHING:
        return REQUIRED
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return None if default.takes_self else as_toml(default.factory())
    return as_toml(default)


def as_toml(value: object) -> Any:
    """Return *value*, of an option, as a TOML file would say it; None where it has no word for it.

    Example:
        >>> as_toml([Size("10 MB"), Level("error"), Secret("not-shown")])
        ['10 MB', 'error', '[redacted]']
    """
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, (Size, Duration, Level, Path)):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): as_toml(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_toml(inner) for inner in value]
    return str(value)


def takes_secret(kind: Any) -> bool:
    """Return whether an option of the type *kind* takes a secret, at any depth."""
    return kind is Secret or any(takes_secret(inner) for inner in get_args(kind))
