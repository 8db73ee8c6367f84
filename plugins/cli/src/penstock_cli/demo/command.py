"""Command: `penstock demo`; an embedded configuration in, the whole river at work out; the main thread; exit code 1 if
anything it promised was not so.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from penstock_cli import manners
from penstock_cli.group import Command
from penstock_cli.manners import Complaint
from penstock_cli.options import format_option

if TYPE_CHECKING:
    from penstock.tooling import Document
    from penstock_cli.demo.show import Show
    from penstock_cli.demo.verdict import Arrived


@click.command(cls=Command, examples=["penstock demo", "penstock demo --seconds 1 --format json"])
@click.option(
    "--seconds", type=click.FloatRange(0.1, 60), default=5.0, help="How long it takes, from 0.1 to 60; default: 5."
)
@format_option
@click.pass_context
def demo(ctx: click.Context, seconds: float, format: str) -> None:
    """Show the whole river at work: no network, no services, nothing left behind.

    Live lines go to standard error, as that is what the demo's configuration says. The exit code is 1 if the ledger
    does not balance, or anything was not delivered.
    """
    from penstock_cli.demo.show import JsonShow, TextShow  # late: brings rich

    show = JsonShow() if format == "json" else TextShow()
    with _interruptible() as go_on, _folder() as folder:
        found = _run(seconds, folder, show, go_on)
    ctx.exit(manners.FINDINGS if found else manners.FINE)


def _run(seconds: float, folder: Path | None, show: Show, go_on: Callable[[], None]) -> list[str]:
    """Run the river and the story, show both, and return what was wrong."""
    import penstock
    from penstock import tooling
    from penstock_cli.demo import river, sinks
    from penstock_cli.demo.story import Story
    from penstock_cli.demo.verdict import findings

    fitted = river.fitted(folder)
    sinks.SERVICE = sinks.Service()
    show.river(tooling.describe(fitted.document), fitted.missing)
    _configure(fitted.document)
    try:
        story = Story(seconds, bool(fitted.table["redact"]), show.waiting, go_on)
        show.business()
        story.business()
        show.outage()
        outage = story.outage()
        show.recovery(outage)
    finally:
        sinks.SERVICE.up = True  # interrupted in the outage, it would not drain
        penstock.shutdown(2.0)
    ledger = penstock.ledger()
    arrived = _arrived(folder, fitted.table)
    found = list(findings(fitted.table, ledger, story.counts, arrived, outage))
    show.end(ledger, story, outage, arrived, found)
    return found


def _configure(document: Document) -> None:
    from penstock import ConfigError, tooling

    try:
        tooling.configure(document, strict=True)
    except ConfigError as error:  # plugins of another version, with other options
        hint = "the demo does not fit what is installed; next: penstock plugins --verify"
        raise Complaint("\n".join([*map(str, error.problems), hint])) from None


def _arrived(folder: Path | None, table: Mapping[str, Any]) -> Arrived:
    """Return what is at the far ends, read back after everything is closed."""
    from penstock_cli.demo import sinks
    from penstock_cli.demo.verdict import Arrived

    alerts = [line.decode("utf-8", "replace") for line in sinks.SERVICE.received]
    if folder is None or "trades" not in table["sink"]:
        return Arrived(alerts, None)
    return Arrived(alerts, (folder / "trades.jsonl").read_text(encoding="utf-8").splitlines())


@contextmanager
def _folder() -> Iterator[Path | None]:
    """Make a temporary folder, and remove it however the demo ends; None where there can be none."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="penstock-demo-"))
    except OSError:
        yield None
        return
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    """Let SIGINT and SIGTERM end the demo between two steps; yield what ends it then.

    At any other moment an exception might come up inside a span, which would tell of it as an error of the shop.
    """
    came: list[int] = []

    def hear(number: int, _: FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt  # whoever asks twice does not want to wait
        came.append(number)

    def go_on() -> None:
        if came:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield go_on  # only the main thread may set a handler
        return
    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield go_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
