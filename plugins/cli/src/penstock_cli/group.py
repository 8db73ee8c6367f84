"""Group: the command `penstock`; arguments in, the chosen command run; the main thread; only the chosen one is
imported, and a broken one costs itself only.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from penstock_cli import foreign, manners, output

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class _Own(NamedTuple):
    where: str
    help: str


OWN: Final = {
    "demo": _Own("penstock_cli.demo.command:demo", "Show the whole river at work, in five seconds."),
    "init": _Own("penstock_cli.init:init", "Write a penstock.toml to begin with."),
    "graph": _Own("penstock_cli.graph.command:graph", "Draw the river that a configuration describes."),
    "config": _Own("penstock_cli.config.command:config", "Show, read, change and export a configuration."),
    "check": _Own("penstock_cli.check:check", "Find every mistake in a configuration."),
    "explain": _Own("penstock_cli.explain:explain", "Explain a problem, or a key of the configuration."),
    "schema": _Own("penstock_cli.schema:schema", "Write the JSON Schema of configurations, for editors."),
    "plugins": _Own("penstock_cli.plugins:plugins", "List what is installed."),
    "route": _Own("penstock_cli.route:route", "Show which way an event would take, and why."),
    "test": _Own("penstock_cli.test:test", "Run the tests in a configuration."),
    "send": _Own("penstock_cli.send:send", "Send one event, and tell what became of it."),
    "pipe": _Own("penstock_cli.pipe.command:pipe", "Run a program and take in what it says."),
    "doctor": _Own("penstock_cli.doctor.command:doctor", "Tell what there is to know when something does not work."),
    "completion": _Own("penstock_cli.completion:completion", "Write the completion script of a shell."),
    "recover": _Own("penstock_cli.recover:recover", "Deliver what programs left when they died."),
    "replay": _Own("penstock_cli.replay:replay", "Send dead letters again."),
}


class Command(click.Command):
    """A command whose help leads with examples.

    Args:
        examples: Lines to type, without a prompt.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **settings: Any) -> None:
        self.examples = examples
        super().__init__(*args, **settings)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then what click writes."""
        _write_examples(self.examples, formatter)
        super().format_help(ctx, formatter)


def _write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    with formatter.indentation():
        for example in examples:
            formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
    formatter.write_paragraph()


class Group(click.Group):
    """A group of commands whose help leads with examples.

    Args:
        examples: Lines to type, without a prompt.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **settings: Any) -> None:
        self.examples = examples
        super().__init__(*args, **settings)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then what click writes."""
        _write_examples(self.examples, formatter)
        super().format_help(ctx, formatter)


class Penstock(click.Group):
    """The group of all commands: names and help lines are known before anything is imported."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = "penstock",
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, with the manners of every command, and end the process with the exit code."""
        call = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return call()
        sys.exit(manners.run(call))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of our own commands, then of the others."""
        return [*OWN, *(name for name in foreign.commands() if name not in OWN)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None if there is no such name."""
        own = OWN.get(cmd_name)
        if own is not None:
            module, _, name = own.where.partition(":")
            command: click.Command = getattr(importlib.import_module(module), name)
            return command
        return foreign.load(cmd_name) if cmd_name in foreign.commands() else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the chosen command, or offer the nearest name."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            import difflib  # late, as nearly everybody types a name that there is

            near = difflib.get_close_matches(args[0], names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
            ctx.fail(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write an example, then what click writes."""
        _write_examples(["penstock demo", "penstock init --preset web", "penstock check"], formatter)
        super().format_help(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their help lines, and import none of them."""
        rows = [(name, self._help(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _help(self, name: str) -> str:
        return OWN[name].help if name in OWN else foreign.commands()[name][0].summary

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, and import none of them."""
        from click.shell_completion import CompletionItem  # late: only a shell asks

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self._help(name)) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]


def _print_versions(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from penstock_cli.versions import versions  # late: nobody else needs it

        for line in versions():
            output.data(line)
        ctx.exit()


@click.group(cls=Penstock, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_versions,
    help="Show the versions of Penstock and of what is installed with it.",
)
def penstock() -> None:
    """Logging and telemetry under control: see it, check it, try it."""
