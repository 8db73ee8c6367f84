"""`penstock plugins`: what is installed, from metadata; and with `--verify`, from a process for each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result

Run: TypeAlias = Callable[..., Result]
Shell: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]
Install: TypeAlias = Callable[..., Path]

SINK = """
from penstock.plugin import hookimpl
class S:
    def write(self, batch): ...
@hookimpl
def penstock_sink(): return {"acme": S}
"""


def test_the_list_has_type_kind_distribution_version_and_summary(run: Run) -> None:
    lines = run("plugins").stdout.splitlines()
    assert lines[0].split() == ["type", "kinds", "distribution", "version", "summary"]
    json_line = next(line for line in lines if line.startswith("json "))
    assert json_line.split()[1:3] == ["format", "penstock-json"]
    assert "JSON" in json_line


def test_no_plugin_is_imported_to_list_it() -> None:
    code = (
        "import sys; from penstock_cli.group import penstock\n"
        "try: penstock(['plugins', '--format', 'json'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = [name for name in done.stderr.split() if name.startswith("penstock_")]
    assert len(json.loads(done.stdout)["plugins"]) >= 5
    assert [name for name in loaded if not name.startswith("penstock_cli")] == []


def test_a_plugin_that_cannot_be_imported_is_listed_all_the_same(shell: Shell, install: Install) -> None:
    site = install("acme_broken", "[penstock]\nacme = acme_broken\n", "raise RuntimeError('no such day')")
    done = shell("plugins", path=site)
    assert done.returncode == 0
    assert "acme_broken" in done.stdout


@pytest.mark.parametrize("metadata", [None, "", "Metadata-Version: 2.1\nName: odd\n"])
def test_broken_metadata_hide_no_plugin(shell: Shell, tmp_path: Path, metadata: str | None) -> None:
    info = tmp_path / "site" / "odd-1.0.dist-info"
    info.mkdir(parents=True)
    info.joinpath("entry_points.txt").write_text("[penstock]\nodd = odd\n[penstock.command]\noddly = odd:odd\n")
    if metadata is not None:
        info.joinpath("METADATA").write_text(metadata)
    for words in (["plugins"], ["plugins", "--format", "json"], ["--version"], ["--help"]):
        done = shell(*words, path=tmp_path / "site")
        assert done.returncode == 0, words
        assert ("odd" in done.stdout) is (words != ["--version"] or bool(metadata))
        assert "json" in done.stdout or words == ["--help"]
    assert "command 'oddly'" in shell("oddly", path=tmp_path / "site").stderr


def test_json_lists_the_same(run: Run) -> None:
    document = json.loads(run("plugins", "--format", "json").stdout)
    row = next(row for row in document["plugins"] if row["type"] == "json")
    assert document["v"] == 1
    assert row["kinds"] == ["format"]
    assert set(row) == {"type", "kinds", "distribution", "version", "summary"}


@pytest.mark.parametrize("columns", ["20", "45"])
def test_a_narrow_terminal_gets_every_word(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = run("plugins").stdout
    assert "file-rotate\n" in text
    assert "penstock-file-rotate" in text
    assert "…" not in text


def test_a_pipe_gets_each_plugin_on_one_whole_line(shell: Shell) -> None:
    done = shell("plugins")
    rows = json.loads(shell("plugins", "--format", "json").stdout)["plugins"]
    lines = done.stdout.splitlines()[1:]
    assert len(lines) == len(rows)
    assert all(row["summary"] in line for row, line in zip(rows, lines, strict=True))


def test_only_the_types_that_are_named_are_listed(run: Run) -> None:
    lines = run("plugins", "json", "keys").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["type", "json", "keys"]
    wrong = run("plugins", "jsn")
    assert wrong.exit_code == 2
    assert "no plugin of type 'jsn' is installed; did you mean 'json'?" in wrong.stderr


# -- verify -----------------------------------------------------------------------------------------------------------


def rows(text: str) -> dict[str, dict[str, object]]:
    return {row["type"]: row for row in json.loads(text)["plugins"]}


def test_verify_imports_each_alone_times_it_and_ends_with_1_if_one_is_broken(shell: Shell, install: Install) -> None:
    site = install("acme_sink", "[penstock]\nacme = acme_sink\n", SINK)
    install("acme_broken", "[penstock]\nbroken = acme_broken\n", "raise RuntimeError('no such day')")
    done = shell("plugins", "json", "acme", "broken", "--verify", "--format", "json", path=site)
    found = rows(done.stdout)
    assert done.returncode == 1
    assert found["json"]["kinds"] == ["format"]
    assert set(found) == {"json", "acme", "broken"}
    assert found["json"]["error"] == ""
    assert isinstance(found["json"]["load_ms"], float)
    assert found["acme"]["kinds"] == ["sink"]  # its metadata name none
    assert found["broken"]["error"] == "plugin 'broken' (acme_broken 1.0): RuntimeError: no such day"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("raise RuntimeError('no such day')", "RuntimeError: no such day"),
        ("raise SystemExit(4)", "SystemExit: 4"),
        ("import os; os._exit(4)", "its import ended the interpreter (exit code 4)"),
        ("print('noise')", "its hooks offer no type 'acme'"),
        ("penstock_api = 99", "made for plugin interface 99, this is 1"),
        (SINK.replace("def penstock_sink", "def penstock_sinc"), "did you mean 'penstock_sink'?"),
    ],
)
def test_verify_names_a_broken_plugin_and_still_shows_the_others(
    install: Install, run: Run, code: str, text: str
) -> None:
    site = install("acme_broken", "[penstock]\nacme = acme_broken\n", code)
    from penstock.tooling import Listing
    from penstock_cli.plugins import _verified

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        verified = _verified(Listing("acme", (), "acme_broken", "1.0", ""))
    assert text in str(verified["error"])


def test_the_table_shows_times_and_what_failed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock_cli import plugins

    answers = {"json": {"kinds": ["format"], "seconds": 0.0123, "error": ""}}
    failed = {"kinds": [], "seconds": 0.0, "error": "no such day"}
    monkeypatch.setattr(plugins, "_verified", lambda listing: answers.get(listing.type, failed))
    result = run("plugins", "--verify")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert next(line for line in lines if line.startswith("json ")).split()[4:6] == ["12", "ms"]
    assert next(line for line in lines if line.startswith("keys ")).split()[4] == "failed"
    assert "keys: no such day" in lines


def test_an_import_that_hangs_is_given_up(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    from penstock.tooling import Listing
    from penstock_cli import plugins

    site = install("acme_slow", "[penstock]\nacme = acme_slow\n", "import time; time.sleep(60)")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(plugins, "_TIMEOUT", 0.5)
    assert "its import took more than" in plugins._verified(Listing("acme", (), "acme_slow", "1.0", ""))["error"]
