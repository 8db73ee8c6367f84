"""Schema: what a configuration may say, as a JSON Schema for editors; plugins in, a schema out; the asking thread; a
plugin that does not load is in it with any options.

Draft 7, because that is what taplo, tombi and Even Better TOML read. A component's table depends on its `type`: that is
said as one `if` and `then` a type, since `oneOf` would call every mistake "matches no schema".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import attrs

from penstock.assembly.config import Config, PipelineTable
from penstock.assembly.options import REQUIRED, Option, options_of
from penstock.assembly.plugins import BUILT_IN, KINDS, Plugins, list_installed
from penstock.errors import PluginError, UnknownTypeError
from penstock.levels import NAMES
from penstock.river.deliver import DeliveryOptions
from penstock.secret import Secret
from penstock.units import Duration, Level, Size

Schema = dict[str, Any]

DRAFT: Final = "http://json-schema.org/draft-07/schema#"

_REFERENCE: Final[Schema] = {
    "title": "reference",
    "description": "Stands for a text that is elsewhere: a variable of the environment, or a file.",
    "type": "object",
    "properties": {
        "env": {"type": "string", "description": "Name of the variable."},
        "file": {"type": "string", "description": "Path of the file, relative to this one."},
        "default": {"type": "string", "description": "The text where there is none."},
    },
    "minProperties": 1,
    "additionalProperties": False,
}
_SIZE: Final = r"^\s*[0-9]+(\.[0-9]+)?\s*([Bb]|[KkMmGgTt][Bb]|[KkMmGgTt][Ii][Bb])\s*$"
_DURATION: Final = r"^\s*[0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|min|h|d|w)\s*$"
_WORDS: Final[Mapping[type, str]] = {int: "integer", float: "number", bool: "boolean"}
_LEVELS: Final[Schema] = {"type": "string", "enum": list(NAMES)}
_BY_KIND: Final[Mapping[str, str]] = {
    "emit": "Stages that enrich, thin out or stop events, and sources of events.",
    "redact": "What hides secret values; it applies to every pipeline that names none.",
    "format": "How an event becomes bytes.",
    "sink": "Where finished bytes go.",
}
_ALWAYS: Final[Schema] = {"type": "boolean", "default": False, "description": "Whether it sees all events."}
_SINK_LEVEL: Final[Schema] = {**_LEVELS, "description": "Lowest level that gets here, whatever its pipelines say."}
_CORE: Final[Mapping[str, Schema]] = {
    "emit": {"always": _ALWAYS},
    "sink": {"level": _SINK_LEVEL, "delivery": {"$ref": "#/definitions/delivery"}},
}


def schema(plugins: Plugins) -> Schema:
    """Return the JSON Schema of configurations, with every option of every installed plugin.

    Called:
        When: by a command.
        Thread: any.
        May block: for the import of all installed plugins.
        If it raises: it does not.
    """
    known = {kind: dict(_types(kind, plugins)) for kind in KINDS}
    body = _table(Config)
    own = body["properties"]
    for kind in KINDS:
        ref = {"$ref": f"#/definitions/{kind}"}
        own[kind] = {"type": "object", "description": _BY_KIND[kind], "additionalProperties": ref}
    own["pipeline"] = {
        "type": "object",
        "description": "Which events go which way to which sink.",
        "additionalProperties": {"$ref": "#/definitions/pipeline"},
    }
    own["extends"] = {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        "description": "Files that this one lies over, relative to it.",
    }
    own["profile"] = {
        "type": "object",
        "description": "Tables that lie over the rest where they are chosen; `penstock check` judges the result.",
        "additionalProperties": {"type": "object"},
    }
    own["test"] = {"type": "array", "description": "Cases for `penstock test`.", "items": {"type": "object"}}
    definitions = {
        "reference": _REFERENCE,
        "delivery": _table(DeliveryOptions),
        "pipeline": _table(PipelineTable),
        **{kind: _component(kind, known[kind]) for kind in KINDS},
    }
    return {"$schema": DRAFT, "title": "A configuration of Penstock", **body, "definitions": definitions}


def _types(kind: str, plugins: Plugins) -> Iterator[tuple[str, type[Any] | None]]:
    """Yield each type of *kind* with its class; None for what says it is one, but does not load."""
    yield from ((name, found) for (built_kind, name), found in BUILT_IN.items() if built_kind == kind)
    for listing in list_installed():
        try:
            yield listing.type, plugins.find(kind, listing.type)
        except UnknownTypeError:
            continue
        except PluginError:
            if kind in listing.kinds or not listing.kinds:
                yield listing.type, None


# -- tables -----------------------------------------------------------------------------------------------------------


def _table(cls: type[Any], core: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of the table that *cls* is made of, with *core* options beside its own."""
    options = list(options_of(cls))
    found: Schema = {
        "type": "object",
        "properties": {**(core or {}), **{option.name: _option(option) for option in options}},
        "additionalProperties": False,
    }
    required = [option.name for option in options if option.default is REQUIRED]
    return {**found, "required": required} if required else found


def _component(kind: str, known: Mapping[str, type[Any] | None]) -> Schema:
    """Return the schema of a table `[kind.NAME]`: what else may stand in it, its `type` says."""
    by_name = {"required": ["type"], "properties": {"type": {"pattern": "^python:"}}}
    installed = {"type": {"enum": sorted(known)}}
    rules = [
        {"if": by_name, "then": _open(), "else": {**_open(), "properties": installed}},
        *(_rule(kind, name, cls) for name, cls in sorted(known.items())),
    ]
    told = f"What it is: an installed type, or `python:module:Class`. Installed: {', '.join(sorted(known)) or 'none'}."
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"type": "string", "description": told}},
        "additionalProperties": True,
        "allOf": rules,
    }


def _rule(kind: str, name: str, cls: type[Any] | None) -> Schema:
    core = {"type": {"const": name}, **_CORE.get(kind, {})}
    condition = {"required": ["type"], "properties": {"type": {"const": name}}}
    return {"if": condition, "then": _open() if cls is None else _table(cls, core)}


def _open() -> Schema:
    return {"type": "object", "additionalProperties": True}  # said, because tombi warns where it is not


# -- options ----------------------------------------------------------------------------------------------------------


def _option(option: Option) -> Schema:
    found = _bounded(_of_type(option.type), option.validator)
    if option.doc:
        found = {**found, "description": option.doc}
    if option.default is not REQUIRED and option.default is not None:
        found = {**found, "default": option.default}
    return found


def _bounded(found: Schema, validator: Any) -> Schema:
    """Return *found* with the bound that one of attrs' own validators sets."""
    compare = getattr(getattr(validator, "compare_func", None), "__name__", "")
    words = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
    if compare in words and found.get("type") in ("integer", "number"):
        return {**found, words[compare]: validator.bound}
    return found


def _of_type(kind: Any) -> Schema:
    """Return the schema of what an option of the type *kind* takes."""
    if kind in _WORDS:
        return {"type": _WORDS[kind]}
    if kind in (str, Secret, Path):
        return {"anyOf": [{"type": "string"}, {"$ref": "#/definitions/reference"}]}
    if kind is Size:
        return {"type": "string", "pattern": _SIZE}
    if kind is Duration:
        return {"type": "string", "pattern": _DURATION}
    if kind is Level:
        return dict(_LEVELS)
    if isinstance(kind, type) and attrs.has(kind):
        return _table(kind)
    return _of_generic(kind)


def _of_generic(kind: Any) -> Schema:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (Union, UnionType):
        choices = [_of_type(one) for one in inner if one is not NoneType]
        return choices[0] if len(choices) == 1 else {"anyOf": [part for one in choices for part in _alternatives(one)]}
    if origin is list:
        return {"type": "array", "items": _of_type(inner[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(inner[1])}
    return {"type": "object", "additionalProperties": True} if kind is dict else {}


def _alternatives(one: Schema) -> list[Schema]:
    """Return the choices in *one*, so that one `anyOf` never stands in another."""
    found: list[Schema] = one.get("anyOf", [one])
    return found
