"""Keys: what each value is called in the line; fields in, the same fields under free names out; the caller's thread;
it does not fail.

The format's own keys win. A field that collides with one is kept, with an underscore behind its name; so no field is
lost and no key is there twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, final

_REMEMBERED: Final = 4_096
"""Keys known to stay as they are; keys can come from users, so the set is bounded."""


@final
class Keys:
    """The names of a line: the format's own, and what the options make of those of the fields.

    Args:
        own: The style's own keys.
        include: The fields to write; all of them if None.
        exclude: Own keys and fields not to write.
        rename: New names of own keys and fields.

    Attributes:
        reserved: The own keys as they are called in the line.
        left_out: Those of them that are not written.
        plain: Keys of fields that are known to stay as they are, so that most events need no look at their names.
        are_plain: Tells whether all keys of a mapping are among them.
    """

    def __init__(
        self,
        own: Sequence[str],
        include: Iterable[str] | None = None,
        exclude: Iterable[str] = (),
        rename: Mapping[str, str] | None = None,
    ) -> None:
        rename = rename or {}
        _check(own, rename)
        self._names = {key: rename.get(key, key) for key in own}
        self._include = None if include is None else frozenset(include)
        self._exclude = frozenset(exclude)
        self._rename = {old: new for old, new in rename.items() if old not in self._names}
        self.plain: set[str] = set()
        self.reserved = frozenset(self._names.values())
        self.left_out = tuple(self._names[key] for key in own if key in self._exclude)
        self.are_plain = self.plain.issuperset

    def __getitem__(self, own: str) -> str:
        """Return the name of an own key."""
        return self._names[own]

    def writes(self, own: str) -> bool:
        """Return whether *own* is a key of the line, and to be written."""
        return own in self._names and own not in self._exclude

    def name_of(self, key: str) -> str | None:
        """Return what the options call the field *key*, or None if it is not to be written."""
        if key in self._exclude or (self._include is not None and key not in self._include):
            return None
        return self._rename.get(key, key)

    def stays(self, key: str) -> bool:
        """Return whether a field called *key* keeps its name, as far as options and own keys decide."""
        return key not in self.reserved and self.name_of(key) == key

    def learn(self, key: str) -> None:
        """Remember that *key* stays as it is, whatever its value and the other fields are."""
        if len(self.plain) >= _REMEMBERED:
            self.plain.clear()
        self.plain.add(key)

    def place(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return *fields* under the names they have in the line."""
        if self.are_plain(fields):
            return fields
        placed: dict[str, object] = {}
        plain = self.plain
        for key, value in fields.items():
            if key in plain:
                placed[key] = value
            elif self.stays(key):
                self.learn(key)
                placed[key] = value
            else:
                name = self.name_of(key)
                if name is not None:
                    placed[self.free(name, placed, fields)] = value
        return placed

    def free(self, name: str, placed: Collection[str], fields: Mapping[str, object]) -> str:
        """Return *name*, with so many underscores behind it that nothing else in the line is called so."""
        while name in self.reserved or name in placed or (name in fields and self.stays(name)):
            name += "_"
        return name


def _check(own: Sequence[str], rename: Mapping[str, str]) -> None:
    """Raise ValueError if *rename* would give two things one name."""
    for old, new in rename.items():
        if new in own:
            raise ValueError(f"rename: {old!r} cannot become {new!r}, which is a key of the format's own")
        if not new:
            raise ValueError(f"rename: {old!r} needs a name that is not empty")
    twice = sorted({new for new in rename.values() if list(rename.values()).count(new) > 1})
    if twice:
        raise ValueError(f"rename: several keys become {', '.join(map(repr, twice))}")
