"""Each hook is typed and answers the four questions; so does each method of a protocol."""

from __future__ import annotations

import inspect
import typing

import pytest

import penstock.types
from penstock.assembly import hookspecs
from repository import ROOT

HOOKS = [pytest.param(hook, id=name) for name, hook in vars(hookspecs).items() if name.startswith("penstock_")]
METHODS = [
    pytest.param(method, id=f"{name}.{method.__name__}")
    for name, protocol in vars(penstock.types).items()
    if getattr(protocol, "_is_protocol", False) and name not in ("Protocol", "EventSink", "Later")
    for method in vars(protocol).values()
    if inspect.isfunction(method) and not method.__name__.startswith("_")
]
QUESTIONS = ("When:", "Thread:", "May block:", "If it raises:")


def answers_the_four_questions(documented: object) -> bool:
    doc = inspect.getdoc(documented) or ""
    places = [doc.find(question, doc.find("Called:")) for question in QUESTIONS]
    return -1 not in places and places == sorted(places)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_of_a_protocol_answers_the_four_questions(method: object) -> None:
    assert answers_the_four_questions(method)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_typed_and_answers_the_four_questions(hook: typing.Any) -> None:
    hints = typing.get_type_hints(hook)

    assert set(hints) == {*inspect.signature(hook).parameters, "return"}
    assert typing.Any not in hints.values()
    assert answers_the_four_questions(hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_in_the_documentation(hook: typing.Any) -> None:
    pages = "".join(path.read_text() for path in ROOT.glob("docs/extend/*.md"))

    assert f"`{hook.__name__}`" in pages


def test_there_are_hooks_and_methods_to_look_at() -> None:
    assert len(HOOKS) == 8
    assert len(METHODS) >= 10
