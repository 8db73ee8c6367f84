"""Recover: what dead processes left in spools, listed and delivered; a document in, what waits or what became of it
out; the thread of a command; what cannot be delivered goes on to wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from penstock.assembly.build import check
from penstock.assembly.compose import LETTERS
from penstock.assembly.config import Document
from penstock.assembly.plugins import Plugins
from penstock.assembly.resend import (
    delivered_as,
    delivery_of,
    open_sinks,
    settled,
    sinks_of,
    with_fallbacks,
)
from penstock.clock import monotonic
from penstock.ledger import Ledger
from penstock.river.spool.runs import Run, read_run, runs_in
from penstock.river.spool.spool import places, safe_name

_OPTIONS: Final[Mapping[str, object]] = {
    "mode": "queued",
    "spool": "1 MB",  # for what comes in meanwhile, which is nothing; what was left is taken over whatever its size
}


class Waiting(NamedTuple):
    """What waits for one sink of one program, in processes that died or in processes that run."""

    folder: Path
    """Of the sink; in it, each process has one."""
    program: str
    """What tells it from the user's other programs; empty where the configuration says where spools are."""
    sink: str
    alive: bool
    """Whether these processes run: then they deliver it themselves."""
    records: int
    bytes: int
    oldest_ns: int
    newest_ns: int


class Recovered(NamedTuple):
    """What became of what waited for one sink."""

    sink: str
    delivered: int
    dropped: Mapping[str, int]
    diverted: int
    """Of the dropped ones, how many the fallback took."""
    pending: int
    """So many go on to wait."""


# -- listing ----------------------------------------------------------------------------------------------------------


def list_waiting(document: Document | None = None) -> list[Waiting]:
    """Return what waits in the folder that *document* names for it, or else for any program of this user.

    Called:
        When: by a command.
        Thread: any.
        May block: for the disk; it reads all that waits, and changes nothing.
        If it raises: it does not; what cannot be read is left out.
    """
    names = {} if document is None else {safe_name(name): name for name in sinks_of(document)}
    found = []
    for program, folder in _folders(_state(document)):
        for alive in (False, True):
            waiting = _waiting(folder, program, alive=alive)
            if waiting.records:
                found.append(waiting._replace(sink=names.get(folder.name, waiting.sink)))
    return found


def folders_of(document: Document | None) -> list[Path]:
    """Return the folders in which what outlives a process is kept, the best first."""
    state = _state(document)
    if state is not None:
        return [state.expanduser()]
    return [place.parent.parent for place in places("sink", owner="program")]


def _state(document: Document | None) -> Path | None:
    plan = check(document, Plugins(), resolve=False)[0] if document is not None else None
    return None if plan is None else plan.config.state


def _folders(state: Path | None) -> Iterator[tuple[str, Path]]:
    """Return the folders of all sinks, with the program that each belongs to."""
    if state is not None:
        yield from (("", folder) for folder in _inside(state.expanduser()))
        return
    for place in folders_of(None):
        for program in _inside(place):
            yield from ((program.name, folder) for folder in _inside(program))


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted([path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()])
    except OSError:
        return []


def _waiting(folder: Path, program: str, *, alive: bool) -> Waiting:
    records = size = oldest = newest = 0
    for run in runs_in(folder):
        if Run.is_alive(run) != alive:
            continue
        for segment in read_run(run):
            times = [record[3] for record in segment.records]
            if times:
                oldest = min(*times, oldest or times[0])
                newest = max(*times, newest)
                records += len(times)
                size += sum([len(record[0]) for record in segment.records])
    return Waiting(folder, program, unquote(folder.name), alive, records, size, oldest, newest)


# -- delivering -------------------------------------------------------------------------------------------------------


def recover(document: Document, waiting: Iterable[Waiting], *, patience: float = 30.0) -> list[Recovered]:
    """Deliver what waits through the sinks of *document* that have the same names; what it has no sink for stays.

    Called:
        When: by a command, in a process in which no river runs.
        Thread: any.
        May block: as long as anything moves within *patience* seconds.
        If it raises: what was not delivered goes on to wait.

    Args:
        document: The configuration.
        waiting: From `list_waiting`; what belongs to processes that run is left to them.
        patience: Seconds.

    Raises:
        ConfigError: If a sink cannot be made.
    """
    state = _state(document)
    found: dict[str, Recovered] = {}
    dead = sorted([one for one in waiting if not one.alive], key=_place_of)
    for place, rows in groupby(dead, key=_place_of):
        folders = {one.folder.name: one.program for one in rows}
        names = {name: folders[safe_name(name)] for name in sinks_of(document) if safe_name(name) in folders}
        if names:
            for one in _recover(document, place, _tables(document, names, state), set(names), patience):
                found[one.sink] = _both(found[one.sink], one) if one.sink in found else one
    return list(found.values())


def _both(one: Recovered, other: Recovered) -> Recovered:
    """Return what became of what waited for one sink in two places."""
    dropped = Counter(one.dropped) + Counter(other.dropped)
    return Recovered(
        one.sink,
        one.delivered + other.delivered,
        dict(dropped),
        one.diverted + other.diverted,
        one.pending + other.pending,
    )


def _place_of(waiting: Waiting) -> Path:
    return waiting.folder.parent


def _tables(document: Document, names: Mapping[str, str], state: Path | None) -> Mapping[str, Any]:
    """Return the tables of the sinks *names*, each with the program whose records they are, and of their fallbacks."""
    tables = with_fallbacks(sinks_of(document), names)
    for name, program in names.items():
        options = dict(_OPTIONS)
        if state is None and "dead_letters" not in delivery_of(tables[name]):
            options["dead_letters"] = str(_letters_of(name, program))
        tables[name] = delivered_as(tables[name], options)
    return tables


def _letters_of(name: str, program: str) -> Path:
    """Return where *program* keeps the dead letters of its sink *name*."""
    folder = places(name, owner=program, durable=True)[0]
    return folder.parent.with_name(program) / folder.name / LETTERS


def _recover(
    document: Document, place: Path, tables: Mapping[str, Any], names: Collection[str], patience: float
) -> Iterator[Recovered]:
    """Deliver what waits in *place*, as often as there is more: a sink takes over some processes' at a time."""
    rounds = [_round(document, place, tables, patience)]
    while rounds[-1].finished and rounds[-1].moved(names) and _still(place, names):
        rounds.append(_round(document, place, tables, patience))
    for name in sorted(names):
        yield _summed(name, [one.ledger for one in rounds])


class _Round(NamedTuple):
    ledger: Ledger
    finished: bool

    def moved(self, names: Collection[str]) -> bool:
        """Return whether anything was taken over."""
        return any(self.ledger[name].accepted for name in names)


def _round(document: Document, place: Path, tables: Mapping[str, Any], patience: float) -> _Round:
    graph = open_sinks(document, tables, state=str(place))
    try:
        finished = settled(graph, patience)
    finally:
        graph.close(monotonic())
    return _Round(graph.read(), finished)


def _still(place: Path, names: Collection[str]) -> bool:
    folders = [place / safe_name(name) for name in names]
    return any(_waiting(folder, "", alive=False).records for folder in folders)


def _summed(name: str, ledgers: list[Ledger]) -> Recovered:
    accounts = [ledger[name] for ledger in ledgers]
    return Recovered(
        sink=name,
        delivered=sum([account.delivered for account in accounts]),
        dropped=dict(sum([Counter(account.dropped) for account in accounts], Counter())),
        diverted=sum([account.diverted for account in accounts]),
        pending=accounts[-1].pending,
    )
