"""Show: settings as a person reads them; settings in, TOML with the origin of each value out; any thread; what is not
set is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from penstock_cli.config.toml import key_text, value_text
from penstock_cli.output import plain

if TYPE_CHECKING:
    from penstock.tooling import Setting

_WIDEST: Final = 50
"""Columns of key and value beyond which an origin stands wherever the value ends."""


def shown(settings: Sequence[Setting], origin: bool) -> str:
    """Return *settings* as TOML, with where each comes from behind it if *origin*."""
    return "\n".join(_lines([setting for setting in settings if setting.value is not None], origin))


def _lines(settings: Sequence[Setting], origin: bool) -> Iterator[str]:
    first = True
    for table, group in groupby(settings, key=lambda setting: setting.keys[:-1]):
        if table:
            yield from (() if first else ("",))
            yield plain(f"[{key_text(table)}]")
        first = False
        rows = [(_said(setting), setting) for setting in group]
        wide = max((len(text) for text, _ in rows if len(text) <= _WIDEST), default=0)
        for text, setting in rows:
            unknown = "" if setting.known else "; no such option is known"
            yield f"{text:<{wide}}  # {plain(setting.source)}{unknown}" if origin else text


def _said(setting: Setting) -> str:
    return plain(f"{key_text(setting.keys[-1:])} = {value_text(setting.value)}")


def as_json(setting: Setting) -> dict[str, object]:
    """Return a setting as JSON shows it."""
    place = setting.origin.value or setting.origin.key
    return {
        "path": key_text(setting.keys),
        "value": setting.value,
        "secret": setting.secret,
        "known": setting.known,
        "doc": setting.doc,
        "origin": {
            "kind": setting.origin.kind,
            "file": setting.origin.file,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "variable": setting.origin.variable,
            "by": setting.by or None,
        },
    }
