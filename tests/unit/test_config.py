"""The file is found where it belongs, and what is wrong with it is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from attrs import define

import penstock
from penstock.assembly.config import read_document
from penstock.errors import ConfigError

GOOD = 'level = "error"\n[sink.out]\ntype = "last-resort"\n[pipeline.all]\nsink = "out"\n'


@define(kw_only=True)
class Chat:
    """A sink with options of several types."""

    room: str = ""
    keep: int = 0

    def write(self, batch: Any, /) -> None:
        """Take anything."""


def problem_of(text: str | bytes, tmp_path: Path) -> str:
    file = tmp_path / "penstock.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        penstock.configure(file)
    return str(caught.value).replace(str(tmp_path) + "/", "")


def test_a_dict_and_a_file_mean_the_same(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(GOOD)

    assert (
        penstock.configure(tmp_path / "x.toml").config
        == penstock.configure(
            {"level": "error", "sink": {"out": {"type": "last-resort"}}, "pipeline": {"all": {"sink": "out"}}}
        ).config
    )


@pytest.mark.parametrize("name", ["penstock.toml", "pyproject.toml"])
def test_the_file_is_found_from_the_working_directory_upwards(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        GOOD
        if name == "penstock.toml"
        else GOOD.replace("level", "[tool.penstock]\nlevel", 1)
        .replace("[sink", "[tool.penstock.sink")
        .replace("[pipe", "[tool.penstock.pipe")
    )
    (tmp_path / name).write_text(text)
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")

    assert int(penstock.configure().config.level) == 40


@pytest.mark.parametrize("root", [".git", "pyproject.toml"])
def test_the_search_stops_at_the_root_of_the_project(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "penstock.toml").write_text(GOOD)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / root).write_text("")
    monkeypatch.chdir(tmp_path / "project")

    assert read_document(None, None) is None


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text(GOOD)
    monkeypatch.setenv("PENSTOCK_CONFIG", str(tmp_path / "other.toml"))

    assert int(penstock.configure().config.level) == 40


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_file_that_others_may_write_is_refused_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "penstock.toml").write_text(GOOD)
    (tmp_path / "penstock.toml").chmod(0o666)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=r"everybody may write it; forbid it \(chmod go-w\)"):
        penstock.configure()
    assert penstock.configure("penstock.toml").file == "penstock.toml"


def test_without_any_file_events_at_info_go_to_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    penstock.configure()
    log = penstock.get_logger("shop")
    log.info("sold", qty=2)
    log.debug("not shown")

    told = capfd.readouterr().err
    assert "sold" in told
    assert "not shown" not in told


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere.toml: cannot be read: No such file or directory; check the path"):
        penstock.configure(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("level = \n", "penstock.toml:1:9: invalid value"),
        ("[sink", "penstock.toml:1:6: "),
        ("a = 1\na = 2\n", "penstock.toml:2:6: cannot overwrite a value"),
        ("a = " + "9" * 5_000, "penstock.toml: a number has too many digits"),
        ("a = " + "[" * 50_000, "penstock.toml: nested too deeply"),
        (b"a = '\xff'", "penstock.toml: is not UTF-8: byte 5; save it as UTF-8"),
        ("a = 'x", "penstock.toml"),
    ],
)
def test_broken_toml_is_a_message_with_its_place(text: str | bytes, expected: str, tmp_path: Path) -> None:
    assert problem_of(text, tmp_path).startswith(expected)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())

    assert penstock.configure(tmp_path / "x.toml").problems == []


def test_every_mistake_is_found_at_once(tmp_path: Path) -> None:
    told = problem_of(
        """
level = "loud"
capture = ["loging"]
[levels]
"a.b" = 3
[redact.secrets]
type = "kys"
[sink.console]
type = "stdrr"
[sink.half]
[sink.full]
type = "last-resort"
level = "x"
[sink.full.delivery]
mode = "queue"
batch = 0
timeout = 5
fallback = "consle"
[pipeline.a]
snik = "console"
[pipeline.b]
sink = "consol"
match = ["a..b"]
format = "jsn"
redact = ["secret"]
[pipeline.c]
sink = "full"
level = 30
""",
        tmp_path,
    )

    paths = [line.split(": ")[1] for line in told.splitlines() if line.startswith("penstock.toml:")]
    assert sorted(paths) == sorted(
        [
            "level",
            "capture[0]",
            'levels."a.b"',
            "redact.secrets.type",
            "sink.console.type",
            "sink.half",
            "sink.full.level",
            "sink.full.delivery.mode",
            "sink.full.delivery.batch",
            "sink.full.delivery.timeout",
            "sink.full.delivery.fallback",
            "pipeline.a",
            "pipeline.a.snik",
            "pipeline.b.sink",
            "pipeline.b.match[0]",
            "pipeline.b.format",
            "pipeline.b.redact[0]",
            "pipeline.c.level",
        ]
    )
    for hint in (
        "did you mean 'keys'",
        "did you mean 'stderr'",
        "did you mean 'console'",
        "did you mean 'sink'",
        'write a number and a unit: "5 s"',
    ):
        assert hint in told


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "penstock.toml",
            "extends = 5\n",
            'penstock.toml:1:11: extends: expected the path of a file, or several, got 5; write extends = "base.toml"',
        ),
        ("penstock.toml", "profile = 3\n", "penstock.toml:1:11: profile: expected a table, got 3; [profile.NAME]"),
        (
            "penstock.toml",
            "[profile]\na = 3\n",
            "penstock.toml:2:5: profile.a: expected a table, got 3; [profile.NAME]",
        ),
        (
            "pyproject.toml",
            "[tool]\npenstock = 5\n",
            "pyproject.toml:2:12: tool.penstock: expected a table, got 5; [tool.penstock]",
        ),
    ],
)
def test_a_wrong_overlay_is_a_problem_not_a_traceback(name: str, text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(ConfigError) as caught:
        penstock.configure(tmp_path / name)

    assert str(caught.value.problems[0]).endswith(expected)


def test_a_file_that_the_environment_names_and_is_not_there_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_CONFIG", "nowhere.toml")

    with pytest.raises(ConfigError, match="nowhere.toml: cannot be read"):
        penstock.configure()


def test_a_project_whose_tool_table_is_none_is_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("tool = 5\n")
    monkeypatch.chdir(tmp_path)

    assert read_document(None, None) is None


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_what_a_file_extends_has_to_be_as_safe_as_the_file_unless_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "penstock.toml").write_text('extends = "shared.toml"\n')
    (tmp_path / "penstock.toml").chmod(0o644)
    (tmp_path / "shared.toml").write_text(GOOD)
    (tmp_path / "shared.toml").chmod(0o664)
    monkeypatch.setattr("penstock.files._is_private_group", lambda gid: False)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=r"shared.toml: will not be read unasked: its group may write it"):
        penstock.configure()
    assert penstock.configure("penstock.toml").file == "penstock.toml"


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ({1: 2}, '"1"'),
        ({"sink": {None: {}}}, "sink.None"),
        ({"context": {"a": [{"b": {(1, 2): 3}}]}}, 'context.a[0].b."(1, 2)"'),
    ],
)
def test_a_key_that_is_no_text_is_a_problem(source: Any, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__LEVEL", "debug")

    with pytest.raises(ConfigError) as caught:
        penstock.configure(source)

    assert [problem.path.strip('"') for problem in caught.value.problems] == [path.strip('"')]


def test_an_option_of_the_environment_is_a_text_where_a_text_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__SINK__CHAT__ROOM", "-100123")
    monkeypatch.setenv("PENSTOCK__SINK__CHAT__KEEP", "3")
    monkeypatch.setenv("PENSTOCK__CONTEXT__SHARD", "5")
    chat = {"type": f"python:{__name__}:Chat"}

    runtime = penstock.configure({"sink": {"chat": chat}, "pipeline": {"a": {"sink": "chat"}}})

    sink = runtime._graph.sinks["chat"].sink.sink
    assert (sink.room, sink.keep) == ("-100123", 3)
    assert runtime.static == {"shard": 5}


def test_the_repr_of_a_configuration_tells_nothing_that_may_be_secret() -> None:
    runtime = penstock.configure(
        {
            "context": {"key": "hush-hush"},
            "sink": {"chat": {"type": f"python:{__name__}:Chat", "room": "hush-hush"}},
            "pipeline": {"a": {"sink": "chat"}},
            "test": [{"emit": "hush-hush"}],
        }
    )

    assert "hush-hush" not in repr(runtime.config)
    assert "PipelineTable(sink='chat'" in repr(runtime.config)


@pytest.mark.skipif(os.name != "posix", reason="Windows does not remove a working directory")
def test_without_a_working_directory_there_is_no_search_and_a_reload_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    (folder / "penstock.toml").write_text(GOOD)
    (folder / "penstock.toml").chmod(0o644)
    monkeypatch.chdir(folder)
    found = penstock.configure()
    (folder / "penstock.toml").unlink()
    folder.rmdir()

    assert not found.reload()
    with pytest.raises(ConfigError, match="the working directory, .*, is gone; name a file"):
        penstock.configure()
    runtime = penstock.configure({"sink": {"x": {"type": "last-resort"}}, "pipeline": {"a": {"sink": "x"}}})
    assert runtime.reload()
