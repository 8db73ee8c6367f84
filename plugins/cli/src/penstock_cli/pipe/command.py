"""Command: `penstock pipe`; options in, a job done; the main thread; a wrong option is told, and nothing is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from penstock_cli.group import Command
from penstock_cli.options import format_option, profile_option

if TYPE_CHECKING:
    from penstock_cli.pipe.pattern import Pattern
    from penstock_cli.pipe.times import ReadTime

_LEVELS: Final = ("trace", "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_SMALLEST_LINE: Final = 16

T = TypeVar("T")


@click.command(
    cls=Command,
    examples=[
        "penstock pipe -- node sidecar.js",
        "tail -F /var/log/syslog | penstock pipe -c logs.toml --name syslog",
        "penstock pipe --event 'login.failed=Failed password for (?P<user>\\S+)' < auth.log",
    ],
    context_settings={"allow_interspersed_args": False},
)
@click.option("-c", "--config", metavar="FILE", type=click.Path(), help="Configuration; else the one found from here.")
@profile_option
@click.option(
    "--input",
    type=click.Choice(["auto", "ndjson", "logfmt", "text", "regex"]),
    help="What lines are; default: auto, each by its looks; with --pattern: regex.",
)
@click.option(
    "--pattern",
    "patterns",
    metavar="[NAME=]REGEX",
    multiple=True,
    help="Layout of a line, with the groups time, level, name, message, pid, hostname; any other group is a field. "
    "May be given several times: the first that is found is taken, and names its events.",
)
@click.option(
    "--event",
    "events",
    metavar="NAME=REGEX",
    multiple=True,
    help="Call an event NAME if REGEX is found in its message, whatever the input; its groups are fields. "
    "May be given several times: the first that is found is taken.",
)
@click.option("--time-format", metavar="FORMAT", help="How times are written, as for strptime; else all common ways.")
@click.option("--name", metavar="NAME", help="Name of events whose line has none; default: pipe, or the command's.")
@click.option(
    "--level", type=click.Choice(_LEVELS), default="info", help="Level of events whose line has none; default: info."
)
@click.option(
    "--max-line", metavar="SIZE", default="1 MiB", help="What is beyond this of a line is left out; default: 1 MiB."
)
@click.option(
    "--wait",
    metavar="DURATION",
    default="5 s",
    help="How long to hold the input back, and at the end to wait, for sinks that make no progress; default: 5 s.",
)
@click.option("--quiet", is_flag=True, help="No report at the end.")
@format_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARGUMENT]...]")
@click.pass_context
def pipe(
    ctx: click.Context,
    config: str | None,
    profile: str | None,
    input: str | None,
    patterns: Sequence[str],
    events: Sequence[str],
    time_format: str | None,
    name: str | None,
    level: str,
    max_line: str,
    wait: str,
    quiet: bool,
    format: str,
    command: Sequence[str],
) -> None:
    """Take in what another program says, line by line, from standard input or from COMMAND, which is run.

    A line keeps its own time, level, name, pid and message where it says them. One that cannot be parsed becomes an
    event all the same, with the whole line as its message and the field `unparsed`.

    On the end of the input, SIGTERM and SIGINT everything is delivered; the report says how much. Exit code: that of
    COMMAND, else 1 if an event was lost.
    """
    from penstock.plugin import Duration, Level, Size  # late: --help needs none of it
    from penstock_cli.pipe.run import Job, run
    from penstock_cli.pipe.times import build_read_time
    from penstock_cli.pipe.understand import build_understand

    times = _valid("--time-format", build_read_time, time_format)
    if input == "regex" and not patterns:
        raise click.UsageError("--input regex needs a --pattern")
    if input not in (None, "auto", "regex") and patterns:
        raise click.UsageError(f"--pattern has no meaning with --input {input}; leave one of them out")
    layouts = _patterns("--pattern", patterns, times)
    understand = build_understand(
        input or ("regex" if patterns else "auto"), layouts, _named_patterns("--event", events, times), times
    )
    job = Job(
        config=config,
        profile=profile,
        understand=understand,
        name=_name(name, command),
        level=int(Level(level)),
        longest=_at_least(_SMALLEST_LINE, "--max-line", _valid("--max-line", Size, max_line)),
        wait=float(_valid("--wait", Duration, wait)),
        command=command,
        report=None if quiet else format,
    )
    ctx.exit(run(job))


def _valid(option: str, make: Callable[[Any], T], value: Any) -> T:
    try:
        return make(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}, got {value!r}", param_hint=option) from None


def _at_least(least: int, option: str, value: int) -> int:
    if value < least:
        raise click.BadParameter(f"expected {least} bytes or more", param_hint=option)
    return value


def _patterns(option: str, texts: Sequence[str], times: ReadTime) -> list[Pattern]:
    from penstock_cli.pipe.pattern import Pattern

    return [_valid(option, lambda text: Pattern(text, times), text) for text in texts]


def _named_patterns(option: str, texts: Sequence[str], times: ReadTime) -> list[Pattern]:
    patterns = _patterns(option, texts, times)
    for pattern, text in zip(patterns, texts, strict=True):
        if pattern.name is None:
            raise click.BadParameter(f"expected NAME=REGEX, got {text!r}", param_hint=option)
    return patterns


def _name(name: str | None, command: Sequence[str]) -> str:
    """Return the name of events that have none: as given, or the command's, as one segment."""
    from penstock_cli.pipe.parsed import name_of

    if name is not None:
        usable = name_of(name)
        if usable is None:
            raise click.BadParameter(f"expected a short name, got {name!r}", param_hint="--name")
        return usable
    own = PurePath(command[0]).name.removesuffix(".exe").replace(".", "_") if command else ""
    return name_of(own) or "pipe"
