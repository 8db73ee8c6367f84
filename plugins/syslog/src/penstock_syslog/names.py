"""Names: what the keys of an event are called where only some characters are allowed; keys in, as many names out, all
of them different; the caller's thread; never fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final, final

PARAM_LENGTH: Final = 32
"""Characters of an SD-NAME: RFC 5424, section 6, ABNF."""
FIELD_LENGTH: Final = 64
"""Characters of a field's name in the journal: systemd, src/libsystemd/sd-journal/journal-file.c, function
`journal_field_valid`.
"""
_REMEMBERED: Final = 1_000
"""Keys whose names are kept; keys can come from users, so the table is bounded."""

_NOT_IN_PARAM: Final = re.compile(r'[^!-~]|[="\]]')
_NOT_IN_FIELD: Final = re.compile(r"[^A-Z0-9_]")


def param_name(key: str) -> str:
    """Return *key* as a PARAM-NAME: printable ASCII without ``=``, space, ``]`` and ``"``.

    Example:
        >>> param_name("user.id"), param_name('a="b"'), param_name("größe")
        ('user.id', 'a__b_', 'gr__e')
    """
    return _NOT_IN_PARAM.sub("_", key)[:PARAM_LENGTH] or "_"


def field_name(key: str) -> str:
    """Return *key* as the name of a field of the journal: capitals, digits and underscores, a letter first.

    Names that begin with an underscore are the journal's own, and it drops them when a client sends one.

    Example:
        >>> field_name("user.id"), field_name("_pid"), field_name("2nd")
        ('USER_ID', 'F_PID', 'F2ND')
    """
    name = _NOT_IN_FIELD.sub("_", key.upper())
    if not name[:1].isalpha():
        name = f"F{name}"
    return name[:FIELD_LENGTH]


@final
class Names:
    """Gives keys names that are allowed, and keeps those apart that would become the same.

    Args:
        make: Returns the name of a key, and a name that is allowed already as it is.
        longest: Characters of a name.
        own: Names that are taken; a key that would get one has an underscore behind it.
    """

    def __init__(self, make: Callable[[str], str], longest: int, own: Collection[str] = ()) -> None:
        self._make = make
        self._longest = longest
        self._own = frozenset(own)
        self._known: dict[str, str] = {}

    def of(self, keys: Collection[str]) -> list[str]:
        """Return the names of *keys*, which are all different, in their order.

        Example:
            >>> Names(param_name, 32).of(["a b", "a_b", "a=b"])
            ['a_b_2', 'a_b', 'a_b_3']
        """
        known = self._known
        try:
            names = [known[key] for key in keys]
        except KeyError:
            names = [self._name(key) for key in keys]
        return names if len(set(names)) == len(names) else self._apart(keys, names)

    def _name(self, key: str) -> str:
        name = self._make(key)
        if name in self._own:
            name = f"{name}_"
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = name
        return name

    def _apart(self, keys: Collection[str], names: list[str]) -> list[str]:
        """Return *names* with numbers behind those that are there twice; a key that is its own name keeps it."""
        taken = {name for key, name in zip(keys, names, strict=True) if key == name}
        last: dict[str, int] = {}  # the number given last: thousands of keys that become one name cost no square
        apart = []
        for key, name in zip(keys, names, strict=True):
            given = name
            while given in taken and key != given:
                last[name] = last.get(name, 1) + 1
                suffix = f"_{last[name]}"
                given = name[: self._longest - len(suffix)] + suffix
            taken.add(given)
            apart.append(given)
        return apart
