"""Structure: turns TOML tables into attrs objects; a table and a class in, an object and every problem out; the thread
that calls `configure`; a mistake is a Problem with its path, never a traceback.

cattrs does the walking. What it does not do is here: TOML is typed, so nothing is coerced (``"no"`` is no bool, ``1.9``
no int); all mistakes are found at once; each has a path, what was got, and the nearest valid name.
"""

from __future__ import annotations

import difflib
import itertools
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, NamedTuple, TypeVar, Union, final, get_args, get_origin

import attrs
import cattrs
from cattrs.cols import list_structure_factory, mapping_structure_factory
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from penstock.errors import Problem
from penstock.levels import NAMES
from penstock.secret import Secret, secret
from penstock.units import Duration, Level, Size

T = TypeVar("T")

UNRESOLVED: Final = "…"
"""Stands for a referenced secret where references are not followed."""


_UNRESOLVED_SECRET: Final = Secret(UNRESOLVED)


class Wrong(ValueError):  # noqa: N818, it names the value, not the act
    """A value that cannot be used: what was expected, and what to do."""

    def __init__(self, text: str, hint: str = "", code: str = "invalid-value") -> None:
        self.text = text
        self.hint = hint
        self.code = code
        super().__init__(text)


@final
class EnvironmentText:
    """A component's option as the environment gives it: a variable has no type, so what the option takes decides.

    Attributes:
        text: For options that are texts: ``-100123`` stays what it is.
        value: For all others: the TOML value that it reads as.
    """

    __slots__ = ("text", "value")

    def __init__(self, text: str, value: object) -> None:
        self.text = value if isinstance(value, str) else text
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


class Structured(NamedTuple):
    """The outcome for one table."""

    value: Any
    """The object, or None if a problem is in the way."""
    problems: list[Problem]


_switching = threading.RLock()
"""Held while validators are off: attrs switches them for the whole process, and whoever is done switches them on."""


@contextmanager
def _without_validators() -> Iterator[None]:
    with _switching, attrs.validators.disabled():
        yield


class Structurer:
    """Structures the tables of one document.

    Args:
        folder: Relative paths are relative to it: the folder of the document.
        resolve: Whether to follow references to secrets; without, they become placeholders.
        environ: Where ``{ env = … }`` is looked up.

    Attributes:
        files: Those that ``{ file = … }`` led to.
    """

    def __init__(self, folder: Path, resolve: bool = True, environ: Mapping[str, str] = os.environ) -> None:
        self.files: dict[Path, None] = {}
        self._folder = folder
        self._resolve = resolve
        self._environ = environ
        self._converters: dict[bool, cattrs.Converter] = {}

    def structure(self, table: object, cls: type[Any], *keys: str | int) -> Structured:
        """Return *table* as an object of *cls*, which stands at *keys* in the document.

        An unknown key is a problem that degrades: the object is made without it. A secret that is written out is one
        that only warns.
        """
        # Placeholders have no business with validators, which attrs would ask once more.
        with nullcontext() if self._resolve else _without_validators():
            problems: list[Problem] = []
            for forbid in (True, False):
                try:
                    attrs.resolve_types(cls)
                    value = self._converter(forbid).structure(table, cls)
                    return Structured(value, [*problems, *_literals(cls, table, keys)])
                except Exception as error:
                    problems += _problems(error, keys, table)
                if not all(problem.degrades for problem in problems):
                    break
            return Structured(None, [*problems, *_literals(cls, table, keys)])

    def _converter(self, forbid: bool) -> cattrs.Converter:
        """Return the converter that takes unknown keys, or the one that does not; each is made when it is needed."""
        if forbid not in self._converters:
            self._converters[forbid] = self._new_converter(forbid)
        return self._converters[forbid]

    def _new_converter(self, forbid: bool) -> cattrs.Converter:
        converter = cattrs.Converter(forbid_extra_keys=forbid, detailed_validation=True, use_alias=True)
        for kind in (int, float, bool):
            converter.register_structure_hook(kind, _scalar)
        converter.register_structure_hook_func(lambda kind: kind is Any, lambda value, _: _plain(value))
        converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)
        converter.register_structure_hook(str, self._text)
        converter.register_structure_hook_func(_is_union, lambda value, kind: _either(converter, value, kind))
        converter.register_structure_hook_func(_is_literal, _choice)
        converter.register_structure_hook(Level, lambda value, _: _parsed(Level, value, "a level", _levels()))
        converter.register_structure_hook(Size, lambda value, _: _parsed(Size, value, "a size", _write('"10 MB"')))
        converter.register_structure_hook(
            Duration, lambda value, _: _parsed(Duration, value, "a duration", _write('"5 s"'))
        )
        converter.register_structure_hook(Secret, self._secret)
        converter.register_structure_hook(Path, self._path)
        converter.register_structure_hook_factory(_is_list, partial(_whole, list, list_structure_factory, converter))
        converter.register_structure_hook_factory(_is_dict, partial(_whole, dict, mapping_structure_factory, converter))
        converter.register_structure_hook_factory(attrs.has, lambda cls: self._class_hook(converter, cls, forbid))
        return converter

    def _class_hook(self, converter: cattrs.Converter, cls: type[Any], forbid: bool) -> Callable[..., Any]:
        """Return a structure function that runs validators with the path of their field, and all of them."""
        attrs.resolve_types(cls)
        overrides: dict[str, Any] = {
            field.name: override(struct_hook=_validating(converter, field))
            for field in attrs.fields(cls)
            if field.init and field.validator is not None
        }
        settings: dict[str, Any] = {
            "_cattrs_forbid_extra_keys": forbid,
            "_cattrs_detailed_validation": True,
            "_cattrs_use_alias": True,
        }
        make = make_dict_structure_fn(cls, converter, **settings, **overrides)

        def structure(table: object, kind: type[Any]) -> Any:
            if not isinstance(table, Mapping):
                raise Wrong(f"expected a table, got {got(table)}")
            return make(table, kind)

        return structure

    # -- references and paths -----------------------------------------------------------------------------------------

    def _text(self, value: object, _: object) -> str:
        if isinstance(value, EnvironmentText):
            return value.text
        return self._referenced(value) if isinstance(value, Mapping) else _scalar(value, str)

    def _secret(self, value: object, _: object) -> Secret:
        if isinstance(value, Mapping):
            return Secret(self._referenced(value)) if self._resolve else _UNRESOLVED_SECRET
        if isinstance(value, Secret):  # of a program that got it elsewhere
            return value
        text = value.text if isinstance(value, EnvironmentText) else value
        if not isinstance(text, str):
            raise Wrong("expected a secret", _REFERENCE_HINT)  # what was got is not told
        return Secret(text)

    def _referenced(self, table: Mapping[str, object]) -> str:
        """Return the text that ``{ env = … }`` or ``{ file = … }`` stands for; it is never parsed again."""
        keys = set(table) - {"default"}
        if keys not in _REFERENCES or not all(isinstance(value, str) for value in table.values()):
            raise Wrong("expected a text or a reference", _REFERENCE_HINT)
        if not self._resolve:
            return UNRESOLVED
        name = str(table.get("env") or table.get("file"))
        default = table.get("default")
        if "env" in table:
            found = self._environ.get(name, default)
            if found is None:
                raise Wrong(f"the environment variable {name!r} is not set", f"export {name}=…", "unset-reference")
            return str(found)
        path = self._folder / name
        self.files[path] = None
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            if default is not None:
                return str(default)
            raise Wrong(f"cannot read {name!r}: {type(error).__name__}", "check the path", "unset-reference") from None

    def _path(self, value: object, _: object) -> Path:
        return self._folder / Path(_scalar(self._text(value, str), str)).expanduser()


_REFERENCES: Final = ({"env"}, {"file"})
_REFERENCE_HINT: Final = 'write { env = "NAME" } or { file = "/run/secrets/…" }'


def _levels() -> str:
    return f"one of {', '.join(NAMES)}"


def _write(example: str) -> str:
    return f"write a number and a unit: {example}"


def _plain(value: object) -> Any:
    """Return *value* as TOML has it, wherever it comes from."""
    return value.value if isinstance(value, EnvironmentText) else value


def got(value: object) -> str:
    """Return *value* as a message tells it: of a table or an array, in which a secret may be, only what it is."""
    value = _plain(value)
    if isinstance(value, list):
        return "an array"
    if isinstance(value, Mapping):
        return "a reference" if set(value) - {"default"} in _REFERENCES else "a table"
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


_LONGEST: Final = 80
"""Characters of a value that a message tells."""


def _scalar(value: object, kind: type[T]) -> T:
    value = _plain(value)
    if kind is float and type(value) is int:
        return float(value)  # type: ignore[return-value]
    if type(value) is not kind:
        raise Wrong(f"expected {_NAMES_OF_TYPES.get(kind, kind.__name__)}, got {got(value)}")
    return value


_NAMES_OF_TYPES: Final[Mapping[type, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _choice(value: object, kind: Any) -> object:
    choices = get_args(kind)
    given = (value.value, value.text) if isinstance(value, EnvironmentText) else (value,)
    for choice in choices:
        if any(one == choice and type(one) is type(choice) for one in given):
            return choice
    value = _plain(value)
    shown = ", ".join("false" if choice is False else "true" if choice is True else repr(choice) for choice in choices)
    near = (
        difflib.get_close_matches(value, [c for c in choices if isinstance(c, str)], 1)
        if isinstance(value, str)
        else []
    )
    hint = f"did you mean {near[0]!r}?" if near else ""
    raise Wrong(f"expected {'one of ' if len(choices) > 1 else ''}{shown}, got {got(value)}", hint)


def _parsed(kind: Callable[[str], T], value: object, name: str, hint: str) -> T:
    value = _plain(value)
    if isinstance(value, str):
        try:
            return kind(value)
        except ValueError:
            pass  # told below, in the words of the document
    raise Wrong(f"expected {name}, got {got(value)}", hint)


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is list


def _is_dict(kind: Any) -> bool:
    return get_origin(kind) is dict


def _whole(raw: type, factory: Callable[..., Any], converter: cattrs.Converter, kind: Any) -> Callable[..., Any]:
    """Return the structure function of a container that takes TOML's own and nothing like it, such as a text."""
    inner = factory(kind, converter)
    untyped = get_args(kind)[-1] is Any

    def structure(value: object, given: Any) -> Any:
        if not isinstance(value, raw):
            raise Wrong(f"expected {'an array' if raw is list else 'a table'}, got {got(value)}")
        structured = inner(value, given)
        # cattrs asks no hook about Any inside a container.
        return {key: _plain(one) for key, one in structured.items()} if untyped and raw is dict else structured

    return structure


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _either(converter: cattrs.Converter, value: object, kind: Any) -> object:
    """Return *value* as the first type of a union that takes it; TOML has no null, so None never is one."""
    choices = [choice for choice in get_args(kind) if choice is not NoneType]
    wrong: list[Wrong] = []
    for choice in choices:
        try:
            return converter.structure(value, choice)
        except Wrong as error:
            wrong.append(error)
    if len(wrong) == 1:
        raise wrong[0]
    expected = " or ".join(error.text.partition(", got ")[0].removeprefix("expected ") for error in wrong)
    raise Wrong(f"expected {expected}, got {got(value)}", next((error.hint for error in wrong if error.hint), ""))


_BOUND: Final = re.compile(r"^'\w+' must be ([<>]=? \S+): (.*)$", re.DOTALL)
"""How attrs tells of a number beyond a bound."""


def _validating(converter: cattrs.Converter, field: attrs.Attribute[Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, kind: Any) -> Any:
        structured = converter.structure(value, kind)
        try:
            if field.validator is not None and structured not in (UNRESOLVED, _UNRESOLVED_SECRET):
                field.validator(None, field, structured)
        except Wrong:
            raise
        except (ValueError, TypeError) as error:
            # attrs' own validators put the attribute and the value behind the sentence; the sentence is enough.
            text = _BOUND.sub(r"must be \1, got \2", str(error.args[0] if error.args else error))
            raise Wrong(text if "got " in text or repr(value) in text else f"{text}, got {got(value)}") from None
        return structured

    return structure


# -- problems out of what was made, and out of exceptions -------------------------------------------------------------


Keys = tuple[str | int, ...]


def _literals(kind: Any, raw: Any, keys: Keys) -> Iterator[Problem]:
    """Yield a warning for each secret that stands written out in *raw*, which is to become a *kind*."""
    if kind is Secret:
        if isinstance(raw, Mapping) and isinstance(raw.get("default"), str):
            raw, keys = raw["default"], (*keys, "default")
        if isinstance(raw, str) and raw:
            secret(raw)  # whatever else is wrong with it: from now on nobody tells it
            yield Problem("literal-secret", keys, "a secret is written out", _REFERENCE_HINT, warns=True)
    elif _is_union(kind):
        for choice in get_args(kind):
            yield from _literals(choice, raw, keys)
    elif isinstance(raw, Mapping):
        inside = {field.alias: field.type for field in attrs.fields(kind)} if attrs.has(kind) else None
        for key, inner in raw.items():
            of_all = get_args(kind)[-1] if _is_dict(kind) else None
            yield from _literals(of_all if inside is None else inside.get(key), inner, (*keys, key))
    elif isinstance(raw, list) and _is_list(kind):
        for index, inner in enumerate(raw):
            yield from _literals(get_args(kind)[0], inner, (*keys, index))


def _problems(error: BaseException, keys: Keys, raw: object) -> Iterator[Problem]:
    """Yield a problem for each leaf of what cattrs raised for the value *raw* at *keys*."""
    if isinstance(error, ClassValidationError):
        yield from _class_problems(error, keys, raw)
    elif isinstance(error, IterableValidationError):
        noted, plain = error.group_exceptions()
        for inner, note in noted:
            yield from _problems(inner, (*keys, note.index), _inside(raw, note.index))
        for inner in plain:
            yield from _problems(inner, keys, raw)
    elif isinstance(error, Wrong):
        yield Problem(error.code, keys, error.text, error.hint)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = names_of(error.cl)
        for key in sorted(error.extra_fields):
            yield unknown_key((*keys, key), known)
    else:
        yield Problem("invalid-value", keys, str(error) or type(error).__name__)


def unknown_key(keys: Keys, known: Iterable[str]) -> Problem:
    """Return the problem that nobody knows the last of *keys*, with the nearest name of those that are *known*."""
    known = sorted(known)
    near = difflib.get_close_matches(str(keys[-1]), known, 1, 0.6)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return Problem("unknown-key", keys, f"unknown option {keys[-1]!r}", hint, degrades=True)


def names_of(cls: Any) -> list[str]:
    """Return the names of the options that a component's class has."""
    return [str(field.alias) for field in attrs.fields(cls) if field.init]


def _class_problems(error: ClassValidationError, keys: Keys, raw: object) -> Iterator[Problem]:
    noted, plain = error.group_exceptions()
    for inner, note in noted:
        key = _alias(error.cl, note.name)
        if isinstance(inner, KeyError) and isinstance(raw, Mapping) and key not in raw:
            yield Problem("missing-key", keys, f"{key!r} is missing", f"add {key} = …")
        else:
            yield from _problems(inner, (*keys, key), _inside(raw, key))
    for inner in plain:
        yield from _problems(inner, keys, raw)


def _alias(cls: Any, name: str) -> str:
    return next((str(field.alias) for field in attrs.fields(cls) if field.name == name), name)


def _inside(raw: Any, key: Any) -> object:
    try:
        return raw[key]
    except (TypeError, KeyError, IndexError):
        return None


def without(table: Any, problems: Iterable[Problem], *keys: str | int) -> Any:
    """Return a copy of *table*, which stands at *keys*, without what *problems* are about, to judge the rest."""
    copy = _copied(table)
    for problem in problems:
        parent = copy
        # In an array one wrong item makes the whole array unusable: its key goes.
        names = list(itertools.takewhile(lambda key: isinstance(key, str), problem.keys[len(keys) :]))
        for key in names[:-1]:
            parent = parent.get(key, {}) if isinstance(parent, dict) else {}
        if names and isinstance(parent, dict):
            parent.pop(names[-1], None)
    return copy


def _copied(table: Any) -> Any:
    return {key: _copied(value) for key, value in table.items()} if isinstance(table, Mapping) else table
