"""Schema: the command `penstock schema`; the installed plugins in, a JSON Schema out; the main thread; a plugin that
does not load is in it with any options.
"""

from __future__ import annotations

import json

import click

from penstock_cli import output
from penstock_cli.group import Command


@click.command(cls=Command, examples=["penstock schema > penstock.schema.json"])
def schema() -> None:
    """Write the JSON Schema of configurations: every option of every plugin that is installed here.

    With the line `#:schema ./penstock.schema.json` at the top of a penstock.toml, an editor that knows taplo, tombi or
    Even Better TOML completes options, shows what they do, and underlines what is wrong. It imports all plugins.
    """
    from penstock import tooling  # late: brings the plugins' loader

    output.data(json.dumps(tooling.schema(), indent=2, ensure_ascii=False))
