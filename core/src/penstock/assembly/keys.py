"""Keys: what a key of a configuration is about; a document and a path in, its doc, type, default, value and origin out;
any thread; nothing is made or opened, and a path that leads nowhere is a LookupError with the nearest one.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin

import attrs

from penstock.assembly.config import STAGES, Config, Document, PipelineTable
from penstock.assembly.options import REQUIRED, options_of, takes_secret
from penstock.assembly.origin import NOTHING, Layer, Origin
from penstock.assembly.plugins import Plugins
from penstock.river.deliver import DeliveryOptions
from penstock.secret import MASK, Secret, hide_known
from penstock.units import Duration, Level, Size

_TYPES: Final[Mapping[object, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Level: "a level",
    Size: 'a size, such as "10 MB"',
    Duration: 'a duration, such as "5 s"',
    Secret: 'a secret: { env = "NAME" } or { file = "…" }',
    Path: "a path, relative to the file",
    object: "anything",
    Any: "anything",
}
# The core's own keys of a component's table, which are attributes of no class.
_TYPE: Final = "Which plugin does it; `penstock plugins` lists them, or python:module:Class."
_OWN: Final[Mapping[tuple[str, str], tuple[object, object, str]]] = {
    **{(kind, "type"): (str, REQUIRED, _TYPE) for kind in STAGES},
    ("sink", "level"): (Level, "trace", "Lowest level that gets here, whatever its pipelines say."),
    ("emit", "always"): (bool, False, "Whether it sees every event, in front of all pipelines."),
}


class KeyDescription(NamedTuple):
    """What is known of one key.

    Attributes:
        path: The key.
        doc: What it is for; empty where its author wrote nothing.
        type: What it takes, in words.
        default: Its default as text; None if it must be given.
        value: What it is here as text, secrets hidden; None if nobody says it.
        origin: Who says it.
    """

    path: str
    doc: str
    type: str
    default: str | None
    value: str | None
    origin: Origin


class _Key(NamedTuple):
    type: object
    default: object
    doc: str


def describe_key(document: Document, plugins: Plugins, keys: Sequence[str]) -> KeyDescription:
    """Return what the key at *keys* is about.

    Args:
        document: Where its value comes from.
        plugins: Where the class of a component is looked up; of an undeclared one its name is taken for its type.
        keys: Such as ``("sink", "trades", "max_size")``.

    Raises:
        LookupError: If there is no such key; its text names the nearest one.
        PluginError: If the plugin that would know does not load.
    """
    found = _find(document.table, plugins, tuple(keys))
    said = Layer("default", document.table, document.folder).says(tuple(keys))
    secret = takes_secret(found.type)
    value = None if said is NOTHING else _shown(said, secret)
    default = None if found.default is REQUIRED else _shown(found.default, secret)
    return KeyDescription(".".join(keys), found.doc, type_in_words(found.type), default, value, document.origin(keys))


def _find(table: Mapping[str, Any], plugins: Plugins, keys: tuple[str, ...]) -> _Key:
    match keys:
        case (kind, name, option) if kind in STAGES and option != "delivery":
            if (kind, option) in _OWN:
                return _Key(*_OWN[kind, option])
            declared = table.get(kind, {}).get(name, {})
            cls = plugins.find(kind, str(declared.get("type", name)))
            more = [own for of, own in _OWN if of == kind]
            return _option(cls, option, keys, more)
        case ("sink", name, "delivery", option):
            declared = table.get("sink", {}).get(name, {})
            own = getattr(plugins.find("sink", str(declared.get("type", name))), "delivery", {})
            found = _option(DeliveryOptions, option, keys)
            return found._replace(default=own[option]) if option in own else found
        case ("pipeline", _, option):
            return _option(PipelineTable, option, keys)
        case ("levels" | "context", _, *_):
            return _Key(Level if keys[0] == "levels" else object, REQUIRED, _option(Config, keys[0], keys).doc)
        case (option,):
            return _option(Config, option, keys)
        case _:
            raise LookupError("a key is written as sink.NAME.OPTION, pipeline.NAME.OPTION or level")


def _option(cls: Any, name: str, keys: Sequence[str], more: Sequence[str] = ()) -> _Key:
    if not attrs.has(cls):
        raise LookupError(f"the class of {'.'.join(keys[:-1])} has no options")
    options = {option.name: option for option in options_of(cls)}
    if name not in options:
        known = [*more, *options]
        near = difflib.get_close_matches(name, known, 1, 0.6)
        hint = f"did you mean {'.'.join((*keys[:-1], near[0]))}?" if near else f"known: {', '.join(known)}"
        raise LookupError(f"there is no key {'.'.join(keys)}; {hint}")
    found = options[name]
    return _Key(found.type, found.default, found.doc)


def _shown(value: object, secret: bool) -> str:
    """Return *value* as TOML writes it, near enough for a person, and without any secret."""
    if value is None:
        return "none"
    if secret and not isinstance(value, Mapping):
        return MASK
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {_shown(one, secret and key == 'default')}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_shown(one, secret) for one in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return hide_known(f'"{text}"')
    return hide_known(str(value))


def type_in_words(kind: Any) -> str:
    """Return what a key of the type *kind* takes.

    Example:
        >>> type_in_words(list[str]), type_in_words(Literal["a", "b"]), type_in_words(int | None)
        ('an array: each a text', 'one of "a", "b"', 'a whole number')
    """
    if kind in _TYPES:
        return _TYPES[kind]
    inside = [choice for choice in get_args(kind) if choice is not NoneType]
    origin = get_origin(kind)
    if origin is Literal:
        return f"{'one of ' if len(inside) > 1 else ''}{', '.join(_shown(choice, False) for choice in inside)}"
    if origin is list:
        return f"an array: each {type_in_words(inside[0])}"
    if origin is dict:
        return f"a table: each {type_in_words(inside[-1])}"
    if origin is Union or type(kind).__name__ == "UnionType":
        return " or ".join(type_in_words(choice) for choice in inside)
    return "a table" if attrs.has(kind) else getattr(kind, "__name__", str(kind))
