"""penstock-cli: the command line: demo, check, plugins, route, test, pipe, send, recover, replay."""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from penstock_cli.group import penstock  # late: importing the package costs nothing

    penstock(prog_name="penstock")
