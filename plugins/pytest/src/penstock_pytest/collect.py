"""Collect: the `[[test]]` cases of TOML files as pytest items; paths in, items out; pytest's thread; a file that cannot
be used is an error of the collection, with every problem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from penstock import Problem
    from penstock.tooling import Case, Verdict

_DEFAULT: Final = "penstock.toml"
_files: Final = pytest.StashKey[tuple[Path, ...]]()


def ask_for_files(config: pytest.Config) -> None:
    """Note which files hold tests, and have pytest look at them though `testpaths` does not name them.

    Who names files or folders on the command line gets those alone.

    Raises:
        UsageError: If a file that the ini file names is not there.
    """
    named = [Path(path) for path in config.getini("penstock_toml")]
    for path in named:
        if not path.is_file():
            raise pytest.UsageError(f"penstock_toml: there is no file {str(path)!r}")
    default = config.rootpath / _DEFAULT
    found = named or ([default] if default.is_file() else [])
    config.stash[_files] = tuple(path.resolve() for path in found)
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        looked_at = [Path(config.invocation_params.dir, arg).resolve() for arg in config.args]
        for path in config.stash[_files]:
            if not any(path.is_relative_to(one) for one in looked_at):
                config.args.append(str(path))


def file(path: Path, parent: pytest.Collector) -> TomlFile | None:
    """Return the collector of *path*, if it is one of the files."""
    if path.resolve() not in parent.config.stash.get(_files, ()):
        return None
    made: TomlFile = TomlFile.from_parent(parent, path=path)
    return made


class TomlFile(pytest.File):
    """A configuration with tests."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield its tests.

        Raises:
            CollectError: If it cannot be used, with every problem.
        """
        from penstock import ConfigError, tooling  # late: brings the plugins' loader

        try:
            found = tooling.cases(self.path)
        except ConfigError as error:
            raise self.CollectError("\n".join(str(problem) for problem in error.problems)) from None
        names = Counter(case.name for case in found.cases)
        for case in found.cases:
            name = case.name.replace("::", ":")  # which parts a node's id
            name = f"{name} [{case.number}]" if names[case.name] > 1 else name
            yield TomlCase.from_parent(self, name=name, case=case, problems=found.problems)


class TomlCase(pytest.Item):
    """One test of a configuration."""

    def __init__(self, *, case: Case, problems: list[Problem], **rest: Any) -> None:
        super().__init__(**rest)
        self._case = case
        self._problems = problems

    def runtest(self) -> None:
        """Run it.

        Raises:
            CaseFailed: If something did not come as expected.
        """
        verdict = self._case.run()
        if not verdict.passed:
            raise CaseFailed(verdict)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what was expected and what came, and where the file says so; no traceback, which is ours."""
        if not isinstance(excinfo.value, CaseFailed):
            return super().repr_failure(excinfo, style)
        lines = [*excinfo.value.verdict.lines(), *map(str, excinfo.value.verdict.faults), *map(str, self._problems)]
        return "\n".join(lines)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where it stands; pytest counts lines from 0."""
        line = self._case.where.line
        return self.path, None if line is None else line - 1, f"[[test]] {self._case.name}"


class CaseFailed(Exception):  # noqa: N818, what it tells is no error of a program
    """Something did not come as a test expects.

    Attributes:
        verdict: What.
    """

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(f"{len(verdict.findings)} expectations were not met")
