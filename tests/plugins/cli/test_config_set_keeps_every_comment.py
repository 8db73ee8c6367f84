"""`penstock config set` changes one value of a file and nothing else, or refuses and changes nothing."""

from __future__ import annotations

import errno
import stat
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock_cli.config.edit import CannotEdit, comments, edited

Run = Callable[..., Result]

SHOP = """# how the shop speaks
level = "notice"   # not less

[sink.trades]      # one file a day
type = "file-rotate"
path = "t.jsonl"
keep = 5           # a week

# who is called
[sink.calls]
type = "telegram"
token = { env = "TOKEN" }
chat_id = "-1"

[pipeline.all]
sink = "trades"

[profile.loud]     # for nights
level = "debug"
"""


@pytest.fixture(autouse=True)
def shop() -> Path:
    path = Path("penstock.toml")
    path.write_text(SHOP)
    return path


def replaced(before: str, after: str) -> str:
    assert before in SHOP
    return SHOP.replace(before, after)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["sink.trades.keep", "9"], replaced("keep = 5 ", "keep = 9 ")),
        (["level", "error"], replaced('"notice"   # not', '"error"   # not')),
        (["level", "trace", "--profile", "loud"], replaced('level = "debug"', 'level = "trace"')),
        (["sink.calls.chat_id", "--", "-5"], replaced('"-1"', '"-5"')),  # a text, though it could be a number
        (["sink.calls.token.file", "/t"], replaced('{ env = "TOKEN" }', '{ file = "/t" }')),
        (["pipeline.all.match", '["a.**"]'], replaced('sink = "trades"\n', 'sink = "trades"\nmatch = ["a.**"]\n')),
        (["sink.calls.delivery.batch", "7"], replaced('-1"\n', '-1"\n\n[sink.calls.delivery]\nbatch = 7\n')),
        (["profile.loud.sink.trades.keep", "2"], f"{SHOP}\n[profile.loud.sink.trades]\nkeep = 2\n"),
        (["level", "error", "--profile", "calm"], f'{SHOP}\n[profile.calm]\nlevel = "error"\n'),
        (['levels."acme.db"', "debug"], f'{SHOP}\n[levels]\n"acme.db" = "debug"\n'),
    ],
)
def test_one_value_changes_and_nothing_else(run: Run, shop: Path, words: list[str], text: str) -> None:
    result = run("config", "set", *words)
    assert (result.exit_code, result.stderr) == (0, "")
    assert shop.read_text() == text
    assert result.stdout.startswith(f"{Path.cwd() / shop}: {words[0].removesuffix('.file')} = ")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["sink.trades.keep", "many"], "sink.trades.keep: expected a whole number, got 'many'"),
        (["sink.trades.kep", "3"], "unknown option 'kep'; did you mean 'keep'?"),
        (["level", "loud"], "level: expected a level, got 'loud'"),
        (["pipeline.all.sink", "trads"], "there is no sink 'trads'; did you mean 'trades'?"),
        (["level.x", "3"], "a part of the key is no table"),
        (["sink.calls.token", "0:not-a-real-token"], "a secret is no argument and belongs in no file"),
        (["a b", "3"], "expected a key"),
    ],
)
def test_what_would_be_wrong_is_refused_and_changes_nothing(run: Run, shop: Path, words: list[str], text: str) -> None:
    result = run("config", "set", *words)
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    assert text in result.stderr
    assert "not-a-real-token" not in result.output
    assert shop.read_text() == SHOP
    assert {path.name for path in Path().iterdir()} == {".git", "penstock.toml"}


def test_a_file_that_is_wrong_already_can_be_put_right_one_by_one(run: Run, shop: Path) -> None:
    shop.write_text(SHOP.replace('"notice"', '"loud"').replace("keep = 5", "keep = true"))
    assert run("config", "set", "level", "info").exit_code == 0
    assert run("config", "set", "sink.trades.keep", "3").exit_code == 0
    assert run("check", "--no-secrets").exit_code == 0


def test_a_comment_inside_the_value_is_not_lost(run: Run, shop: Path) -> None:
    text = SHOP.replace('sink = "trades"', 'sink = "trades"\nmatch = [\n  "a",  # why a\n]')
    shop.write_text(text)
    result = run("config", "set", "pipeline.all.match", '["b"]')
    assert result.exit_code == 1
    assert "a comment in it would be lost; nothing changed; edit it by hand: pipeline.all.match" in result.stderr
    assert shop.read_text() == text


def test_setting_what_is_there_already_writes_nothing(run: Run, shop: Path) -> None:
    before = shop.stat().st_ino
    assert run("config", "set", "level", "notice").exit_code == 0
    assert shop.stat().st_ino == before


def test_what_lies_over_the_file_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK__LEVEL", "error")
    result = run("config", "set", "level", "debug")
    assert result.exit_code == 0
    assert result.stderr == "penstock: but env PENSTOCK__LEVEL is in effect here\n"


def test_a_pyproject_is_changed_in_its_own_table(run: Run, shop: Path) -> None:
    shop.unlink()
    project = Path("pyproject.toml")
    project.write_text('[project]\nname = "shop"  # ours\n\n[tool.penstock]\nlevel = "info"\n\n[tool.x]\na = 1\n')
    assert run("config", "set", "level", "error").exit_code == 0
    assert project.read_text() == (
        '[project]\nname = "shop"  # ours\n\n[tool.penstock]\nlevel = "error"\n\n[tool.x]\na = 1\n'
    )


def test_line_ends_and_a_byte_order_mark_stay(run: Run, shop: Path) -> None:
    shop.write_bytes(b"\xef\xbb\xbf" + SHOP.replace("\n", "\r\n").encode())
    assert run("config", "set", "sink.trades.keep", "9").exit_code == 0
    assert shop.read_bytes() == b"\xef\xbb\xbf" + SHOP.replace("keep = 5", "keep = 9").replace("\n", "\r\n").encode()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")
def test_permissions_and_a_link_stay(run: Run, shop: Path) -> None:
    shop.rename("real.toml")
    shop.symlink_to("real.toml")
    Path("real.toml").chmod(0o640)
    assert run("config", "set", "-c", "penstock.toml", "sink.trades.keep", "9").exit_code == 0
    assert shop.is_symlink()
    assert stat.S_IMODE(Path("real.toml").stat().st_mode) == 0o640
    assert "keep = 9" in Path("real.toml").read_text()


def test_a_disk_that_cannot_be_written_is_a_complaint(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> object:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = run("config", "set", "level", "info")
    assert result.exit_code == 1
    assert "No space left on device; nothing changed" in result.stderr
    assert shop.read_text() == SHOP
    assert {path.name for path in Path().iterdir()} == {".git", "penstock.toml"}


def test_without_a_configuration_there_is_nothing_to_change(run: Run, shop: Path) -> None:
    shop.unlink()
    result = run("config", "set", "level", "info")
    assert result.exit_code == 1
    assert "no configuration belongs to this folder; nothing changed; next: penstock init" in result.stderr


# -- any document -----------------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "c d", "é", "#"])
VALUES = st.one_of(st.integers(-9, 9), st.booleans(), st.sampled_from(["", "# no comment", 'qu"o', "two\nlines", "x"]))
TABLES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3),
    lambda inner: st.dictionaries(KEYS, st.one_of(VALUES, inner, st.lists(VALUES, max_size=2)), max_size=3),
    max_leaves=8,
)


@st.composite
def commented(draw: st.DrawFn) -> str:
    """A document with comments, as tomli-w writes it."""
    lines = []
    for line in tomli_w.dumps(draw(TABLES)).splitlines():
        if draw(st.booleans()):
            lines.append("# before")
        open_end = line.endswith(("[", ",")) or line == "]"
        lines.append(line if open_end or not draw(st.booleans()) else f"{line}  # after")
    return "\n".join(lines) + "\n" if lines else ""


@settings(deadline=None)
@given(commented(), st.lists(KEYS, min_size=1, max_size=3), VALUES)
def test_all_else_in_any_document_stays(text: str, keys: list[str], value: object) -> None:
    before = tomllib.loads(text)
    try:
        after = edited(text, keys, value)
    except CannotEdit:
        return
    said: Any = tomllib.loads(after)
    for key in keys[:-1]:
        said = said[key]
    assert said.pop(keys[-1]) == value
    assert comments(after) == comments(text)
    gone = [line for line in text.splitlines() if "#" in line and line not in after.splitlines()]
    assert len(gone) <= 1  # the line of the value itself
    assert set(before) <= {*tomllib.loads(after), keys[0]}
