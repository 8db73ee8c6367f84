"""A library that only emits pays less than for `import logging`."""

from __future__ import annotations

import subprocess
import sys

import penstock

ALLOWED = (
    "__future__ atexit collections.abc contextvars errno functools heapq itertools select threading types weakref"
).split()
"""Where a module needs more, let it import that late, or under `TYPE_CHECKING`: see `penstock.hints`."""

HEAVY = (
    "attr attrs cattrs pluggy typing typing_extensions importlib.metadata asyncio contextlib dataclasses email enum"
    " inspect json logging pathlib random re traceback urllib"
).split()


def modules_after(statement: str, *, bare: bool = True) -> set[str]:
    code = f"import os, sys; before = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    command = [sys.executable, "-I", *(["-S"] if bare else []), "-c", code]  # -S: what `site` loads is no excuse
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def import_penstock(then: str = "") -> str:
    source = penstock.__path__[0].removesuffix("penstock")
    return f"sys.path.append({source!r}); import penstock\n{then}"


def foreign(modules: set[str]) -> set[str]:
    return {name for name in modules if name.split(".")[0] != "penstock"}


def allowed() -> set[str]:
    return modules_after(f"import {', '.join(ALLOWED)}")


def test_importing_loads_these_modules_of_the_standard_library_and_no_other() -> None:
    loaded = foreign(modules_after(import_penstock()))

    assert loaded <= allowed()
    assert not loaded & set(HEAVY)


def test_importing_loads_none_of_the_page_for_plugin_authors_nor_of_the_assembly() -> None:
    own = {name for name in modules_after(import_penstock()) if name.startswith("penstock")}

    assert len(own) < 25
    assert not own & {"penstock.types", "penstock.plugin", "penstock.assembly", "penstock.river.pipeline"}


def test_using_what_needs_no_configuration_loads_nothing_more() -> None:
    use = (
        "log = penstock.get_logger('x').bind(a=1); penstock.attach('h', 'e', print); penstock.detach('h');"
        " penstock.span('s')(print); penstock.context(a=1)(print); penstock.catch()(print); penstock.ledger();"
        " penstock.health(); penstock.define_event('e'); penstock.flush()"
    )

    assert foreign(modules_after(import_penstock(use))) <= allowed()


def test_emitting_before_configure_loads_no_dependency() -> None:
    loaded = modules_after(import_penstock("penstock.get_logger('x').info('y', z=1)"), bare=False)

    assert "penstock.river.redact" in loaded
    assert not loaded & {"attr", "attrs", "cattrs", "pluggy", "importlib.metadata", "asyncio", "email", "inspect"}
