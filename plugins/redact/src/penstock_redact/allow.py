"""Allow: lets out only what is listed; a place or a part of an event in, an action out; the caller's thread; fails
closed, in the core.

The other redactors know what is secret; this one knows what is not. It is for pipelines that end where nobody should
read more than was decided: a chat, another company, another country.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, final

from attrs import define, field

from penstock.plugin import MASK, REMOVE, Action
from penstock_redact.paths import Pattern, check_paths, parse_path, reach

HiddenAs: TypeAlias = Literal["remove", "mask"]

_PARTS: Final = ("message", "error")


@final
@define(kw_only=True)
class AllowRedactor:
    """Lets out the listed places with all that is in them, and nothing else."""

    fields: list[str] = field(
        validator=check_paths,
        metadata={
            "doc": "Names of fields and places inside them that leave: `order_id`, `order.items.*.price`, `**.status`. "
            "Written as the `paths` of `paths`; what is in a listed place leaves with it."
        },
    )
    message: bool = field(
        default=False,
        metadata={"doc": "Whether the message leaves; without, `[redacted]` stands in its place."},
    )
    error: bool = field(
        default=False,
        metadata={"doc": "Whether the text and traceback of an exception leave; without, only its type does."},
    )
    action: HiddenAs = field(
        default="remove",
        metadata={
            "doc": "What becomes of the rest: `remove` leaves the keys out, `mask` shows them with `[redacted]`."
        },
    )
    _patterns: tuple[Pattern, ...] = field(init=False, repr=False)
    _hidden: object = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Compile the places."""
        self._patterns = tuple(map(parse_path, self.fields))
        self._hidden = REMOVE if self.action == "remove" else MASK

    def redact_path(self, path: tuple[str, ...], /) -> Action | None:
        """Return None if *path* is listed or inside of what is, else the action that hides it."""
        reached = {reach(pattern, path) for pattern in self._patterns}
        if "inside" in reached:
            return None
        return self._hide_but_parts if "on the way" in reached else self._hide

    def redact_part(self, part: str, /) -> Action | None:
        """Return None if that *part* of an event may leave, else what masks it."""
        return None if part in _PARTS and getattr(self, part) else _masked

    def _hide(self, _: object) -> object:
        return self._hidden

    def _hide_but_parts(self, value: object) -> object:
        """Keep a mapping or list of which a part may leave: its members were asked already, and may be gone."""
        return value if isinstance(value, (dict, list)) and value else self._hidden


def _masked(_: object) -> object:
    return MASK
