"""TOML oracle: where keys and values stand according to tree-sitter, whose grammar knows nothing of ours; a text
in, lines and columns by path out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import NamedTuple

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

Keys = tuple[str | int, ...]
At = tuple[int, int]
"""Line and column, from one, in characters."""

_PARSER = Parser(Language(tree_sitter_toml.language()))


class Places(NamedTuple):
    """Where everything stands."""

    keys: dict[Keys, At]
    values: dict[Keys, At]


def places(text: str) -> Places:
    """Return where each key and value of *text* begins; of a table its header."""
    source = text.encode()
    tree = _PARSER.parse(source)
    assert not tree.root_node.has_error, text
    reader = _Reader(source)
    for node in tree.root_node.named_children:
        reader.statement(node)
    return Places(reader.keys, reader.values)


class _Reader:
    def __init__(self, source: bytes) -> None:
        self.keys: dict[Keys, At] = {}
        self.values: dict[Keys, At] = {}
        self._source = source
        self._arrays: dict[Keys, int] = {}

    def statement(self, node: Node) -> None:
        if node.type == "pair":
            self._pair(node, ())
        elif node.type in ("table", "table_array_element"):
            self._table(node)

    def _table(self, node: Node) -> None:
        parts = list(self._parts(node.named_children[0]))
        path: Keys = ()
        for number, (name, at) in enumerate(parts):
            path += (name,)
            if number == len(parts) - 1:
                self.keys[path] = at
                if node.type == "table_array_element":
                    self._arrays[path] = self._arrays.get(path, -1) + 1
                    self.values.setdefault(path, self._at(node))
            else:
                self.keys.setdefault(path, at)
            if path in self._arrays:
                path += (self._arrays[path],)
        self.values[path] = self._at(node)
        for child in node.named_children[1:]:
            if child.type == "pair":
                self._pair(child, path)

    def _pair(self, node: Node, path: Keys) -> None:
        children = [child for child in node.named_children if child.type != "comment"]
        for name, at in self._parts(children[0]):
            path += (name,)
            self.keys.setdefault(path, at)
        self._value(children[1], path)

    def _value(self, node: Node, path: Keys) -> None:
        self.values[path] = self._at(node)
        children = [child for child in node.named_children if child.type != "comment"]
        if node.type == "array":
            for index, child in enumerate(children):
                self._value(child, (*path, index))
        elif node.type == "inline_table":
            for child in children:
                self._pair(child, path)

    def _parts(self, node: Node) -> Iterator[tuple[str, At]]:
        if node.type == "dotted_key":
            for child in node.named_children:
                yield from self._parts(child)
        else:
            assert node.text is not None
            yield next(iter(tomllib.loads(f"{node.text.decode()} = 0"))), self._at(node)

    def _at(self, node: Node) -> At:
        start = self._source.rfind(b"\n", 0, node.start_byte) + 1
        return node.start_point[0] + 1, len(self._source[start : node.start_byte].decode()) + 1
