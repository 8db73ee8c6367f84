"""Replay: the command `penstock replay`; a file of dead letters in, what became of each out; the main thread; what is
not delivered is in the file again, whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock_cli import manners, output
from penstock_cli.complete import sinks
from penstock_cli.configured import complaint, one_of, read_document, sink_names
from penstock_cli.group import Command
from penstock_cli.manners import Complaint
from penstock_cli.options import config_option, format_option, profile_option, timeout_option

if TYPE_CHECKING:
    from penstock.tooling import Document, Replay, Replayed

_UNDONE = "nothing was sent"


@click.command(
    cls=Command,
    examples=["penstock replay dead-letters.jsonl", "penstock replay oncall.jsonl -c shop.toml --sink console"],
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@profile_option
@click.option(
    "--sink", metavar="NAME", shell_complete=sinks, help="Send all of them to this sink, whichever they were for."
)
@timeout_option
@format_option
@click.pass_context
def replay(
    ctx: click.Context,
    file: Path,
    config: str | None,
    profile: str | None,
    sink: str | None,
    timeout: float,
    format: str,
) -> None:
    """Send the dead letters in FILE again, each to the sink that it was for.

    Dead letters are what a sink refused, or what waited too long: see the option `dead_letters` of a sink's delivery.
    What is delivered leaves the file; what is refused again, or has no sink, stays. Programs may go on to write to it.
    Exit code 1 if anything stays.
    """
    document = read_document(config, profile, _UNDONE)
    if document.file is None:
        raise Complaint(f"no configuration belongs to this folder; {_UNDONE}; next: name one with -c FILE")
    if sink is not None:
        one_of("sink", sink, sink_names(document))
    done = _send(file.resolve(), document, sink, timeout)
    ok = done.finished and not done.torn and all(one.delivered == one.letters for one in done.sinks)
    if format == "json":
        output.data_json(_document(done, file, document, ok))
    else:
        _print(done, file)
    ctx.exit(manners.FINE if ok else manners.FINDINGS)


def _send(path: Path, document: Document, sink: str | None, timeout: float) -> Replay:
    from penstock import ConfigError, tooling  # late: brings the plugins' loader

    try:
        return tooling.replay(path, document, sink=sink, patience=timeout)
    except ConfigError as error:
        raise complaint(error, document.file, _UNDONE) from None
    except FileNotFoundError:
        raise click.UsageError(f"there is no file {str(path)!r}") from None
    except BlockingIOError:
        raise Complaint(f"{path}: somebody else is sending these letters; {_UNDONE}") from None
    except OSError as error:
        raise Complaint(f"{path}: {error.strerror or error}; what was not delivered is kept") from None


def _document(done: Replay, file: Path, document: Document, ok: bool) -> dict[str, object]:
    sinks = [{**one._asdict(), "refused": dict(one.refused)} for one in done.sinks]
    return {
        "ok": ok,
        "file": document.file,
        "letters": str(file),
        "sinks": sinks,
        "torn": done.torn,
        "finished": done.finished,
    }


def _print(done: Replay, file: Path) -> None:
    for one in done.sinks:
        output.data(output.plain(f"{one.sink}: {'; '.join(_words(one))}"))
    if done.torn:
        lines = "1 line is no letter and stays" if done.torn == 1 else f"{done.torn:,} lines are no letters and stay"
        output.data(f"{lines} in {output.plain(str(file))}")
    if not done.sinks and not done.torn:
        output.data(f"there is no letter in {output.plain(str(file))}")


def _words(one: Replayed) -> Iterator[str]:
    if one.delivered or not (one.refused or one.kept):
        yield f"{one.delivered:,} delivered"
    if one.refused:
        why = ", ".join(f"{reason} {count:,}" for reason, count in sorted(one.refused.items()))
        yield f"{sum(one.refused.values()):,} not taken again ({why})"
    if not one.known:
        yield f"{one.kept:,} stay: the configuration has no such sink; try --sink NAME"
    elif one.kept:
        yield f"{one.kept:,} not delivered in time; try --timeout 300"
