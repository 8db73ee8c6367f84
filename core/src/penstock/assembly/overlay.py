"""Overlay: lays other tables over a document: those it extends beneath it, a profile and the environment on top; tables
in, one table out; the thread that calls `configure`; a wrong overlay is a ConfigError.

Later wins: files of `extends` in order, the file itself, its profile, the environment. Tables merge key by key at any
depth; scalars and arrays are replaced whole.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from penstock.errors import ConfigError, Problem

PREFIX: Final = "PENSTOCK__"

_COMPONENTS: Final = frozenset({"emit", "redact", "format", "sink"})
_CORE_KEYS: Final = frozenset({"type", "level", "always", "delivery"})

Table = dict[str, Any]


def overlaid(
    table: Table,
    file: str | None,
    folder: Path,
    profile: str | None,
    environ: Mapping[str, str],
    read: Callable[[Path], Table],
    option: Callable[[str, object], object],
) -> Table:
    """Return *table* with everything laid over it that it, *profile* and *environ* name.

    Args:
        table: As parsed.
        file: Where it was read, or None.
        folder: What *table* extends is relative to it.
        profile: Name of the profile; else the environment names it, or there is none.
        environ: The environment.
        read: Parses a file that *table* extends.
        option: Makes a component's option of the text of a variable and the value that the text reads as.
    """
    table = _extended(table, file, folder, read, ())
    profiles = table.pop("profile", {})
    if not isinstance(profiles, dict) or not all(isinstance(one, dict) for one in profiles.values()):
        raise ConfigError([Problem("invalid-value", ("profile",), "expected tables", "[profile.NAME]", file=file)])
    chosen = profile or environ.get("PENSTOCK_PROFILE")
    if chosen:
        if chosen not in profiles:
            near = difflib.get_close_matches(chosen, profiles, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"declared: {', '.join(profiles) or 'none'}"
            raise ConfigError(
                [Problem("unknown-profile", ("profile", chosen), "there is no such profile", hint, file=file)]
            )
        table = merged(table, profiles[chosen])
    return _with_environment(table, environ, option)


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


def _extended(
    table: Table, file: str | None, folder: Path, read: Callable[[Path], Table], seen: tuple[Path, ...]
) -> Table:
    table = dict(table)
    names = table.pop("extends", [])
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        text = f"expected the path of a file, or several, got {names!r}"
        raise ConfigError([Problem("invalid-value", ("extends",), text, file=file)])
    below: Table = {}
    for name in names:
        try:
            path = (folder / name).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # links that go round, or no working directory
            text = f"{name!r} leads nowhere: {type(error).__name__}"
            raise ConfigError([Problem("unreadable-file", ("extends",), text, "check the path", file=file)]) from None
        if path in seen:
            raise ConfigError(
                [Problem("cycle", ("extends",), f"{name!r} extends itself", "take one of them out", file=file)]
            )
        below = merged(below, _extended(read(path), str(path), path.parent, read, (*seen, path)))
    return merged(below, table)


def _with_environment(table: Table, environ: Mapping[str, str], option: Callable[[str, object], object]) -> Table:
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX):
            path = name.removeprefix(PREFIX).split("__")
            value = _value(text)
            if _is_option(path) and not isinstance(value, (dict, list)):
                value = option(text, value)
            table = merged(table, _addressed(path, table, value))
    return table


def _is_option(path: list[str]) -> bool:
    """Return whether *path* leads into a component's own options, whose types only its class knows."""
    words = [word.lower() for word in path]
    return len(words) > 2 and words[0] in _COMPONENTS and words[2] not in _CORE_KEYS


def _addressed(path: list[str], table: Mapping[str, Any], value: Any) -> Table:
    """Return *value* under *path*, whose words mean keys of *table* whatever their case, and ``_`` also ``-``."""
    word = path[0].lower()
    matches = [key for key in table if key.lower().replace("-", "_") == word]
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
