"""Settings: what a document says and what it leaves to defaults; a document in, every effective value out; the asking
thread; opens nothing, follows no reference, and no secret is in any value.

What is secret, the class of a component says. Where it says nothing, a name does (`password`, `token`); and where no
class can be asked, or it has no such option, the value may be anything, and stays hidden.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, Final, NamedTuple, final

from penstock.assembly.components import CORE_KEYS
from penstock.assembly.config import STAGES, Config, Document, PipelineTable
from penstock.assembly.options import REQUIRED, Option, as_toml, options_of, takes_secret
from penstock.assembly.origin import Origin
from penstock.assembly.plugins import Plugins, list_installed
from penstock.assembly.structure import EnvironmentText
from penstock.errors import PluginError
from penstock.river.deliver import DeliveryOptions
from penstock.secret import MASK, hide_known

_WORDS: Final = frozenset(
    {"apikey", "authorization", "cookie", "credential", "credentials", "passphrase", "passwd", "password", "pwd"}
    | {"secret", "token"}
)
"""A name with one of these words is a secret's, unless a class knows better."""
_PAIRS: Final = frozenset({("api", "key"), ("access", "key"), ("private", "key"), ("auth", "key")})
_USER: Final = re.compile(r"(?<=://)[^/?#\s@]+(?=@)")
"""Who an address says one is; RFC 3986, section 3.2.1."""

_INLINE: Final = frozenset({"mode", "timeout", "fallback", "dead_letters"})
"""What has an effect on an inline sink."""


class Setting(NamedTuple):
    """One effective value.

    Attributes:
        keys: Its place in a document.
        value: As TOML has it, with ``[redacted]`` for what is secret; None for what is not set.
        origin: Where it was said; of kind ``default`` where nobody did.
        by: For a default, the distribution whose it is, such as ``penstock 0.1.0``.
        secret: Whether something of *value* is hidden.
        known: Whether there is such an option; False also where nobody could be asked.
        doc: What it does.
    """

    keys: tuple[str, ...]
    value: Any
    origin: Origin
    by: str
    secret: bool
    known: bool
    doc: str

    @property
    def default(self) -> bool:
        """Whether nobody said it."""
        return self.origin.kind == "default"

    @property
    def source(self) -> str:
        """Where it comes from, in words."""
        return f"default ({self.by})" if self.default and self.by else str(self.origin)


def settings_of(document: Document, plugins: Plugins) -> list[Setting]:
    """Return every effective value of *document*, in the order of its tables.

    Called:
        When: by a command.
        Thread: any.
        May block: for the import of the plugins that *document* names.
        If it raises: it does not; what is wrong in *document* is shown as it stands there.
    """
    return list(_Reader(document, plugins).settings())


@final
class _Reader:
    def __init__(self, document: Document, plugins: Plugins) -> None:
        self._document = document
        self._plugins = plugins

    def settings(self) -> Iterator[Setting]:
        table, core = self._document.table, _distribution("penstock")
        for option in options_of(Config):
            if option.name in ("levels", "context"):
                yield from self._free(table.get(option.name), (option.name,))
            elif option.name not in (*STAGES, "pipeline", "test"):
                yield from self._option(option, table, (option.name,), core)
        for kind in STAGES:
            for name, inner in _tables(table.get(kind)):
                yield from self._component(kind, name, inner)
        for name, inner in _tables(table.get("pipeline")):
            yield from self._table(PipelineTable, inner, ("pipeline", name), core)
        known = {option.name for option in options_of(Config)}
        for name in table:
            if name not in known:
                yield self._unknown(table[name], (name,))

    def _component(self, kind: str, name: str, table: Mapping[str, Any]) -> Iterator[Setting]:
        keys = (kind, name)
        for key in ("type", "always", "level"):
            if key in table and key in CORE_KEYS[kind]:
                yield self._said(table[key], (*keys, key), "")
        cls, by = self._class(kind, table)
        own = {key: value for key, value in table.items() if key not in CORE_KEYS[kind]}
        if cls is None:
            yield from (self._unknown(value, (*keys, key)) for key, value in own.items())
        else:
            yield from self._table(cls, own, keys, by)
        if kind == "sink":
            yield from self._delivery(table.get("delivery", {}), cls, (*keys, "delivery"), by)

    def _class(self, kind: str, table: Mapping[str, Any]) -> tuple[type[Any] | None, str]:
        type_name = table.get("type")
        if not isinstance(type_name, str):
            return None, ""
        try:
            return self._plugins.find(kind, type_name), _brings(type_name)
        except PluginError:
            return None, ""

    def _delivery(self, given: object, cls: Any, keys: tuple[str, ...], by: str) -> Iterator[Setting]:
        """Yield the core's options of a sink, whose class may bring other defaults."""
        if getattr(cls, "accepts", "record") == "event":
            return  # always inline: none has an effect
        own = getattr(cls, "delivery", {})
        own = own if isinstance(own, Mapping) else {}
        table = given if isinstance(given, Mapping) else {}
        core = _distribution("penstock")
        mode = table.get("mode", own.get("mode"))
        for option in options_of(DeliveryOptions):
            if mode == "inline" and option.name not in _INLINE and option.name not in table:
                continue
            brought = option.name in own
            option = option._replace(default=as_toml(own[option.name])) if brought else option
            yield from self._option(option, table, (*keys, option.name), by if brought else core)
        yield from self._unasked(DeliveryOptions, table, keys)

    def _table(self, cls: type[Any], table: Mapping[str, Any], keys: tuple[str, ...], by: str) -> Iterator[Setting]:
        for option in options_of(cls):
            yield from self._option(option, table, (*keys, option.name), by)
        yield from self._unasked(cls, table, keys)

    def _unasked(self, cls: type[Any], table: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Setting]:
        """Yield what *table* says that *cls* has no option for."""
        known = {option.name for option in options_of(cls)}
        yield from (self._unknown(value, (*keys, key)) for key, value in table.items() if key not in known)

    def _option(self, option: Option, table: Mapping[str, Any], keys: tuple[str, ...], by: str) -> Iterator[Setting]:
        if option.name in table:
            value = _as_text(table[option.name], option.type)
            shown = _hidden(value) if takes_secret(option.type) else _shown(value, keys[-1])
            yield self._setting(keys, shown, option.doc)
        elif option.default is not REQUIRED:
            origin = Origin("default", keys=keys)
            yield Setting(keys, option.default, origin, by, secret=False, known=True, doc=option.doc)

    def _free(self, table: object, keys: tuple[str, ...]) -> Iterator[Setting]:
        """Yield what stands in a table whose keys are anybody's."""
        if isinstance(table, Mapping):
            for key, value in table.items():
                yield self._said(value, (*keys, key), "")

    def _said(self, value: object, keys: tuple[str, ...], doc: str) -> Setting:
        return self._setting(keys, _shown(_as_text(value, Any), keys[-1]), doc)

    def _setting(self, keys: tuple[str, ...], value: Any, doc: str) -> Setting:
        return Setting(keys, value, self._document.origin(keys), "", MASK in _texts(value), known=True, doc=doc)

    def _unknown(self, value: object, keys: tuple[str, ...]) -> Setting:
        hidden = _hidden(_as_text(value, Any))
        return Setting(keys, hidden, self._document.origin(keys), "", secret=True, known=False, doc="")


def _tables(value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        yield from ((name, inner) for name, inner in value.items() if isinstance(inner, Mapping))


def _as_text(value: object, kind: Any) -> Any:
    """Return *value* as TOML has it; a variable of the environment is a text for what takes one."""
    if isinstance(value, EnvironmentText):
        return value.text if kind is str or takes_secret(kind) else value.value
    return as_toml(value)


# -- hiding -----------------------------------------------------------------------------------------------------------


def _hidden(value: Any) -> Any:
    """Return *value* without any text in it, but with its references, which say where a secret is, not what."""
    if isinstance(value, Mapping):
        if _is_reference(value):
            return {key: MASK if key == "default" else inner for key, inner in value.items()}
        return {key: _hidden(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner) for inner in value]
    return value if isinstance(value, bool) or value is None else MASK


def _shown(value: Any, name: str) -> Any:
    """Return *value* of what is called *name*, with what seems to be a secret hidden."""
    if _sounds_secret(name) and not isinstance(value, (list, bool, int, float)):
        return _hidden(value)
    if isinstance(value, Mapping):
        return {key: _shown(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shown(inner, "") for inner in value]
    return _USER.sub(MASK, hide_known(value)) if isinstance(value, str) else value


def _is_reference(value: Mapping[str, Any]) -> bool:
    return set(value) - {"default"} in ({"env"}, {"file"})


def _sounds_secret(name: str) -> bool:
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower().replace("-", " ").replace("_", " ").split()
    return not _WORDS.isdisjoint(words) or any(pair in _PAIRS for pair in pairwise(words))


def _texts(value: Any) -> str:
    """Return all texts in *value*, to look for the mask in."""
    if isinstance(value, Mapping):
        return "\n".join(_texts(inner) for inner in value.values())
    if isinstance(value, list):
        return "\n".join(_texts(inner) for inner in value)
    return value if isinstance(value, str) else ""


# -- whose a default is -----------------------------------------------------------------------------------------------


@cache
def _distribution(name: str) -> str:
    return f"{name} {importlib.metadata.version(name)}"


def _brings(type_name: str) -> str:
    """Return the distribution that brings a type, with its version; for a class by name, its module."""
    if type_name.startswith("python:"):
        return type_name.removeprefix("python:")
    for listing in list_installed():
        if listing.type == type_name:
            return f"{listing.distribution} {listing.version}".strip()
    return _distribution("penstock")
