"""Recover: the command `penstock recover`; what dead processes left in spools in, delivered or listed out; the main
thread; what cannot be delivered goes on to wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from penstock_cli import manners, output
from penstock_cli.complete import sinks
from penstock_cli.configured import complaint, one_of, read_document, sink_names
from penstock_cli.group import Command
from penstock_cli.options import config_option, format_option, profile_option, timeout_option

if TYPE_CHECKING:
    from penstock.tooling import Document, Recovered, Waiting

_UNDONE = "nothing was delivered"


@click.command(
    cls=Command,
    examples=["penstock recover --list", "penstock recover -c shop.toml --sink oncall"],
)
@config_option
@profile_option
@click.option("--list", "only_list", is_flag=True, help="Only list what waits, and change nothing.")
@click.option("--sink", metavar="NAME", shell_complete=sinks, help="Only what waits for this sink.")
@click.option("--program", metavar="NAME", help="Only what this program left; --list shows the names.")
@timeout_option
@format_option
@click.pass_context
def recover(
    ctx: click.Context,
    config: str | None,
    profile: str | None,
    only_list: bool,
    sink: str | None,
    program: str | None,
    timeout: float,
    format: str,
) -> None:
    """Deliver what programs left in the spools of their sinks when they died.

    The next start of a program does the same; this is for a program that does not start again. Processes that run keep
    what is theirs. Without a configuration, what waits is only listed. Exit code 1 if anything still waits, or was
    dropped.
    """
    from penstock import tooling  # late: brings the plugins' loader

    document = read_document(config, profile, _UNDONE)
    found = _chosen(tooling.list_waiting(document), sink, program)
    if document.file is None and not only_list:
        output.message("penstock: no configuration belongs to this folder: what waits is only listed")
    if only_list or document.file is None:
        _list(found, document, format)
        ctx.exit(manners.FINE)
    names = sink_names(document)
    dead = [one for one in found if not one.alive]
    unknown = [one for one in dead if one.sink not in names]
    done = _deliver([one for one in dead if one.sink in names], document, timeout)
    ok = not unknown and all(not one.pending and not one.dropped for one in done)
    if format == "json":
        sinks = [{**one._asdict(), "dropped": dict(one.dropped)} for one in done]
        rest = [_as_json(one) for one in unknown]
        output.data_json({"ok": ok, "file": document.file, "sinks": sinks, "without_sink": rest})
    else:
        _print(done, unknown)
    ctx.exit(manners.FINE if ok else manners.FINDINGS)


def _chosen(found: Sequence[Waiting], sink: str | None, program: str | None) -> list[Waiting]:
    if program is not None:
        one_of("program that left anything", program, {one.program for one in found})
    return [one for one in found if sink in (None, one.sink) and program in (None, one.program)]


def _deliver(dead: Sequence[Waiting], document: Document, timeout: float) -> Sequence[Recovered]:
    from penstock import ConfigError, tooling

    programs = sorted({one.program for one in dead})
    if len(programs) > 1:
        raise click.UsageError(f"several programs left something: {', '.join(programs)}; choose one with --program")
    if any(programs):
        output.message(output.plain(f"penstock: delivering what {programs[0]} left"))
    try:
        return tooling.recover(document, dead, patience=timeout)
    except ConfigError as error:
        raise complaint(error, document.file, _UNDONE) from None


def _print(done: Sequence[Recovered], unknown: Sequence[Waiting]) -> None:
    for one in done:
        output.data(output.plain(f"{one.sink}: {'; '.join(_words(one))}"))
    for left in unknown:
        output.data(output.plain(f"{left.sink}: {left.records:,} go on to wait: the configuration has no such sink"))
    if not done and not unknown:
        output.data("nothing waits")


def _words(one: Recovered) -> Iterator[str]:
    yield f"{one.delivered:,} delivered"
    if one.dropped:
        why = ", ".join(f"{reason} {count:,}" for reason, count in sorted(one.dropped.items()))
        yield f"{sum(one.dropped.values()):,} dropped ({why})"
    if one.diverted:
        yield f"{one.diverted:,} of these went to its fallback"
    if one.pending:
        yield f"{one.pending:,} still waiting; try --timeout 300"


# -- listing ----------------------------------------------------------------------------------------------------------


def _list(found: Sequence[Waiting], document: Document, format: str) -> None:
    if format == "json":
        output.data_json({"file": document.file, "waiting": [_as_json(one) for one in found]})
    elif found:
        output.data(_table(found))
    else:
        output.data("nothing waits")


def _as_json(one: Waiting) -> dict[str, object]:
    return {
        "sink": one.sink,
        "program": one.program,
        "folder": str(one.folder),
        "alive": one.alive,
        "records": one.records,
        "bytes": one.bytes,
        "oldest": _time(one.oldest_ns),
        "newest": _time(one.newest_ns),
    }


def _time(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns / 1e9, UTC)
    return moment.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00") + "Z"


def _table(found: Sequence[Waiting]) -> str:
    from rich.table import Table  # late: 70 ms
    from rich.text import Text

    columns = output.width()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("sink", "records", "bytes", "oldest", "newest", "processes", "program"):
        table.add_column(name, overflow="fold", no_wrap=columns is None)
    table.columns[1].justify = table.columns[2].justify = "right"
    for one in found:
        cells = [one.sink, f"{one.records:,}", f"{one.bytes:,}", _time(one.oldest_ns), _time(one.newest_ns)]
        cells += ["run" if one.alive else "died", one.program]
        table.add_row(*(Text(output.plain(cell)) for cell in cells))
    return output.drawn(table, columns)
