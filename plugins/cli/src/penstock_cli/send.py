"""Send: the command `penstock send`; a message in, one event emitted and what became of it out; the main thread; a
configuration that cannot be used is told, and nothing is sent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from penstock_cli import manners, output
from penstock_cli.complete import sinks
from penstock_cli.fate import Fate, fates
from penstock_cli.group import Command
from penstock_cli.manners import Complaint
from penstock_cli.one_event import SinkChoice, for_one_event, without_spools
from penstock_cli.options import format_option, profile_option

if TYPE_CHECKING:
    from penstock import ConfigError
    from penstock.tooling import Document

_LEVELS: Final = ("trace", "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


def _field(given: str) -> tuple[str, object]:
    """Return ``key=value`` as a key and a value, which is what it is as a JSON scalar, else a text."""
    key, equals, text = given.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"expected key=value, got {given!r}; a message of several words needs quotes")
    return key, _scalar(text)


def _scalar(text: str) -> object:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, (dict, list)) else value


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


@click.command(
    cls=Command,
    examples=[
        'penstock send "disk is full" --level error host=web1 free=0',
        'penstock send --sink oncall "is anybody there?"',
    ],
)
@click.option("-c", "--config", metavar="FILE", type=click.Path(), help="Configuration; else the one found from here.")
@profile_option
@click.option(
    "--sink", metavar="NAME", shell_complete=sinks, help="Send to this sink alone, whatever its pipelines want."
)
@click.option("--level", type=click.Choice(_LEVELS), default="info", help="Level of the event; default: info.")
@click.option("--name", default="send", help="Name of the event; default: send.")
@click.option("--timeout", type=click.FloatRange(0), default=5.0, help="Seconds to wait for slow sinks; default: 5.")
@format_option
@click.argument("message")
@click.argument("fields", nargs=-1, type=_field, metavar="[KEY=VALUE]...")
@click.pass_context
def send(
    ctx: click.Context,
    config: str | None,
    profile: str | None,
    sink: str | None,
    level: str,
    name: str,
    timeout: float,
    format: str,
    message: str,
    fields: Sequence[tuple[str, object]],
) -> None:
    """Send one event with MESSAGE, wait, and tell what became of it at each sink.

    Values are numbers, true, false or null where they look like it, else texts. Exit code 1 if a sink that should have
    got it did not, or no sink wanted it.
    """
    import penstock  # late: --help needs none of it

    document = _document(config, profile, sink, name)
    _configure(document)
    try:
        penstock.get_logger(name).log(level, message, **dict(fields))
        penstock.flush(timeout)
        found = fates(document.table, penstock.ledger())
    finally:
        penstock.shutdown(0.0)  # the time to wait is over
    arrived = any(fate.wanted for fate in found) and all(fate.fine for fate in found)
    if format == "json":
        event = {"name": name, "level": level, "fields": [key for key, _ in fields]}  # no values: one may be a secret
        output.data_json(
            {"file": document.file, "event": event, "sinks": [fate.as_json() for fate in found], "ok": arrived}
        )
    else:
        _print(found, name, level)
    ctx.exit(manners.FINE if arrived else manners.FINDINGS)


def _document(config: str | None, profile: str | None, sink: str | None, name: str) -> Document:
    """Return the document for this one event."""
    from penstock import ConfigError, tooling

    try:
        found = tooling.document(config, profile)
    except ConfigError as error:
        raise _complaint(error, None) from None
    try:
        table = without_spools(for_one_event(found.table, sink, name))
    except SinkChoice as error:
        raise click.UsageError(str(error)) from None
    if found.file is None:
        output.message("penstock: no configuration belongs to this folder: the event goes to standard error")
    return tooling.Document(table, found.file, found.folder)


def _configure(document: Document) -> None:
    from penstock import ConfigError, tooling

    try:
        tooling.configure(document)
    except ConfigError as error:
        raise _complaint(error, document.file) from None


def _complaint(error: ConfigError, file: str | None) -> Complaint:
    for problem in error.problems:
        problem.file = problem.file or file
    problems = "\n".join(str(problem).replace("\n", " ") for problem in error.problems)
    return Complaint(f"{problems}\nnothing was sent; next: penstock check{f' {file}' if file else ''}")


def _print(found: Sequence[Fate], name: str, level: str) -> None:
    for fate in found:
        output.data(output.plain(f"{fate.sink}: {fate.words}"))
    if not any(fate.wanted for fate in found):
        text = f"no pipeline takes an event {name!r} at level {level}; try --level error, --name, or --sink"
        output.message(f"penstock: {output.plain(text)}")
