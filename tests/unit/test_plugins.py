"""Plugins are found by entry point; one that is broken is named and stops no other."""

from __future__ import annotations

import sys
import types
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import penstock
from penstock.assembly import plugins as plugins_module
from penstock.assembly.plugins import CATALOGUE, Plugins, list_installed
from penstock.errors import PluginConflictError, PluginLoadError, UnknownTypeError
from penstock.river.format import PlainFormat


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a distribution with one module and its entry points, for this test."""
    monkeypatch.syspath_prepend(tmp_path)
    made: list[str] = []

    def install(name: str, entries: dict[str, str], code: str, keywords: str = "penstock-sink") -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: Made for a test\nKeywords: {keywords}\n"
        )
        lines = "".join(f"{entry} = {value}\n" for entry, value in entries.items())
        (info / "entry_points.txt").write_text(f"[penstock]\n{lines}")
        made.append(module)
        plugins_module._entries.cache_clear()

    forget = plugins_module._entries.cache_clear
    forget()
    yield install
    forget()
    for module in made:
        sys.modules.pop(module, None)


GOOD = """
from penstock.plugin import hookimpl

class Good:
    def write(self, batch, /):
        pass

@hookimpl
def penstock_sink():
    return {"good": Good}
"""


def test_a_type_is_found_by_its_entry_point(install: Any) -> None:
    install("test-good", {"good": "test_good"}, GOOD)

    assert Plugins().find("sink", "good").__name__ == "Good"


def test_listing_imports_nothing(install: Any) -> None:
    install("test-good", {"good": "test_good"}, GOOD)

    (listing,) = [one for one in list_installed() if one.type == "good"]

    assert listing == ("good", ("sink",), "test-good", "1.0", "Made for a test")
    assert "test_good" not in sys.modules


def test_only_what_is_named_is_imported(install: Any) -> None:
    install("test-good", {"good": "test_good"}, GOOD)
    install("test-other", {"other": "test_other"}, "raise SystemExit('imported!')")

    Plugins().find("sink", "good")

    assert "test_other" not in sys.modules


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("raise ImportError('no module named x')", "ImportError: no module named x"),
        ("def f(:", "SyntaxError"),
        (
            "from penstock.plugin import hookimpl\n@hookimpl\ndef penstock_snik(): return {}",
            "did you mean 'penstock_sink'?",
        ),
        (
            "from penstock.plugin import hookimpl\n@hookimpl\ndef penstock_sink(a, b): return {}",
            "PluginValidationError",
        ),
        ("from penstock.plugin import hookimpl\n@hookimpl\ndef penstock_sink(): 1 / 0", "ZeroDivisionError"),
        ("from penstock.plugin import hookimpl\n@hookimpl\ndef penstock_sink(): return 7", "AttributeError"),
        ("penstock_api = 9", "made for plugin interface 9, this is 1"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution_and_stops_no_other(
    code: str, expected: str, install: Any
) -> None:
    install("test-bad", {"bad": "test_bad"}, code)
    install("test-good", {"good": "test_good"}, GOOD)
    plugins = Plugins()

    with pytest.raises(PluginLoadError) as caught:
        plugins.find("sink", "bad")

    assert "plugin 'bad' (test-bad 1.0): " in str(caught.value)
    assert expected in str(caught.value)
    assert plugins.find("sink", "good")


def test_two_distributions_with_one_type_are_both_named(install: Any) -> None:
    install("test-good", {"good": "test_good"}, GOOD)
    install("test-twin", {"good": "test_twin"}, GOOD)

    with pytest.raises(
        PluginConflictError, match=r"test-good 1\.0 and test-twin 1\.0|test-twin 1\.0 and test-good 1\.0"
    ):
        Plugins().find("sink", "good")


def test_a_plugin_can_be_disabled_from_outside(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install("test-good", {"good": "test_good"}, GOOD)
    monkeypatch.setenv("PENSTOCK_DISABLE", "x, good")

    with pytest.raises(PluginLoadError, match="disabled by PENSTOCK_DISABLE"):
        Plugins().find("sink", "good")


def test_an_unknown_type_knows_what_could_have_been_meant(install: Any) -> None:
    install("test-good", {"good": "test_good"}, GOOD)

    with pytest.raises(UnknownTypeError) as caught:
        Plugins().find("sink", "goood")

    assert "good" in caught.value.known
    assert "last-resort" in caught.value.known


def test_several_types_may_name_one_module(install: Any) -> None:
    install("test-two", {"a": "test_two", "b": "test_two"}, GOOD.replace('{"good": Good}', '{"a": Good, "b": Good}'))
    plugins = Plugins()

    assert plugins.find("sink", "a") is plugins.find("sink", "b")


def test_the_cores_own_two_need_no_plugin() -> None:
    assert Plugins().find("format", "plain") is PlainFormat


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("python:no_such_module:Sink", "ModuleNotFoundError"),
        ("python:json:NoSuchClass", "AttributeError"),
        ("python:json:dumps", "dumps is no class"),
        ("python:json", "write it as"),
        ("python:json:a.b", "write it as"),
    ],
)
def test_a_class_that_is_named_wrongly_is_an_error(name: str, expected: str) -> None:
    with pytest.raises(PluginLoadError, match=expected):
        Plugins().find("sink", name)


def test_only_our_own_distributions_are_ever_suggested() -> None:
    with pytest.raises(penstock.ConfigError) as caught:
        penstock.configure({"sink": {"x": {"type": "telegarm"}}, "pipeline": {"a": {"sink": "x"}}}, strict=True)
    assert "telegram" in str(caught.value)
    assert "penstock-telegarm" not in str(caught.value)
    assert all(name.startswith("penstock-") for name in CATALOGUE.values())


def test_a_type_of_ours_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins_module, "_entries", dict)

    with pytest.raises(penstock.ConfigError, match="try: pip install penstock-telegram"):
        penstock.configure({"sink": {"x": {"type": "telegram"}}, "pipeline": {"a": {"sink": "x"}}}, strict=True)


def test_hooks_that_only_hear_are_called_and_one_that_raises_stops_no_other(install: Any) -> None:
    code = GOOD + (
        "heard = []\n"
        "@hookimpl\ndef penstock_started(runtime): heard.append('started')\n"
        "@hookimpl\ndef penstock_stopping(runtime): heard.append('stopping')\n"
        "@hookimpl\ndef penstock_faulted(fault): heard.append(fault.kind)\n"
    )
    install("test-good", {"good": "test_good"}, code)
    broken = GOOD.replace('"good"', '"rude"') + "@hookimpl\ndef penstock_started(runtime): 1 / 0\n"
    install("test-rude", {"rude": "test_rude"}, broken)

    penstock.configure(
        {"sink": {"g": {"type": "good"}, "r": {"type": "rude"}}, "pipeline": {"a": {"sink": "g"}, "b": {"sink": "r"}}}
    )
    penstock.shutdown()

    heard: list[str] = sys.modules["test_good"].heard
    assert heard[0] in ("started", "plugin.failed")
    assert {"started", "stopping", "plugin.failed"} <= set(heard)


def test_metadata_that_is_odd_does_not_stop_the_listing(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = metadata.EntryPoint("odd", "nowhere", "penstock")
    monkeypatch.setattr(plugins_module, "_entries", lambda: {"odd": (entry,)})

    assert [listing.type for listing in list_installed()] == ["odd"]


def test_the_modules_of_plugins_are_modules() -> None:
    assert isinstance(sys.modules["penstock"], types.ModuleType)
