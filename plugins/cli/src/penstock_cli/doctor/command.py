"""Command: `penstock doctor`; this machine in, findings out; the main thread; it changes nothing, asks no network and
shows no secret, so that its output can be sent to a stranger.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from penstock_cli import manners, output
from penstock_cli.group import Command
from penstock_cli.options import config_option, format_option, profile_option

if TYPE_CHECKING:
    from penstock_cli.doctor.finding import Finding

_COLOURS: Final[Mapping[str, str]] = {"fine": "green", "note": "cyan", "warning": "yellow", "wrong": "red"}


@click.command(cls=Command, examples=["penstock doctor", "penstock doctor --format json"])
@config_option
@profile_option
@format_option
@click.pass_context
def doctor(ctx: click.Context, config: str | None, profile: str | None, format: str) -> None:
    """Tell what there is to know when something does not work: the first thing to put into a report.

    Versions, plugins that do not load, which configuration is found and why, where state is kept, what dead processes
    left, the clock, limits and the terminal. It changes nothing, asks no network, and shows no secret. Exit code 1 if
    something is wrong; a warning is no such thing.
    """
    from penstock_cli.doctor.checks import findings  # late: --help needs none of it

    found = list(findings(config, profile))
    wrong = any(one.state == "wrong" for one in found)
    if format == "json":
        output.data_json({"ok": not wrong, "findings": [one._asdict() for one in found]})
    else:
        _print(found)
    ctx.exit(manners.FINDINGS if wrong else manners.FINE)


def _print(found: Sequence[Finding]) -> None:
    colours = output.coloured(sys.stdout)
    wide = max(len(one.topic) for one in found)
    for one in found:
        state = click.style(f"{one.state:<7}", fg=_COLOURS[one.state]) if colours else f"{one.state:<7}"
        hint = f"; {one.hint}" if one.hint else ""
        output.data(f"{state}  {one.topic:<{wide}}  {output.plain(one.text + hint)}")
