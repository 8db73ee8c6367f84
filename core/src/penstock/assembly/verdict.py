"""Verdict: runs a case of `[[test]]` and judges it; a case in, what was expected and did not come out; the asking
thread; a configuration that cannot run is a finding like any other.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

from penstock.assembly.build import check, find_document, placed
from penstock.assembly.cases import BEGIN_NS, NOTHING, CaseTable, ExpectTable, several
from penstock.assembly.config import Document, Source
from penstock.assembly.plugins import Plugins
from penstock.assembly.route import shown
from penstock.assembly.trial import Trial
from penstock.assembly.where import Where, where
from penstock.errors import ConfigError, Problem
from penstock.faults import Fault

Keys = tuple[str | int, ...]
_MOST: Final = 20
"""Records shown of a sink; a test that fails must not fill the screen."""


class Finding(NamedTuple):
    """Something that was expected and is not so."""

    expected: str
    """A sentence."""
    got: Sequence[str]
    """Lines: what came instead, or a comparison of the two, in which ``-`` was expected and ``+`` came."""
    keys: Keys
    where: Where
    """The line of the document that expects it."""


class Verdict(NamedTuple):
    """What became of a case."""

    findings: Sequence[Finding]
    received: Mapping[str, Sequence[str]]
    """What came to each sink."""
    faults: Sequence[Fault]
    """What went wrong on the way; a test that lets sinks fail wants some."""

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.findings

    def lines(self) -> Iterator[str]:
        """Yield what is wrong, for a person."""
        for finding in self.findings:
            place = f"{finding.where}: " if str(finding.where) else ""
            yield f"{place}expected {finding.expected}"
            for line in finding.got:
                yield f"    {line}"


@final
class Case:
    """One test of a document.

    Attributes:
        name: What it claims; else its place among the tests.
        number: Its place among the tests, from 1.
        table: What it says.
        where: Where it stands.
    """

    def __init__(self, document: Document, source: Source, number: int, table: CaseTable) -> None:
        self.number = number
        self.table = table
        self.name = table.name or f"test {number}"
        self._keys: Keys = ("test", number - 1)
        self._document = document
        self._source = source
        self.where = where(document, self._keys)

    def run(self) -> Verdict:
        """Emit its events, and judge what came out.

        Called:
            When: as often as one likes; each run composes anew, and none knows of another.
            Thread: any; several at once.
            May block: as long as composing takes; the time that passes for sinks and stages is not real.
            If it raises: nothing about the configuration, which is a finding; what a plugin's class raises when it is
                made is a problem of the configuration.
        """
        begin_ns = self.table.events[0].time_ns
        try:
            trial = Trial(self._tried(), self.table.failing(), BEGIN_NS if begin_ns is None else begin_ns)
        except ConfigError as error:
            return Verdict([self._broken(error.problems)], {}, ())
        dangling = list(self.table.dangling(self._keys, list(trial.received)))
        if dangling:
            return Verdict([self._broken(placed(dangling, self._document))], {}, ())
        for event in self.table.events:
            trial.emit(event)
        trial.end()
        received = {
            sink: [shown(one).decode("utf-8", "backslashreplace") for one in got]
            for sink, got in trial.received.items()
        }
        findings = [
            Finding(expected, got, (*self._keys, *keys), where(self._document, (*self._keys, *keys)))
            for sink, wanted in self.table.expect.items()
            for expected, got, keys in _judged(sink, wanted, received[sink])
        ]
        return Verdict(findings, received, trial.faults)

    def _tried(self) -> Document:
        if self.table.profile is None:
            return self._document
        return find_document(self._source, self.table.profile, Plugins())

    def _broken(self, problems: Sequence[Problem]) -> Finding:
        return Finding("a configuration that can run", [str(problem) for problem in problems], self._keys, self.where)

    def __repr__(self) -> str:
        return f"<Case {self.name!r}>"


class Cases(NamedTuple):
    """The tests of a document."""

    file: str | None
    cases: Sequence[Case]
    problems: Sequence[Problem]
    """What is wrong with the configuration but can be done without."""


def cases(source: Source = None, profile: str | None = None) -> Cases:
    """Return the tests of a configuration, in order.

    Args:
        source: As for `penstock.configure`.
        profile: Laid over the rest, for tests that name no other.

    Raises:
        ConfigError: With every problem, if the configuration cannot run, or one of its tests cannot be meant.
    """
    plugins = Plugins()
    document = find_document(source, profile, plugins)
    plan, problems = check(document, plugins, resolve=False)
    unusable = [problem for problem in problems if problem.stops(strict=problem.keys[:1] == ("test",))]
    if plan is None or unusable:
        raise ConfigError(unusable or problems)
    found = [Case(document, source, number, table) for number, table in enumerate(plan.config.test, 1)]
    return Cases(document.file, found, problems)


# -- judging ----------------------------------------------------------------------------------------------------------

_Judged = tuple[str, Sequence[str], tuple[str, ...]]
"""What was expected, what came, and what said so."""


def _judged(sink: str, wanted: ExpectTable | str, got: Sequence[str]) -> Iterator[_Judged]:
    at = ("expect", sink)
    if not isinstance(wanted, ExpectTable):
        if got:
            yield f"{NOTHING} at {sink}, got {_counted(got)}", _listed(got), at
        return
    if wanted.count is not None and len(got) != wanted.count:
        yield f"{_records(wanted.count)} at {sink}, got {_counted(got)}", _listed(got), (*at, "count")
    elif not got and wanted.count != 0:
        yield f"something at {sink}", ["nothing came"], at
    if got:
        yield from _found(sink, wanted, got)
        yield from _whole(sink, wanted, got)
    for text in several(wanted.lacks):
        having = [record for record in got if text in record]
        if having:
            yield f"no record with {text!r} at {sink}", _listed(having), (*at, "lacks")


def _found(sink: str, wanted: ExpectTable, got: Sequence[str]) -> Iterator[_Judged]:
    """Yield what the record that fits best does not fit."""
    lacking = min((list(_lacking(sink, wanted, record)) for record in got), key=len)
    for expected, compared, key in lacking:
        yield expected, compared or _listed(got), ("expect", sink, key)


def _lacking(sink: str, wanted: ExpectTable, record: str) -> Iterator[tuple[str, Sequence[str], str]]:
    for text in several(wanted.contains):
        if text not in record:
            yield f"a record with {text!r} at {sink}", (), "contains"
    for pattern in several(wanted.matches):
        if re.search(pattern, record) is None:
            yield f"a record that matches {pattern!r} at {sink}", (), "matches"
    if wanted.json is not None:
        found = _parsed(record)
        if not _within(wanted.json, found):
            compared = _compared(_pretty(wanted.json), _pretty(_cut(found, wanted.json)))
            yield f"a record with these members at {sink}", compared, "json"


def _whole(sink: str, wanted: ExpectTable, got: Sequence[str]) -> Iterator[_Judged]:
    if wanted.equals is not None and list(several(wanted.equals)) != list(got):
        lines = [line for record in several(wanted.equals) for line in record.split("\n")]
        came = [line for record in got for line in record.split("\n")]
        yield f"exactly this at {sink}", _compared(lines, came), ("expect", sink, "equals")


def _parsed(record: str) -> object:
    try:
        return json.loads(record)
    except (ValueError, RecursionError):
        return record


def _within(wanted: object, found: object) -> bool:
    """Return whether *found* is *wanted*, or has all its members; true is no 1."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(key in found and _within(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_within, wanted, found))
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    return wanted == found


def _cut(found: Any, wanted: Any) -> Any:
    """Return of *found* the members that *wanted* has, so that the comparison shows what differs and nothing else."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return {key: _cut(found[key], value) for key, value in wanted.items() if key in found}
    return found


def _pretty(value: object) -> list[str]:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str, sort_keys=True).split("\n")


def _compared(wanted: Sequence[str], got: Sequence[str]) -> list[str]:
    return [line.rstrip("\n") for line in difflib.ndiff(wanted, got)]


def _listed(records: Sequence[str]) -> list[str]:
    lines = [line for record in records[:_MOST] for line in ("got: " + record).split("\n")]
    return [*lines, f"… and {len(records) - _MOST} more"] if len(records) > _MOST else lines


def _counted(records: Sequence[str]) -> str:
    return _records(len(records))


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
