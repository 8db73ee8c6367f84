"""Complete: what a shell may offer for names in a configuration; the words so far in, candidates out; a process of its
own; what goes wrong offers nothing, and says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from penstock.tooling import Document

Names: TypeAlias = Callable[[click.Context], Iterable[tuple[str, str]]]
Complete: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _offering(names: Names) -> Complete:
    """Return what click calls, of a function that yields each name with its help."""

    @wraps(names)
    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            return [CompletionItem(name, help=about) for name, about in names(ctx) if name.startswith(incomplete)]
        except Exception:  # promise: pressing TAB never prints a traceback between the words of a person
            return []

    return complete


def _document(ctx: click.Context) -> Document:
    from penstock import tooling  # late: --help needs none of it

    return tooling.document(ctx.params.get("config"), ctx.params.get("profile"))


@_offering
def sinks(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Yield the sinks of the configuration, with their types."""
    return [(name, str(table.get("type", ""))) for name, table in _document(ctx).table.get("sink", {}).items()]


@_offering
def types(_: click.Context) -> Iterable[tuple[str, str]]:
    """Yield the installed types, without importing any."""
    from penstock import tooling

    return [(listing.type, listing.summary or "") for listing in tooling.list_installed()]


@_offering
def keys(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Yield the keys of all effective values."""
    from penstock import tooling
    from penstock_cli.config.toml import key_text

    return [(key_text(one.keys), one.doc) for one in tooling.settings(_document(ctx))]


@_offering
def profiles(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Yield the profiles that the file declares."""
    import tomllib
    from pathlib import Path

    from penstock import tooling

    # An option that still lacks its value keeps click from giving FILE its name.
    named = ctx.params.get("config") or ctx.params.get("file") or next(iter(ctx.args), None)
    file = tooling.document(named).file
    table: Any = tomllib.loads(Path(file).read_text(encoding="utf-8-sig")) if file else {}
    if file and Path(file).name == "pyproject.toml":
        table = table["tool"]["penstock"]
    return [(name, "") for name in table.get("profile", {})]
