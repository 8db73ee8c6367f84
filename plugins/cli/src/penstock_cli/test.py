"""Test: the command `penstock test`; a configuration in, what became of each of its tests out; the main thread; no
network, no secrets: recorders stand in for the sinks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from penstock_cli import manners, output, places
from penstock_cli.configured import complaint
from penstock_cli.group import Command
from penstock_cli.options import format_option, profile_option

if TYPE_CHECKING:
    from penstock.tooling import Case, Cases, Finding, Verdict


@click.command(
    cls=Command,
    examples=["penstock test", "penstock test penstock.toml --only oncall --format json"],
)
@click.argument("file", required=False, type=click.Path())
@profile_option
@click.option("--only", metavar="TEXT", help="Run the tests with TEXT in their names.")
@format_option
@click.pass_context
def test(ctx: click.Context, file: str | None, profile: str | None, only: str | None, format: str) -> None:
    """Run the [[test]] cases in FILE: whole pipelines, down to the bytes that each sink would get.

    Without FILE: the configuration that a program started here would find. No sink is opened, no secret looked up, and
    no time is waited for. Exit code 1 if a test fails, or there is none.
    """
    from penstock import ConfigError, tooling  # late: brings the plugins' loader

    try:
        found = tooling.cases(file, profile=profile)
    except ConfigError as error:
        raise complaint(error, file, "nothing was tested") from None
    chosen = [case for case in found.cases if only is None or only in case.name]
    ran = [(case, case.run()) for case in chosen]
    failed = sum(not verdict.passed for _, verdict in ran)
    if format == "json":
        output.data_json(_document(found, ran))
    else:
        for case, verdict in ran:
            _print(case, verdict)
        _summarise(found, len(ran), failed, only)
    ctx.exit(manners.FINDINGS if failed or not ran else manners.FINE)


def _print(case: Case, verdict: Verdict) -> None:
    place = places.place(case.where)
    output.data(output.plain(f"{'ok' if verdict.passed else 'FAILED'}  {case.name}{f'  {place}' if place else ''}"))
    for finding in verdict.findings:
        for line in _lines(finding):
            output.data(f"    {output.plain(line)}")
    if not verdict.passed:
        for fault in verdict.faults:  # those of a test that passes were wanted
            output.data(f"    {output.plain(str(fault))}")


def _lines(finding: Finding) -> list[str]:
    place = places.place(finding.where)
    return [f"{f'{place}: ' if place else ''}expected {finding.expected}", *(f"    {line}" for line in finding.got)]


def _summarise(found: Cases, ran: int, failed: int, only: str | None) -> None:
    for problem in found.problems:
        problem.file = places.from_here(problem.file)
        output.message(f"penstock: {output.plain(str(problem))}")
    file = places.from_here(found.file) or "the configuration"
    if not ran:
        which = f" with {only!r} in its name" if only is not None else ""
        output.message(output.plain(f"penstock: there is no [[test]]{which} in {file}: nothing was tested"))
    elif failed:
        output.message(f"{failed} of {ran} failed")
    else:
        output.data(f"{ran} passed")


def _document(found: Cases, ran: list[tuple[Case, Verdict]]) -> dict[str, object]:
    return {
        "ok": bool(ran) and all(verdict.passed for _, verdict in ran),
        "file": found.file,
        "tests": [
            {
                "name": case.name,
                "number": case.number,
                "passed": verdict.passed,
                **places.as_json(case.where),
                "findings": [
                    {"expected": one.expected, "got": list(one.got), **places.as_json(one.where)}
                    for one in verdict.findings
                ],
                "received": {sink: list(records) for sink, records in verdict.received.items()},
                "faults": [str(fault) for fault in verdict.faults],
            }
            for case, verdict in ran
        ],
        "problems": [str(problem) for problem in found.problems],
    }
