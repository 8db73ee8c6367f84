"""Completion: the command `penstock completion`; the name of a shell in, a script for it out; the main thread; it
changes no file.
"""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from penstock_cli import output
from penstock_cli.group import Command

_SHELLS: Final = ("bash", "zsh", "fish")


@click.command(
    cls=Command,
    examples=[
        "penstock completion fish | source       # in ~/.config/fish/config.fish",
        'eval "$(penstock completion bash)"      # in ~/.bashrc',
        'eval "$(penstock completion zsh)"       # in ~/.zshrc',
    ],
)
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Write the script that lets SHELL complete commands, options, and the names of sinks, types, profiles and keys."""
    root = ctx.find_root()
    name = root.info_name or "penstock"
    found = get_completion_class(shell)
    assert found is not None  # click knows all three
    variable = f"_{name.replace('-', '_').replace('.', '_').upper()}_COMPLETE"
    output.data(found(root.command, {}, name, variable).source().strip("\n"))
