"""With `watch`, a file that is written, replaced or led elsewhere takes over by itself; a bad one changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define

import penstock
from penstock import faults
from penstock.assembly.runtime import Runtime
from penstock.clock import monotonic
from penstock.secret import Secret


@define(kw_only=True)
class Quiet:
    """A sink with a secret."""

    token: Secret | None = None

    def write(self, batch: Any, /) -> None:
        """Take anything."""


DOCUMENT = f"""
watch = "50 ms"
level = "LEVEL"
[sink.out]
type = "python:{__name__}:Quiet"
[pipeline.all]
sink = "out"
match = ["shop"]
"""


def document(level: str, **more: str) -> str:
    return "".join(f"{key} = {value}\n" for key, value in more.items()) + DOCUMENT.replace("LEVEL", level)


def wait_until(condition: Callable[[], bool]) -> None:
    until = monotonic() + 60
    while not condition():
        assert monotonic() < until, "it did not happen"
        threading.Event().wait(0.01)


def at(level: str) -> Callable[[], bool]:
    return lambda: penstock.get_logger("shop").enabled(level)


def rejected() -> int:
    return sum(count for (kind, _), count in faults.fault_counts().items() if kind == "config.rejected")


def write(path: Path, text: str) -> None:
    path.write_text(text)


def write_slowly(path: Path, text: str) -> None:
    with path.open("w") as file:
        for letter in text:
            file.write(letter)
            file.flush()


def rename(path: Path, text: str) -> None:
    fresh = path.with_name(".penstock.toml.swp")
    fresh.write_text(text)
    fresh.replace(path)


def rename_away(path: Path, text: str) -> None:
    path.rename(path.with_name("penstock.toml~"))
    path.write_text(text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "penstock.toml"
    path.write_text(document("info"))
    return path


@pytest.mark.parametrize("change", [write, write_slowly, rename, rename_away])
def test_it_takes_over_however_it_is_written(file: Path, change: Callable[[Path, str], None]) -> None:
    penstock.configure(file)
    assert not at("debug")()
    change(file, document("debug"))

    wait_until(at("debug"))
    if change is rename:  # the others have moments in which the file is not whole, and a busy machine makes them long
        assert rejected() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_mounted_folder_that_is_swapped_as_kubernetes_does_takes_over(tmp_path: Path) -> None:
    def mount(version: str, level: str) -> None:
        folder = tmp_path / version
        folder.mkdir()
        (folder / "base.toml").write_text(document(level))
        (folder / "penstock.toml").write_text('extends = "base.toml"\n')
        (tmp_path / "..data_tmp").symlink_to(version)
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")

    mount("..2026_01", "info")
    for name in ("base.toml", "penstock.toml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    penstock.configure(tmp_path / "penstock.toml")
    mount("..2026_02", "debug")
    for left in (tmp_path / "..2026_01").iterdir():
        left.unlink()
    wait_until(at("debug"))
    mount("..2026_03", "trace")

    wait_until(at("trace"))
    assert rejected() == 0


def test_a_file_that_it_extends_is_watched_too(file: Path, tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(document("info"))
    file.write_text('extends = "base.toml"\n')
    penstock.configure(file)
    (tmp_path / "base.toml").write_text(document("debug"))

    wait_until(at("debug"))


def test_a_secret_that_is_replaced_in_its_file_opens_the_sink_anew(file: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the first token")
    file.write_text(document("info").replace("[pipeline", 'token = { file = "token" }\n[pipeline'))
    runtime = penstock.configure(file)
    (tmp_path / "token").write_text("the second token")

    def token() -> str:
        sink = runtime._reign.latest._graph.sinks["out"].sink.sink
        return str(sink.token.reveal())

    wait_until(lambda: token() == "the second token")


@pytest.mark.parametrize("bad", ["not toml [", document("loud"), None], ids=["no TOML", "a mistake", "no file"])
def test_a_bad_one_is_told_once_and_the_river_goes_on_until_it_is_good(file: Path, bad: str | None) -> None:
    runtime = penstock.configure(file)
    if bad is None:
        file.unlink()
    else:
        rename(file, bad)
    wait_until(lambda: rejected() == 1)
    threading.Event().wait(0.3)  # some looks more

    assert rejected() == 1
    assert runtime.config.level == 20
    file.write_text(document("debug"))
    wait_until(at("debug"))


def test_a_mistake_in_a_file_that_was_added_can_be_mended_there(file: Path, tmp_path: Path) -> None:
    penstock.configure(file)
    (tmp_path / "more.toml").write_text("not toml [")
    rename(file, document("info", extends='"more.toml"'))
    wait_until(lambda: rejected() == 1)
    (tmp_path / "more.toml").write_text('levels = { shop = "debug" }\n')

    wait_until(at("debug"))


def test_a_file_that_does_not_want_it_any_more_is_not_watched(file: Path) -> None:
    runtime = penstock.configure(file)
    file.write_text(document("debug").replace('watch = "50 ms"', ""))
    wait_until(at("debug"))
    file.write_text(document("trace"))
    threading.Event().wait(0.3)

    assert not at("trace")()
    assert runtime.reload()
    assert at("trace")()
    file.write_text(document("info"))
    wait_until(lambda: not at("debug")())


def test_what_was_shut_down_or_replaced_is_watched_no_more(file: Path, tmp_path: Path) -> None:
    penstock.configure(file)
    other = {"sink": {"out": {"type": "last-resort"}}, "pipeline": {"all": {"sink": "out", "match": ["shop"]}}}
    second = penstock.configure(other)
    file.write_text(document("debug"))
    threading.Event().wait(0.3)

    assert isinstance(second, Runtime)
    assert not at("debug")()
    assert rejected() == 0


def test_who_does_not_ask_for_it_has_no_thread(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text('[sink.out]\ntype = "last-resort"\n[pipeline.all]\nsink = "out"\n')
    code = f"""
import threading, penstock
penstock.configure({str(file)!r}).reload()
penstock.shutdown()
print([thread.name for thread in threading.enumerate()])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "['MainThread']"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_watches_too(file: Path) -> None:
    penstock.configure(file)
    reader, writer = os.pipe()
    if os.fork() == 0:  # pragma: no cover, in the child
        os.write(writer, b"ready")
        wait_until(at("debug"))
        os.write(writer, b"taken over")
        os._exit(0)
    assert os.read(reader, 100) == b"ready"
    file.write_text(document("debug"))
    os.wait()
    told = os.read(reader, 100)
    os.close(reader)
    os.close(writer)

    assert told == b"taken over"
    wait_until(at("debug"))


def test_a_relative_path_the_profile_and_the_environment_are_those_of_configure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    text = document("info").replace("[pipeline", 'token = { env = "SHOP_TOKEN" }\n[pipeline')
    (tmp_path / "penstock.toml").write_text(f'{text}\n[profile.loud]\nlevels = {{ shop = "debug" }}\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_TOKEN", "the token")
    monkeypatch.setenv("PENSTOCK_PROFILE", "loud")
    monkeypatch.setenv("PENSTOCK_STRICT", "1")
    runtime = penstock.configure("penstock.toml")
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name in ("SHOP_TOKEN", "PENSTOCK_PROFILE", "PENSTOCK_STRICT"):
        monkeypatch.delenv(name)

    assert runtime.reload()
    assert at("debug")()
    (tmp_path / "penstock.toml").write_text(document("info", nonsense="1"))
    wait_until(lambda: rejected() >= 1)
    assert not runtime.reload()


def test_a_file_that_was_found_stays_the_one_wherever_the_program_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "penstock.toml").write_text(document("info"))
    (tmp_path / "penstock.toml").chmod(0o644)
    monkeypatch.chdir(tmp_path)
    runtime = penstock.configure()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "penstock.toml").write_text(document("debug"))
    wait_until(at("debug"))

    assert runtime.file == str(tmp_path / "penstock.toml")
