"""Shapes: which fields Elasticsearch takes as they are, and what becomes of others; a name and a value in, names and
values out; the caller's thread; it does not fail.

ECS says of many names what stands there: an object, a text, a number. What does not fit gets another name, for one
field of the wrong shape would cost the whole document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from penstock_json.known import FIELDS, NAMES, known_as
from penstock_json.strict import encode

# Names of objects in ECS 8.11: https://www.elastic.co/guide/en/ecs/8.11/ecs-field-reference.html
_FIELD_SETS: Final = frozenset({
    "agent", "client", "cloud", "container", "data_stream", "destination", "device", "dll", "dns", "ecs", "email",
    "error", "event", "faas", "file", "group", "host", "http", "labels", "log", "network", "observer", "orchestrator",
    "organization", "package", "process", "registry", "related", "rule", "server", "service", "source", "span",
    "threat", "tls", "trace", "transaction", "url", "user", "user_agent", "vulnerability",
})  # fmt: skip
# A document may not name these: https://www.elastic.co/guide/en/elasticsearch/reference/8.11/mapping-fields.html
_METADATA: Final = frozenset({
    "_doc_count", "_field_names", "_id", "_ignored", "_index", "_meta", "_routing", "_size", "_source", "_tier",
})  # fmt: skip
_BARE: Final = {"error": "error.message", "service": "service.name"}
"""Texts that programs log under the name of a field set, and where they belong."""
_DEPTH: Final = 32
"""Objects inside objects that are written as dotted keys; as deep as the core's snapshot goes."""
_LABEL: Final = re.compile(r"[.*\\]")
"""What may not be in a key of `labels`: https://github.com/elastic/ecs-logging, spec/spec.json, `sanitization`."""


def parents_of(name: str) -> list[str]:
    """Return the names of the objects that a dotted name is in, from the inside out.

    Example:
        >>> parents_of("http.request.method")
        ['http.request', 'http']
    """
    parents = []
    while "." in name:
        name = name.rpartition(".")[0]
        parents.append(name)
    return parents


_OBJECTS: Final = frozenset({
    "log.origin", "log.origin.file", "process.thread",
    *_FIELD_SETS, *(parent for name in FIELDS for parent in parents_of(name)),
})  # fmt: skip


def is_ordinary(key: str) -> bool:
    """Return whether ECS says nothing of a field called *key*, so that any value fits."""
    special = key.partition(".")[0] in _FIELD_SETS or key in _METADATA or key in NAMES or key == "tags"
    return not special and all(key.split("."))


def shaped(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield *name*, or the names of the members of *value*, so that each has the shape that ECS says it has.

    Example:
        >>> list(shaped("http", {"request": {"method": "GET"}, "version": 2}))
        [('http.request.method', 'GET'), ('http.version_', 2)]
    """
    known = known_as(name, value)
    if known is not None:
        yield known, value
    elif not all(name.split(".")):  # Elasticsearch takes no empty name between two dots
        yield name.replace(".", "_") or "_", value
    elif name == "labels" and isinstance(value, dict):
        yield name, _labels(value)
    elif name.partition(".")[0] not in _FIELD_SETS:
        yield name + "_" * (name in _METADATA or (name == "tags" and not _are_tags(value))), value
    elif isinstance(value, dict) and value and name.count(".") < _DEPTH:
        for key, inner in value.items():
            yield from shaped(f"{name}.{key}", inner)
    elif name in _OBJECTS:
        bare = _BARE.get(name) if type(value) is str else None
        yield bare or f"{name}_", value
    else:
        yield name + "_" * (name in FIELDS), value


def _are_tags(value: object) -> bool:
    return type(value) is str or (isinstance(value, list) and all(type(tag) is str for tag in value))


def _labels(given: Mapping[str, object]) -> dict[str, object]:
    """Return *given* with names without dots and with values that are no objects."""
    labels: dict[str, object] = {}
    for key, value in given.items():
        name = _LABEL.sub("_", key)
        while name in labels or (name != key and name in given):
            name += "_"
        labels[name] = _as_text(value) if isinstance(value, (dict, list)) else value
    return labels


def _as_text(value: object) -> str:
    """Return *value* as JSON."""
    return encode({"": value})[len('{"":') : -1].decode()
