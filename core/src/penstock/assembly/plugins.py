"""Plugins: finds the class behind a TOML `type`; a kind and a type in, a class out; the thread that calls `configure`;
a plugin that fails is a PluginError that names it, and stops no other.

Only what a configuration names is imported. pluggy's own entry-point loader stops at the first broken plugin, and
accepts a misspelt hook name silently; hence the loop here, with a try for each step.
"""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any, Final, NamedTuple, final

import pluggy

from penstock.assembly import hookspecs
from penstock.assembly.installed import Entry, entry_points
from penstock.errors import PluginConflictError, PluginError, PluginLoadError, UnknownTypeError
from penstock.faults import report
from penstock.river.format import PlainFormat
from penstock.river.sink import LastResortSink

GROUP: Final = "penstock"
API: Final = 1
"""Version of the plugin interface; a registration module may say ``penstock_api = 1``."""
KINDS: Final = ("emit", "redact", "format", "sink")

# The core's own two: they need no plugin, and are what is left when plugins fail.
BUILT_IN: Final[Mapping[tuple[str, str], type]] = {
    ("format", "plain"): PlainFormat,
    ("sink", "last-resort"): LastResortSink,
}

# Types of first-party distributions. Only these are ever suggested for installation: a name made of a typo could be
# anybody's package.
CATALOGUE: Final[Mapping[str, str]] = {
    "json": "penstock-json",
    "stderr": "penstock-stderr",
    "stdout": "penstock-stderr",
    "console": "penstock-stderr",
    "file-rotate": "penstock-file-rotate",
    "keys": "penstock-redact",
    "patterns": "penstock-redact",
    "paths": "penstock-redact",
    "telegram": "penstock-telegram",
    "discord": "penstock-discord",
    "email": "penstock-email",
    "group": "penstock-digest",
    "quiet": "penstock-digest",
    "sample": "penstock-digest",
    "throttle": "penstock-digest",
    "syslog": "penstock-syslog",
    "rfc5424": "penstock-syslog",
    "journald": "penstock-syslog",
}


class Listing(NamedTuple):
    """An installed plugin as its metadata describe it; nothing of it is imported."""

    type: str
    kinds: tuple[str, ...]
    """From the keywords ``penstock-sink`` and so on; empty if its author wrote none."""
    distribution: str
    version: str
    summary: str


@cache
def _entries() -> Mapping[str, tuple[Entry, ...]]:
    """Return the installed entry points by name; looked up once per process."""
    return entry_points(GROUP)


def list_installed() -> Iterator[Listing]:
    """Yield every installed plugin type, without importing any."""
    for name, entries in sorted(_entries().items()):
        for entry in entries:
            meta: Any = entry.dist.metadata if entry.dist is not None else {}
            words = str(meta.get("Keywords") or "").replace(",", " ").split()
            kinds = tuple(kind for kind in KINDS if f"penstock-{kind}" in words)
            version = str(entry.dist.version or "") if entry.dist is not None else ""
            yield Listing(name, kinds, str(meta.get("Name") or ""), version, str(meta.get("Summary") or ""))


def _label(entry: Entry) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else ""


@final
class Plugins:
    """The plugins one configuration uses; each is loaded when it is first asked for."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("penstock")
        self._manager.add_hookspecs(hookspecs)
        self._offers: dict[str, Mapping[tuple[str, str], type]] = {}

    def find(self, kind: str, name: str) -> type[Any]:
        """Return the component class of *kind* that *name* stands for.

        Args:
            kind: One of `KINDS`.
            name: An entry-point name, or ``python:module:Class``.

        Raises:
            UnknownTypeError: If nothing installed has it.
            PluginConflictError: If two distributions have it.
            PluginLoadError: If the plugin does not load, or a hook of it raises.
        """
        if name.startswith("python:"):
            return _named_class(name)
        built_in = BUILT_IN.get((kind, name))
        if built_in is not None:
            return built_in
        found = self._offer(name).get((kind, name))
        if found is None:
            raise UnknownTypeError(kind, name, self._known(kind, name))
        return found

    def _known(self, kind: str, name: str) -> list[str]:
        """Return types that could have been meant: those of that kind, and those whose kind nobody stated."""
        listed = [one.type for one in list_installed() if (kind in one.kinds or not one.kinds) and one.type != name]
        return [*listed, *(built_in for built_kind, built_in in BUILT_IN if built_kind == kind)]

    def _offer(self, name: str) -> Mapping[tuple[str, str], type]:
        """Return everything the entry point *name* offers, by kind and type; loaded once."""
        if name not in self._offers:
            entries = _entries().get(name, ())
            if name in os.environ.get("PENSTOCK_DISABLE", "").replace(",", " ").split():
                raise PluginLoadError("disabled by PENSTOCK_DISABLE", plugin=name)
            if len(entries) > 1:
                labels = " and ".join(_label(entry) for entry in entries)
                text = f'offered by {labels}; uninstall one, or name the class: type = "python:module:Class"'
                raise PluginConflictError(text, plugin=name)
            self._offers[name] = self._load(entries[0]) if entries else {}
        return self._offers[name]

    def _load(self, entry: Entry) -> Mapping[tuple[str, str], type]:
        try:
            module = entry.load()
            self._register(module, entry)
            return {(kind, name): found for kind in KINDS for name, found in self._ask(module, kind).items()}
        except KeyboardInterrupt:
            raise
        except PluginError:
            raise
        except BaseException as error:  # promise: one broken plugin never stops another; SystemExit at import included
            text = f"{error.__class__.__qualname__}: {error}"
            raise PluginLoadError(text, plugin=entry.name, distribution=_label(entry)) from error

    def _register(self, module: ModuleType, entry: Entry) -> None:
        wanted = getattr(module, "penstock_api", API)
        if wanted != API:
            text = f"made for plugin interface {wanted}, this is {API}; install matching versions of both"
            raise PluginLoadError(text, plugin=entry.name, distribution=_label(entry))
        if self._manager.is_registered(module):
            return
        self._manager.register(module)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            self._manager.unregister(module)
            known = [name for name in vars(hookspecs) if name.startswith("penstock_")]
            wrong = [
                name for name in dir(module) if name.startswith("penstock_") and name not in (*known, "penstock_api")
            ]
            near = difflib.get_close_matches(wrong[0], known, 1) if wrong else []
            hint = f"; did you mean {near[0]!r}?" if near else ""
            text = f"hook {wrong[0]!r} does not exist{hint}" if wrong else str(error)
            raise PluginLoadError(text, plugin=entry.name, distribution=_label(entry)) from None

    def _ask(self, module: ModuleType, kind: str) -> Mapping[str, type]:
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not module]
        caller = self._manager.subset_hook_caller(f"penstock_{kind}", others)
        return {name: found for offer in caller() for name, found in offer.items()}

    def tell(self, hook: str, **arguments: object) -> None:
        """Call *hook* of every loaded plugin; one that raises is a fault, except about a fault."""
        caller: Callable[..., object]
        for plugin in self._manager.get_plugins():
            others = [other for other in self._manager.get_plugins() if other is not plugin]
            caller = self._manager.subset_hook_caller(hook, others)
            try:
                caller(**arguments)
            except Exception as error:  # promise: one broken plugin never stops another
                if hook != "penstock_faulted":
                    name = getattr(plugin, "__name__", "")
                    report("plugin.failed", "A hook of a plugin raised.", subject=name, error=error, hook=hook)


def _named_class(name: str) -> type[Any]:
    """Return the class that ``python:module:Class`` names."""
    module_name, _, class_name = name.removeprefix("python:").partition(":")
    if not module_name or not class_name.isidentifier():
        raise PluginLoadError('write it as type = "python:package.module:Class"', plugin=name)
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # promise: one broken plugin never stops another
        raise PluginLoadError(f"{error.__class__.__qualname__}: {error}", plugin=name) from error
    if not isinstance(found, type):
        raise PluginLoadError(f"{class_name} is no class", plugin=name)
    return found
