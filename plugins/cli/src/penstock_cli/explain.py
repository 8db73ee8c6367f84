"""Explain: the command `penstock explain`; the name of a problem or a key of the configuration in, what it means out;
the main thread; nothing is opened.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from penstock_cli import manners, output
from penstock_cli.configured import complaint
from penstock_cli.group import Command
from penstock_cli.options import config_option, format_option, profile_option

if TYPE_CHECKING:
    from penstock.tooling import Explanation, KeyDescription


@click.command(
    cls=Command,
    examples=["penstock explain unknown-key", "penstock explain sink.trades.max_size", "penstock explain"],
)
@click.argument("name", required=False)
@config_option
@profile_option
@format_option
@click.pass_context
def explain(ctx: click.Context, name: str | None, config: str | None, profile: str | None, format: str) -> None:
    """Explain NAME: a problem that `penstock check` found, or a key of the configuration.

    Without NAME: every problem there is, in a line each. Of a sink that is not declared, the name is taken for its
    type, so that `sink.telegram.chat_id` is explained without a file. Exit code 1 if there is no such name.
    """
    from penstock.tooling import EXPLANATIONS  # late: --help needs none of it

    if name is None:
        _list(EXPLANATIONS.values(), format)
    elif name in EXPLANATIONS:
        _tell(EXPLANATIONS[name], format)
    elif "." in name or not difflib.get_close_matches(name, EXPLANATIONS, 1, 0.7):
        _tell_key(_described(name, config, profile), format)
    else:
        near = difflib.get_close_matches(name, EXPLANATIONS, 1, 0.7)
        raise manners.Complaint(f"there is no problem {name!r}; did you mean {near[0]!r}?")
    ctx.exit(manners.FINE)


def _list(explanations: Iterable[Explanation], format: str) -> None:
    if format == "json":
        output.data_json({"problems": [_as_json(one) for one in explanations]})
        return
    for one in explanations:
        output.data(f"{one.code:24}{one.weight:17}{one.title}")


def _as_json(one: Explanation) -> dict[str, object]:
    return {"code": one.code, "weight": one.weight, "title": one.title, "text": one.text, "example": one.toml}


def _tell(one: Explanation, format: str) -> None:
    if format == "json":
        output.data_json(_as_json(one))
        return
    output.data(f"{one.code} ({one.weight}): {one.title}\n\n{one.text}\n\nFor example:\n")
    for line in one.toml.rstrip().splitlines():
        output.data(f"    {line}".rstrip())


def _described(path: str, config: str | None, profile: str | None) -> KeyDescription:
    from penstock import ConfigError, PluginError, tooling

    try:
        return tooling.describe_key(tooling.document(config, profile), path)
    except ConfigError as error:
        raise complaint(error, None, "nothing was explained") from None
    except (LookupError, PluginError) as error:
        text = str(error.args[0] if error.args else error)
        raise manners.Complaint(f"{text}; the names of problems: penstock explain") from None


def _tell_key(key: KeyDescription, format: str) -> None:
    facts = {
        "takes": key.type,
        "default": "none: it has to be given" if key.default is None else key.default,
        "here": None if key.value is None else f"{key.value}, from {key.origin}",
    }
    if format == "json":
        names = ("path", "doc", "type", "default", "value")
        output.data_json({**{name: getattr(key, name) for name in names}, "origin": str(key.origin)})
        return
    output.data(output.plain(f"{key.path}: {key.doc}" if key.doc else key.path))
    for word, fact in facts.items():
        if fact is not None:
            output.data(output.plain(f"  {word:9}{fact}"))
