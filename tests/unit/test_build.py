"""What cannot be done without is raised, and what was opened on the way is closed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import define

from penstock.assembly.build import build, find_document
from penstock.assembly.plugins import Plugins
from penstock.errors import ConfigError, UnknownTypeError
from penstock.secret import Secret

CLOSED: list[str] = []


class Fine:
    """A sink that opens and closes."""

    def open(self) -> None:
        CLOSED.append("opened")

    def write(self, batch: Any, /) -> None:
        """Take anything."""

    def close(self) -> None:
        CLOSED.append("closed")


class Shut(Fine):
    """A sink that cannot be opened."""

    def open(self) -> None:
        raise PermissionError


@define(kw_only=True)
class Telling:
    """A sink whose error tells its token."""

    token: Secret

    def open(self) -> None:
        raise OSError(f"cannot reach https://chat/{self.token.reveal()}/send")

    def write(self, batch: Any, /) -> None:
        """Take anything."""


@define(kw_only=True)
class WithToken(Fine):
    """A sink that has a token."""

    token: Secret


@define(kw_only=True)
class Stage:
    """A stage, of which each use has one of its own."""

    def emit(self, event: Any, /) -> Any:
        return event


DOCUMENT = {
    "sink": {"fine": {"type": f"python:{__name__}:Fine"}, "shut": {"type": f"python:{__name__}:Shut"}},
    "pipeline": {"a": {"sink": "fine"}, "b": {"sink": "shut"}},
}


@pytest.fixture(autouse=True)
def forget() -> None:
    CLOSED.clear()


def test_what_degrades_is_kept_beside_the_graph() -> None:
    built = build(DOCUMENT, None, Plugins(), strict=False)

    assert [problem.code for problem in built.problems] == ["sink-not-opened"]
    assert built.graph.status() == {"fine": "ok", "shut": "failed"}
    built.graph.close(0)


def test_strict_closes_what_it_had_opened_before_it_raises() -> None:
    with pytest.raises(ConfigError):
        build(DOCUMENT, None, Plugins(), strict=True)

    assert CLOSED == ["opened", "closed"]


def test_nothing_is_opened_where_a_problem_is_in_the_way() -> None:
    with pytest.raises(ConfigError):
        build({**DOCUMENT, "level": "loud"}, None, Plugins(), strict=False)

    assert CLOSED == []


def test_problems_say_in_which_file_they_are(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text('level = "loud"\n')

    with pytest.raises(ConfigError) as caught:
        build(file, None, Plugins(), strict=False)

    assert caught.value.problems[0].file == str(file)


def test_without_a_file_or_the_stderr_plugin_the_last_resort_is_the_sink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plugins = Plugins()
    assert find_document(None, None, plugins).table["sink"] == {"stderr": {"type": "stderr"}}

    def missing(kind: str, name: str) -> Any:
        raise UnknownTypeError(kind, name, [])

    monkeypatch.setattr(Plugins, "find", lambda self, kind, name: missing(kind, name))
    assert find_document(None, None, plugins).table["sink"] == {"stderr": {"type": "last-resort"}}


def test_no_problem_tells_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t0ken-t0ken")
    sink = {"type": f"python:{__name__}:Telling", "token": {"env": "TOKEN"}}
    document = {"sink": {"chat": sink}, "pipeline": {"a": {"sink": "chat"}}}

    built = build(document, None, Plugins(), strict=False)
    built.graph.close(0)
    assert [problem.text for problem in built.problems] == [
        "cannot be opened: OSError: cannot reach https://chat/[redacted]/send"
    ]

    with pytest.raises(ConfigError) as caught:
        build(document, None, Plugins(), strict=True)
    assert "t0ken-t0ken" not in str(caught.value)


def test_what_only_warns_is_told_and_strict_goes_on() -> None:
    document: dict[str, Any] = {
        "sink": {"chat": {"type": "python:hard_sinks:Audit"}, "x": {"type": f"python:{__name__}:WithToken"}},
        "pipeline": {"a": {"sink": "chat"}, "b": {"sink": "x"}},
    }
    document["sink"]["x"]["token"] = "t0ken-t0ken"

    built = build(document, None, Plugins(), strict=True)

    assert [(problem.code, problem.path) for problem in built.problems] == [("literal-secret", "sink.x.token")]
    built.graph.close(0)


def test_a_problem_of_a_component_that_is_made_twice_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(
        f'[emit.s]\ntype = "python:{__name__}:Stage"\nwrong = 1\n'
        '[sink.x]\ntype = "last-resort"\n[pipeline.a]\nsink = "x"\nemit = ["s"]\n'
    )

    built = build(file, None, Plugins(), strict=False)

    assert [problem.path for problem in built.problems] == ["emit.s.wrong"]
    built.graph.close(0)
