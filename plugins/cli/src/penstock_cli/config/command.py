"""Command: `penstock config`; a configuration in, its effective values out, or one of them changed in its file; the
main thread; opens no sink, follows no reference, shows no secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from penstock_cli import complete, manners, output
from penstock_cli.configured import read_document
from penstock_cli.group import Command, Group
from penstock_cli.manners import Complaint
from penstock_cli.options import config_option, format_option, profile_option

if TYPE_CHECKING:
    from penstock.tooling import Document, Setting


@click.group(
    cls=Group,
    examples=[
        "penstock config show --origin",
        "penstock config get sink.trades.keep",
        "penstock config set sink.trades.keep 9",
    ],
)
def config() -> None:
    """Show, read, change and export a configuration.

    It is what a program started here would run with: the file, what it extends, its profile, the environment, and the
    defaults of all plugins. Secrets are never shown.
    """


@config.command(cls=Command, examples=["penstock config show --origin", "penstock config show --no-defaults"])
@config_option
@profile_option
@click.option("--origin", is_flag=True, help="Say where each value comes from: file, line and column, or variable.")
@click.option("--defaults/--no-defaults", default=True, help="Whether to show what nobody said; default: show.")
@format_option
def show(config: str | None, profile: str | None, origin: bool, defaults: bool, format: str) -> None:
    """Show every effective value, as TOML."""
    from penstock_cli.config.show import as_json, shown  # late: --help needs none of it

    document, settings = _read(config, profile)
    wanted = [one for one in settings if defaults or not one.default]
    if format == "json":
        output.data_json({"file": document.file, "settings": [as_json(one) for one in wanted]})
    else:
        output.data(shown(wanted, origin))


@config.command(cls=Command, examples=["penstock config get level", "penstock config get sink.trades.keep --origin"])
@click.argument("key", shell_complete=complete.keys)
@config_option
@profile_option
@click.option("--origin", is_flag=True, help="Say where the value comes from, behind a tab.")
@format_option
@click.pass_context
def get(ctx: click.Context, key: str, config: str | None, profile: str | None, origin: bool, format: str) -> None:
    """Print the effective value at KEY: a text as it is, all else as TOML, a table as TOML.

    Exit code 1 if it is not set.
    """
    from penstock_cli.config.change import nearest  # late: --help needs none of it
    from penstock_cli.config.show import as_json, shown
    from penstock_cli.config.toml import key_text, parsed_key, value_text

    keys = parsed_key(key)
    document, settings = _read(config, profile)
    found = [one for one in settings if one.keys[: len(keys)] == keys]
    if not found:
        raise Complaint(f"there is no {key_text(keys)}; {nearest(keys, settings)}")
    if format == "json":
        output.data_json({"file": document.file, "settings": [as_json(one) for one in found]})
    elif found[0].keys != keys:
        output.data(shown(found, origin))
    elif found[0].value is not None:
        value = found[0].value
        text = output.plain(value if isinstance(value, str) else value_text(value))
        output.data(f"{text}\t{output.plain(found[0].source)}" if origin else text)
    unset = found[0].keys == keys and found[0].value is None
    if unset:
        output.message(output.plain(f"penstock: {key_text(keys)} is not set"))
    ctx.exit(manners.FINDINGS if unset else manners.FINE)


@config.command(
    "set",
    cls=Command,
    examples=["penstock config set sink.trades.keep 9", "penstock config set level debug --profile development"],
)
@click.argument("key", shell_complete=complete.keys)
@click.argument("value")
@config_option
@profile_option
def set_(key: str, value: str, config: str | None, profile: str | None) -> None:
    """Change the value at KEY in the file; comments and all else in it stay.

    VALUE is TOML, or a text where the option takes one. With --profile, the value of that profile is changed. What
    would make the configuration worse is refused, and so is a secret: set KEY.env to the name of a variable instead.
    """
    from penstock_cli.config.change import change, told  # late: --help needs none of it
    from penstock_cli.config.toml import parsed_key

    keys = parsed_key(key)
    document = read_document(config, None, "nothing changed")  # a profile may be a new one
    if document.file is None:
        raise Complaint("no configuration belongs to this folder; nothing changed; next: penstock init")
    done = change(document, profile, keys, value)
    output.data(output.plain(f"{document.file}: {told(done)}"))
    effective = done.effective
    if effective is not None and effective.origin.variable is not None:
        output.message(output.plain(f"penstock: but {effective.source} is in effect here"))


@config.command(cls=Command, examples=["penstock config export > all.toml"])
@config_option
@profile_option
@click.option("--defaults", is_flag=True, help="Write down what nobody said, too.")
@click.pass_context
def export(ctx: click.Context, config: str | None, profile: str | None, defaults: bool) -> None:
    """Write the effective configuration as one TOML document: overlays applied, tests left out.

    References stay references. A secret that is written out becomes one: a message says which variable has to be set.
    Exit code 1 if something had to be left out.
    """
    import tomli_w

    from penstock_cli.config.export import exported  # late: --help needs none of it
    from penstock_cli.config.toml import key_text

    _, settings = _read(config, profile)
    done = exported(settings, defaults)
    output.data(tomli_w.dumps(done.table).rstrip("\n"))
    for name in done.variables:
        output.message(f"penstock: a secret is written out; set the variable {name} to it")
    for keys in done.left_out:
        output.message(output.plain(f"penstock: left out, because it may be a secret: {key_text(keys)}"))
    ctx.exit(manners.FINDINGS if done.left_out else manners.FINE)


def _read(config: str | None, profile: str | None) -> tuple[Document, list[Setting]]:
    from penstock import tooling  # late: brings the plugins' loader

    document = read_document(config, profile, "nothing is shown")
    return document, tooling.settings(document)
