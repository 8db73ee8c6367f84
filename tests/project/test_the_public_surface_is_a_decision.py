"""What users import changes only on purpose: with this snapshot."""

from __future__ import annotations

import inspect

import penstock
import penstock.plugin

PENSTOCK = """
AlreadyAttachedError Closed ConfigError Health Ledger Logger PenstockError PipelineLedger PluginConflictError
PluginError PluginLoadError Problem Rejected Secret SinkError SinkLedger Span Unavailable UnknownTypeError attach
bind_context catch clear_context configure context define_event detach event_definitions execute flush get_logger
health health_check ledger list_handlers secret set_level shutdown span testing unbind_context
""".split()

SIGNATURES = {
    "attach": "handler_id, events, function, config=None",
    "catch": "*errors, message='An exception was caught', level=40, reraise=False, default=None",
    "configure": "source=None, /, *, profile=None, strict=None",
    "detach": "handler_id",
    "execute": "event, measurements=None, metadata=None, /, *, level=None",
    "flush": "timeout=5.0",
    "get_logger": "name=None, /, **fields",
    "health_check": "name, check, /",
    "ledger": "",
    "list_handlers": "prefix=''",
    "secret": "value, /",
    "set_level": "level, *, name=None, sink=None, seconds=None",
    "shutdown": "timeout=5.0",
    "span": "event, /, **metadata",
}


def shape(function: object) -> str:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(inspect.Signature(bare))[1:-1]


def test_penstock_offers_these_names() -> None:
    assert sorted(penstock.__all__) == sorted(PENSTOCK)
    assert all(hasattr(penstock, name) for name in PENSTOCK)


def test_the_functions_take_these_arguments() -> None:
    assert {name: shape(getattr(penstock, name)) for name in SIGNATURES} == SIGNATURES


def test_every_level_is_a_method_whose_message_alone_is_positional() -> None:
    for name in "trace debug info notice warning error critical alert emergency exception".split():
        assert shape(getattr(penstock.Logger, name)) == "self, message, /, **fields"


def test_a_plugin_author_finds_everything_in_one_module() -> None:
    for name in "hookimpl Unavailable Rejected Closed Secret Size Duration Record Event Sink Format Stage".split():
        assert name in penstock.plugin.__all__
    assert all(hasattr(penstock.plugin, name) for name in penstock.plugin.__all__)
