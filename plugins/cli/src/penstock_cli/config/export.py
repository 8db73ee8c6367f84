"""Export: the effective configuration as one document; settings in, a TOML table out; any thread; no secret is in it: a
variable of the environment stands where one was written out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from penstock.tooling import Setting

_MASK: Final = "[redacted]"


class Exported(NamedTuple):
    """A document of its own."""

    table: dict[str, Any]
    variables: Sequence[str]
    """What has to be set, because a secret was written out there."""
    left_out: Sequence[tuple[str, ...]]
    """Options of which nobody knows what they are."""


def exported(settings: Sequence[Setting], defaults: bool) -> Exported:
    """Return the document that says what *settings* say.

    Args:
        settings: Of one document.
        defaults: Whether to write down what nobody said, too.
    """
    table: dict[str, Any] = {}
    variables: list[str] = []
    left_out: list[tuple[str, ...]] = []
    for setting in settings:
        if setting.value is None or (setting.default and not defaults):
            continue
        if not setting.known or (setting.secret and setting.keys[0] == "context"):
            left_out.append(setting.keys)  # a field of every event takes no reference
            continue
        inner = table
        for key in setting.keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[setting.keys[-1]] = _referring(setting.value, setting.keys, variables)
    return Exported(table, variables, left_out)


def _referring(value: Any, keys: Sequence[str], variables: list[str]) -> Any:
    """Return *value* with a reference to a variable in the place of each secret."""
    if isinstance(value, Mapping):
        inner = {key: one for key, one in value.items() if one != _MASK or key != "default"}
        return {key: _referring(one, (*keys, key), variables) for key, one in inner.items()}
    if isinstance(value, list):
        return [_referring(one, (*keys, str(number)), variables) for number, one in enumerate(value)]
    if not isinstance(value, str) or _MASK not in value:
        return value
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(keys).upper()).strip("_")
    variables.append(name)
    return {"env": name}
