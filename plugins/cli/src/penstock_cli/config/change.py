"""Change: `penstock config set`; a key and a text in, one value of a file changed; the main thread; what makes the
configuration worse, or would put a secret into a file, is refused and changes nothing.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import tomli_w

from penstock_cli.config import place
from penstock_cli.config.edit import CannotEdit, edited
from penstock_cli.config.toml import key_text, parsed_value, value_text
from penstock_cli.manners import Complaint

if TYPE_CHECKING:
    from penstock import Problem
    from penstock.tooling import Document, Setting

_UNCHANGED: Final = "nothing changed"


class Change(NamedTuple):
    """What was changed."""

    keys: tuple[str, ...]
    """In the document."""
    value: Any
    effective: Setting | None
    """What is in effect at *keys* now."""


def change(document: Document, profile: str | None, keys: tuple[str, ...], text: str) -> Change:
    """Change the file of *document*, so that *text* is the value at *keys*.

    Args:
        document: What was read.
        profile: The profile to write into, or None for the file itself.
        keys: The place.
        text: A TOML value, or a text where the option takes one.

    Raises:
        Complaint: If nothing was changed, and why.
    """
    file = str(document.file)
    old = place.read(file)
    mark = "\ufeff" if old.startswith("\ufeff") else ""
    keys, wrap = _reference(document, keys)
    within = _prefix(file, profile)
    worse: list[Problem] = []
    for value in _meanings(text):
        value = {wrap: value} if wrap else value
        try:
            new = mark + edited(old.removeprefix(mark), (*within, *keys), value)
        except CannotEdit as error:
            raise Complaint(f"{file}: {error}; {_UNCHANGED}; edit it by hand: {key_text(keys)}") from None
        worse, found = _judged(document, profile, new.removeprefix(mark))
        if not worse:
            break
    else:
        raise Complaint("\n".join([*_words(worse), f"{_UNCHANGED}; next: penstock check {file}"]))
    _refuse_a_secret(keys, value, found)
    if new != old:
        place.replace(file, new)
    return Change(keys, value, next((one for one in found if one.keys == keys), None))


def _meanings(text: str) -> Iterator[Any]:
    """Yield what *text* may mean, the likelier first."""
    value = parsed_value(text)
    yield value
    if value != text:
        yield text


def _prefix(file: str, profile: str | None) -> tuple[str, ...]:
    project = ("tool", "penstock") if Path(file).name == "pyproject.toml" else ()
    return (*project, "profile", profile) if profile else project


def _reference(document: Document, keys: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return the option that *keys* are about, and ``env`` or ``file`` if they are about its reference."""
    from penstock import tooling

    *option, last = keys
    if last in ("env", "file") and any(one.keys == tuple(option) for one in tooling.settings(document)):
        return tuple(option), last
    return keys, ""


def _judged(document: Document, profile: str | None, text: str) -> tuple[list[Problem], Sequence[Setting]]:
    """Return what is wrong with *text* that was not wrong with *document*, and what would be in effect."""
    from penstock import ConfigError, tooling

    file = str(document.file)
    table: Any = tomllib.loads(text)
    for key in _prefix(file, None):
        table = table[key]
    with place.beside(file, tomli_w.dumps(table)) as trial:
        try:
            found = tooling.document(trial, profile)
        except ConfigError as error:
            return list(error.problems), ()
        known = {_identity(problem) for problem in tooling.check(file, profile=profile, resolve=False)}
        problems = tooling.check(found, resolve=False)
        worse = [problem for problem in problems if _identity(problem) not in known and not problem.warns]
        return worse, tooling.settings(found)


def _identity(problem: Problem) -> tuple[str, str, str]:
    return problem.code, problem.path, problem.text


def _words(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield each problem without its file, which is only a trial."""
    for problem in problems:
        yield f"{problem.path}: {problem.text}" + (f"; {problem.hint}" if problem.hint else "")


def _refuse_a_secret(keys: tuple[str, ...], value: Any, found: Sequence[Setting]) -> None:
    """Complain if *value* is a secret: it would be in the file, and is in the history of the shell already."""
    setting = next((one for one in found if one.keys == keys), None)
    if setting is not None and setting.secret and not isinstance(value, dict):
        hint = f"next: penstock config set {key_text((*keys, 'env'))} NAME_OF_A_VARIABLE"
        raise Complaint(f"{key_text(keys)}: a secret is no argument and belongs in no file; {_UNCHANGED}; {hint}")


def nearest(keys: tuple[str, ...], settings: Sequence[Setting]) -> str:
    """Return what to do about a key that is not there."""
    known = sorted({key_text(one.keys[:end]) for one in settings for end in range(1, len(one.keys) + 1)})
    near = difflib.get_close_matches(key_text(keys), known, 1, 0.6)
    return f"did you mean {near[0]!r}?" if near else "next: penstock config show"


def told(change: Change) -> str:
    """Return what was changed, as one would write it."""
    return f"{key_text(change.keys)} = {value_text(change.value)}"
