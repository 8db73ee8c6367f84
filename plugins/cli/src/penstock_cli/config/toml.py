"""Toml: keys and values as a person writes them in one line; text in and out; any thread; a wrong text is wrong
usage.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import click
import tomli_w


def parsed_key(text: str) -> tuple[str, ...]:
    """Return the parts of a dotted key, each bare or quoted.

    Raises:
        click.BadParameter: If it is no key.

    Example:
        >>> parsed_key('levels."acme.db"')
        ('levels', 'acme.db')
    """
    try:
        found: Any = tomllib.loads(f"{text} = 0")
    except ValueError:
        found = {}
    keys: list[str] = []
    while isinstance(found, dict) and len(found) == 1:
        ((key, found),) = found.items()
        keys.append(key)
    if found != 0 or "\n" in text:
        raise click.BadParameter(f"expected a key such as sink.trades.keep, got {text!r}; quote names with dots")
    return tuple(keys)


def parsed_value(text: str) -> Any:
    """Return *text* as the TOML value that it is, else as a text.

    Example:
        >>> parsed_value("9"), parsed_value("9 MB"), parsed_value("['a']")
        (9, '9 MB', ['a'])
    """
    try:
        found = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return found["value"] if set(found) == {"value"} else text


def key_text(keys: Sequence[str]) -> str:
    """Return *keys* as one dotted key.

    Example:
        >>> key_text(["levels", "acme.db"])
        'levels."acme.db"'
    """
    return ".".join(tomli_w.dumps({key: 0}).rpartition(" = ")[0] for key in keys)


def value_text(value: Any) -> str:
    """Return *value* as TOML in one line.

    Example:
        >>> value_text({"env": "TOKEN", "keep": [1, True]})
        '{ env = "TOKEN", keep = [1, true] }'
    """
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key_text([key])} = {value_text(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(value_text(one) for one in value)}]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").rstrip("\n")
