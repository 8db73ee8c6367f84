"""Edit: changes one value in the text of a TOML file; a text, keys and a value in, a text out; any thread; what would
lose a comment, or change anything else, is refused.

tomlkit keeps what it reads, nearly always. So what it wrote is judged here: parsed by another parser it has to say the
old document with this one value, and every comment has to be in it, in order.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Sequence
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from penstock_cli.config.toml import value_text

_STRINGS_OR_COMMENT: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|(#[^\n]*)', re.DOTALL
)


class CannotEdit(Exception):  # noqa: N818, it says what is so
    """Why the text stays as it is."""


def edited(text: str, keys: Sequence[str], value: Any) -> str:
    r"""Return *text*, a TOML document, with *value* at *keys*.

    Raises:
        CannotEdit: If that is not possible without losing anything else.

    Example:
        >>> edited("keep = 5  # a week\n", ["keep"], 9)
        'keep = 9  # a week\n'
    """
    breaks = "\r\n" if "\r\n" in text else "\n"
    if breaks == "\r\n" and re.search(r"(?<!\r)\n", text):
        raise CannotEdit("its lines end in two different ways")
    unix = text.replace("\r\n", "\n")
    before = tomllib.loads(unix)
    wanted = _with(before, keys, value)
    if wanted == before:
        return text
    try:
        document = tomlkit.parse(unix)
        _set(document, keys, _inline(value))
        written = tomlkit.dumps(document)
        if written.endswith("\n\n") and not unix.endswith("\n\n"):
            written = written[:-1]  # nothing follows
    except (TOMLKitError, TypeError, AttributeError, ValueError, KeyError) as error:
        raise CannotEdit(f"it cannot be changed without rewriting it ({type(error).__name__})") from None
    _judge(unix, written, wanted)
    return written.replace("\n", breaks)


def _set(table: Any, keys: Sequence[str], value: Any) -> None:
    key, *inner = keys
    if not inner:
        table[key] = value
    elif key in table:
        _set(table[key], inner, value)
    else:
        made = tomlkit.table(is_super_table=len(inner) > 1)
        _set(made, inner, value)
        if not isinstance(table, tomlkit.TOMLDocument):
            if len(inner) == 1:
                made.add(tomlkit.nl())  # what follows stays as far away as it was
        elif tomlkit.dumps(table):
            table.add(tomlkit.nl())
        table.append(key, made)


def _inline(value: Any) -> Any:
    """Return *value* such that it takes one line."""
    return tomlkit.value(value_text(value)) if isinstance(value, dict) else value


def _with(table: dict[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a copy of *table* with *value* at *keys*."""
    made = copy.deepcopy(table)
    inner: Any = made
    for key in keys[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        raise CannotEdit("a part of the key is no table")
    inner[keys[-1]] = value
    return made


def _judge(before: str, after: str, wanted: dict[str, Any]) -> None:
    try:
        said = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        raise CannotEdit("it cannot be changed without rewriting it") from None
    if said != wanted:
        raise CannotEdit("something else in it would change, too")
    if comments(before) != comments(after):
        raise CannotEdit("a comment in it would be lost")


def comments(text: str) -> list[str]:
    """Return the comments of a TOML document, in order.

    Example:
        >>> comments('a = "# no"  # yes')
        ['# yes']
    """
    return [match[1] for match in _STRINGS_OR_COMMENT.finditer(text) if match[1]]
