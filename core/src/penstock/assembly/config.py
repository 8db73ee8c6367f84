"""Config: the document as attrs objects, and how it is found; a path, a dict or nothing in, a checked `Config` out; the
thread that calls `configure`; every mistake at once, as a ConfigError.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from attrs import field, frozen

from penstock import files
from penstock.assembly.cases import CaseTable
from penstock.assembly.excerpt import excerpt_of_no_toml
from penstock.assembly.origin import FileText, Kind, Layer, Origin, origin_in, place
from penstock.assembly.overlay import Read, overlaid
from penstock.assembly.structure import EnvironmentText, Structurer, got, without
from penstock.errors import ConfigError, Problem
from penstock.levels import INFO
from penstock.units import Duration, Level

Table = dict[str, Any]
Options = dict[str, object]
"""A component's table: what its values are, its own class decides."""

STAGES: Final = ("emit", "redact", "format", "sink")


@frozen(kw_only=True)
class PipelineTable:
    """`[pipeline.NAME]`: which events go which way to which sink."""

    sink: str = field(
        metadata={"doc": "Sink that gets the events: a table of `[sink.*]`, or a type that needs no options."}
    )
    match: list[str] = field(
        factory=list, metadata={"doc": "Names wanted; `*` is one segment, `**` any number, `!` excludes."}
    )
    level: Level | None = field(
        default=None, metadata={"doc": "Lowest level; else that of `[levels]`, else the file's."}
    )
    emit: list[str] = field(factory=list, metadata={"doc": "Emit stages, in order."})
    redact: list[str] | None = field(
        default=None, metadata={"doc": "Redactors, in order; all declared ones if not given."}
    )
    format: str | None = field(default=None, metadata={"doc": "Format; the sink's own default if not given."})


@frozen(kw_only=True)
class Config:
    """A whole document, checked but for the options of components, which their own classes check."""

    level: Level = field(default=Level(INFO), metadata={"doc": "Level of pipelines that have none of their own."})
    capture: list[Literal["logging", "warnings", "exceptions"]] = field(
        factory=list, metadata={"doc": "What else of a Python program comes in."}
    )
    signals: bool = field(
        default=False, metadata={"doc": "Whether SIGTERM drains before the process ends, and SIGHUP reads this again."}
    )
    watch: bool | Duration = field(
        default=False,
        metadata={
            "doc": "Whether to read this again when its file changes; or how often to look, `true` is each second."
        },
    )
    state: Path | None = field(
        default=None,
        metadata={"doc": "Folder for what outlives the process; else shared memory, and the user's state directory."},
    )
    levels: dict[str, Level] = field(factory=dict, metadata={"doc": "Level by name; the longest prefix wins."})
    # What follows may hold secrets that somebody wrote out: `repr` keeps silent about it.
    context: Table = field(factory=dict, repr=False, metadata={"doc": "Fields of every event."})
    emit: dict[str, Options] = field(factory=dict, repr=False)
    redact: dict[str, Options] = field(factory=dict, repr=False)
    format: dict[str, Options] = field(factory=dict, repr=False)
    sink: dict[str, Options] = field(factory=dict, repr=False)
    pipeline: dict[str, PipelineTable] = field(factory=dict)
    test: list[CaseTable] = field(factory=list, repr=False, metadata={"doc": "Cases for `penstock test`."})


class Document:
    """A document with the places that it comes from.

    Attributes:
        table: The TOML as Python values, overlays applied.
        file: Its path as given, or None.
        folder: Relative paths in it are relative to this.
        layers: What it was merged of, the lowest first; without any, nothing is known of where a value comes from.
        problems: What could not be laid over it.
        environ: The environment in which it is read.

    Example:
        >>> document = read_document({"level": "info"}, None)
        >>> str(document.origin(["level"])), str(document.origin(["capture"]))
        ('program', 'default')
    """

    def __init__(
        self,
        table: Table,
        file: str | None,
        folder: Path,
        layers: Sequence[Layer] = (),
        problems: Sequence[Problem] = (),
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.table = table
        self.file = file
        self.folder = folder
        self.layers = layers
        self.problems = problems
        self.environ = environ

    @property
    def texts(self) -> Mapping[Path, str]:
        """The text of each file that it was read from."""
        found = [layer.source for layer in self.layers if layer.source is not None]
        return {Path(source.file).absolute(): source.text for source in found}

    def origin(self, keys: Iterable[str | int]) -> Origin:
        """Return where the value at *keys* comes from: which file and line, variable, or default.

        Of a table, which several may share, it is the highest text that has it. The text is scanned at the first call.

        Args:
            keys: The place in `table`, from the outside in: keys, and indexes of arrays.
        """
        return origin_in(self.layers, keys)

    def place(self, problem: Problem) -> None:
        """Let *problem* say where it is, if it does not yet: where its keys stand, or the nearest table around them."""
        if problem.line is not None or problem.variable is not None or problem.file not in (None, self.file):
            return
        problem.file = self.file
        for end in range(len(problem.keys), -1 if self.layers else 0, -1):
            origin = self.origin(problem.keys[:end])
            if origin.kind != "default":
                place(problem, origin)
                return


DEFAULT: Final[Mapping[str, Any]] = {"sink": {"stderr": {"type": "stderr"}}, "pipeline": {"all": {"sink": "stderr"}}}
BARE: Final[Mapping[str, Any]] = {"sink": {"stderr": {"type": "last-resort"}}, "pipeline": {"all": {"sink": "stderr"}}}


class Found(NamedTuple):
    """A file that nobody named, but that was found; it is read with the care that this asks for."""

    path: Path


Source = str | os.PathLike[str] | Mapping[str, Any] | Document | Found | None


def read_document(source: Source, profile: str | None, environ: Mapping[str, str] = os.environ) -> Document | None:
    """Return the document that *source* names, or that is found if it is None; None if there is none.

    What is wrong with an overlay is in its `problems`. A `Document` is finished: no overlay is laid over it.

    Raises:
        ConfigError: If it cannot be read, or is no TOML.
    """
    if isinstance(source, Document):
        return source
    if isinstance(source, Mapping):
        problems = list(_unnamed(source, ()))
        if problems:
            raise ConfigError(problems)
        kind: Kind = "default" if source is DEFAULT or source is BARE else "program"
        return _document(Read(dict(source), None, _working_folder() or Path()), profile, _read, environ, kind)
    source = source if source is not None else environ.get("PENSTOCK_CONFIG") or None
    if source is not None and not isinstance(source, Found):
        return _document(_read(Path(source)), profile, _read, environ)
    found = _search() if source is None else source.path
    if found is None:
        return None
    read = partial(_read_unasked, found)
    return _document(read(found), profile, read, environ)


def again(source: Source, document: Document) -> Source:
    """Return what leads to *document*, which *source* led to, wherever the program goes meanwhile."""
    if source is None:
        source = document.environ.get("PENSTOCK_CONFIG") or (Found(Path(document.file)) if document.file else None)
    return Path(source).absolute() if isinstance(source, (str, os.PathLike)) else source


def _unnamed(value: object, keys: tuple[str | int, ...]) -> Iterator[Problem]:
    """Yield a problem for each key in *value* that is no text; TOML has none, but a dict may."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(key, str):
                yield from _unnamed(inner, (*keys, key))
            else:
                yield Problem("invalid-value", (*keys, repr(key)), f"expected a text as key, got {key!r}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unnamed(inner, (*keys, index))


def _working_folder() -> Path | None:
    """Return the working directory, or None where it was removed."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _document(
    bottom: Read,
    profile: str | None,
    read: Callable[[Path], Read],
    environ: Mapping[str, str],
    kind: Kind = "file",
) -> Document:
    table, layers, problems = overlaid(bottom, profile, environ, read, EnvironmentText, kind)
    file = None if bottom.source is None else bottom.source.file
    return Document(table, file, bottom.folder, layers, problems, environ)


def _tool_table(project: Table) -> Table:
    tool = project.get("tool", {})
    return tool if isinstance(tool, dict) else {}


def _read_unasked(found: Path, path: Path) -> Read:
    """Return the TOML of *path*, which nobody named: it is *found*, or *found* extends it."""
    read = _read(path)
    reason = files.unsafe_reason(path)
    if reason:
        hint = f"forbid it (chmod go-w), or name the file: penstock.configure({str(found)!r})"
        raise ConfigError([Problem("unreadable-file", (), f"will not be read unasked: {reason}", hint, file=str(path))])
    return read


def _read(path: Path) -> Read:
    """Return the document in a TOML file: all of it, or of a `pyproject.toml` the table `[tool.penstock]`."""
    table, text = _parsed(path)
    source = FileText(str(path), text)
    folder = path.absolute().parent
    if path.name != "pyproject.toml":
        return Read(table, source, folder)
    inner = _tool_table(table).get("penstock", {})
    if not isinstance(inner, dict):
        problem = Problem(
            "invalid-value", ("tool", "penstock"), f"expected a table, got {got(inner)}", "[tool.penstock]"
        )
        place(problem, Layer("file", table, folder, source).origin(problem.keys))
        raise ConfigError([problem])
    return Read(inner, source, folder, ("tool", "penstock"))


def _parsed(path: Path) -> tuple[Table, str]:
    """Return a TOML file as a dict, and its text without the byte order mark that editors on Windows write."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problem = Problem("unreadable-file", (), f"cannot be read: {error.strerror}", "check the path", file=str(path))
        raise ConfigError([problem]) from None
    except UnicodeDecodeError as error:
        problem = Problem("toml-syntax", (), f"is not UTF-8: byte {error.start}", "save it as UTF-8", file=str(path))
        raise ConfigError([problem]) from None
    try:
        return tomllib.loads(text), text
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ConfigError([_syntax_problem(error, path, text)]) from None


def _syntax_problem(error: Exception, path: Path, document: str) -> Problem:
    """Return what `tomllib` says as a Problem; its position is in its text alone, up to Python 3.13."""
    text, _, place = str(error).partition(" (at ")
    words = place.rstrip(")").replace(",", "").split()
    line: int | None = None
    column: int | None = None
    if place.startswith("end of document"):
        line, column = document.count("\n") + 1, len(document.rpartition("\n")[2]) + 1
    elif len(words) == 4:
        line, column = int(words[1]), int(words[3])
    if isinstance(error, RecursionError):
        text = "nested too deeply"
    elif not isinstance(error, tomllib.TOMLDecodeError):
        text = "a number has too many digits"  # the limit of CPython, whose own text is for programmers
    else:
        text = text[:1].lower() + text[1:]
    problem = Problem("toml-syntax", (), text, "", file=str(path), line=line, column=column)
    if line is not None and column is not None:
        problem.length = 1
        problem.source, problem.marks = excerpt_of_no_toml(document, line, column)
    return problem


def _search() -> Path | None:
    """Return the configuration file that belongs to the working directory, or None."""
    start = _working_folder()
    if start is None:
        text = "the working directory, where the search for a file begins, is gone"
        raise ConfigError([Problem("unreadable-file", (), text, "name a file: penstock.configure(…)")])
    for folder in (start, *start.parents):
        if (folder / "penstock.toml").is_file():
            return folder / "penstock.toml"
        project = folder / "pyproject.toml"
        if project.is_file() and "penstock" in _tool_table(_parsed(project)[0]):
            return project
        if project.is_file() or (folder / ".git").exists():
            return None  # the root of the project: what lies above is somebody else's
    return None


def check_document(document: Document, structurer: Structurer) -> tuple[Config | None, list[Problem]]:
    """Return the document as a `Config`, and every problem of it.

    What is wrong is left out of the `Config`, so that the rest can be judged in the same run.
    """
    value, problems = structurer.structure(document.table, Config)
    table, found = document.table, problems
    for _ in range(3):  # leaving a key out may uncover that another is missing
        if value is not None:
            break
        table = without(table, found)
        value, found = structurer.structure(table, Config)
    for problem in problems:
        if problem.keys[:1] == ("test",):
            problem.degrades = True  # no program needs its tests to run
    return value, [*problems, *(_untyped(value) if value is not None else ())]


def _untyped(config: Config) -> Iterator[Problem]:
    """Yield a problem for each component table without a `type`."""
    for kind in STAGES:
        for name, table in getattr(config, kind).items():
            if not isinstance(table.get("type"), str):
                hint = 'add type = "…"; see `penstock plugins`'
                yield Problem("missing-key", (kind, name), "'type' is missing", hint)
