"""Format: one line of strict JSON; Event in, bytes out; the caller's thread; if it fails: the core's minimal line.

    flat  basic  ecs     the styles: which members a line has, in which order
    keys  known          what a field is called there
    parts                time, level, call site, error: what all styles are made of
    heads                what the lines of a call site have in common, encoded once
    strict               the members as bytes that every reader of JSON accepts

What the options decide is decided once: they choose the function that makes the members of a line.
"""

from __future__ import annotations

import socket
from typing import Literal, final

from attrs import define, field

from penstock_json import basic, ecs, flat
from penstock_json.heads import Heads, MakeLine
from penstock_json.keys import Keys
from penstock_json.parts import UNITS, Members, Precision, Severity, build_opening, build_stamp, without
from penstock_json.strict import encode


@final
@define(kw_only=True)
class JsonFormat:
    """Writes an event as one line of strict JSON."""

    style: Literal["flat", "basic", "ecs"] = field(
        default="flat",
        metadata={
            "doc": "Shape of the line: `flat`, LoggerJSON's `basic`, or `ecs` for the Elastic Common Schema 8.11."
        },
    )
    include: list[str] | None = field(
        default=None, metadata={"doc": "The fields to write, by exact name; without it, all of them."}
    )
    exclude: list[str] = field(
        factory=list, metadata={"doc": "Fields and keys of the style not to write, by exact name."}
    )
    rename: dict[str, str] = field(
        factory=dict, metadata={"doc": 'New names for fields and keys of the style: `{ old = "new" }`.'}
    )
    severity: Severity = field(
        default="name",
        metadata={"doc": "The level as its `name`, as its number in `rfc5424` (0 is worst), or `both`."},
    )
    timestamp: Precision = field(default="ms", metadata={"doc": "Precision of the time: `ms`, `us` or `ns`."})
    node: str | Literal[False] = field(
        default="", metadata={"doc": "Name of this host; empty: what the system says; false: not written."}
    )
    format: MakeLine = field(init=False, repr=False, eq=False)
    """Returns an event as one line; made of the options, once, so that an event costs one call."""

    def __attrs_post_init__(self) -> None:
        self.format = self._build()

    def _build(self) -> MakeLine:
        stamp = build_stamp(self.timestamp)
        if self.style == "basic":
            rename = {old: new for old, new in self.rename.items() if old not in basic.OWN}
            inside = Keys(basic.INSIDE, self.include, self.exclude, rename)
            keys = self._keys(basic.OWN)
            members = without(basic.build_basic(keys, inside, stamp, self.severity), keys.left_out)
            return lambda event: encode(members(event))
        node = (self.node or socket.gethostname()) if self.node is not False else ""
        if self.style == "ecs":
            self._check_ecs()
            keys = self._keys(ecs.OWN, "host.name", "log.syslog.severity.code")
            members = ecs.build_ecs(keys, stamp, self.severity, node, self._label(node))
        else:
            keys = self._keys(flat.OWN, "node", "severity_code")
            members = flat.build_flat(keys, stamp, self.severity, node, self._label(node))
        return self._of_heads(without(members, keys.left_out), keys, self._label(node))

    def _of_heads(self, members: Members, keys: Keys, label: str) -> MakeLine:
        """Return the function that makes lines of *members*, by way of heads unless the time is not written."""
        time = "@timestamp" if self.style == "ecs" else "time"
        if not keys.writes(time):
            return lambda event: encode(members(event))
        opening, unit = build_opening(keys[time], self.timestamp), UNITS[self.timestamp]
        return Heads(members, opening, unit, keys, f"{label} {self.severity}").line

    def _keys(self, own: tuple[str, ...], node: str = "", code: str = "severity_code") -> Keys:
        """Return the names of a line with the style's keys *own*, less those that these options never write."""
        unused = {node if self.node is False else "", code if self.severity != "both" else ""}
        return Keys([key for key in own if key not in unused], self.include, self.exclude, self.rename)

    def _check_ecs(self) -> None:
        """Raise ValueError for what would make a line that is no ECS."""
        for option, names in (("exclude", self.exclude), ("rename", self.rename)):
            for name in names:
                if name in ecs.REQUIRED:
                    raise ValueError(f"{option}: the style 'ecs' cannot do without {name!r}")
        if self.severity == "rfc5424":
            raise ValueError("severity: in the style 'ecs', log.level is a name; write \"both\" to have the number too")

    def _label(self, node: str) -> str:
        """Return a text that is the same for options that make the same of a call site."""
        return f"{self.style} {node!r} {sorted(self.exclude)} {sorted(self.rename.items())}"
