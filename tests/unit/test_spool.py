"""Where a spool is, who may see it, and what people can read in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import faults, files
from penstock.ledger import SinkAccount
from penstock.river.spool.journal import Journal
from penstock.river.spool.spool import open_journal, places, program, read_spool, safe_name
from spools import ON_DISK, Journals, die, entry, folder_in_memory, numbers, take


def opened(account: SinkAccount, *folders: Path) -> Journal | None:
    journal = open_journal(account, folders, size=4_000_000, memory=1_000_000, when_full="shed")
    if journal is not None:
        account.waiting = journal.__len__
    return journal


@given(st.text(max_size=100))
def test_any_name_of_a_sink_is_a_name_of_a_folder(name: str) -> None:
    safe = safe_name(name)

    assert 0 < len(safe) <= 64
    assert not safe.startswith(".")
    assert set(safe) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-%")


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_two_names_are_two_folders(one: str, other: str) -> None:
    if one.encode("utf-8", "replace") != other.encode("utf-8", "replace"):
        assert safe_name(one) != safe_name(other)


def test_the_best_place_is_in_memory_and_the_next_in_the_users_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    with folder_in_memory():
        found = places("on call", owner="shop")

    assert found == [
        Path(f"/dev/shm/penstock-{os.geteuid()}/shop/on%20call"),
        Path("/var/state/penstock/shop/on%20call"),
    ]


@pytest.mark.parametrize("state", [None, "", "relative/state"])
def test_without_a_state_folder_that_counts_it_is_below_home(
    state: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_STATE_HOME", state) if state is not None else monkeypatch.delenv("XDG_STATE_HOME", False)

    assert places("oncall", owner="shop", durable=True) == [Path("/home/me/.local/state/penstock/shop/oncall")]


def test_a_path_that_somebody_chose_is_the_only_one(tmp_path: Path) -> None:
    assert places("oncall", path=tmp_path) == [tmp_path / "oncall"]


def test_two_programs_of_a_user_do_not_share(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set()
    for main in ("/srv/shop/main.py", "/srv/mail/main.py", "-c", ""):
        monkeypatch.setattr(sys, "argv", [main])
        names.add(program())

    assert len(names) == 3
    assert all(safe_name(name) == name for name in names)


def test_the_first_place_that_can_be_used_is_used_and_all_are_looked_into(tmp_path: Path) -> None:
    left = Journals(ON_DISK, tmp_path / "last")
    before = left.open()
    before.put(entry(1))
    die(before)
    (tmp_path / "file").write_text("")
    account = SinkAccount("out")

    journal = opened(account, tmp_path / "file" / "no", tmp_path / "spool", tmp_path / "last")

    assert journal is not None
    assert (tmp_path / "spool").is_dir()
    assert take(journal) == [1]
    assert account.read().accepted == 1
    journal.settle(1)
    journal.close("shutdown_deadline")
    left.close()


@pytest.mark.skipif(os.name != "posix", reason="owners and links are those of POSIX")
def test_a_place_that_is_not_private_is_not_used_and_it_says_so_once(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(0o777)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path)

    assert opened(SinkAccount("out"), tmp_path / "open", tmp_path / "link") is None

    assert faults.fault_counts()["spool.failed", "out"] == 1
    assert list((tmp_path / "open").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners are those of POSIX")
def test_a_folder_in_shared_memory_that_somebody_else_made_first_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with folder_in_memory() as top:
        monkeypatch.setattr("penstock.river.spool.spool._SHARED_MEMORY", top.parent)
        (top / "shop").mkdir(0o700)
        top.chmod(0o777)  # as another user would leave it, to look at what comes

        assert opened(SinkAccount("out"), top / "shop" / "oncall") is None
        assert list((top / "shop").iterdir()) == []


def test_people_read_what_waits_of_the_living_and_of_the_dead(journals: Journals) -> None:
    dead, living = journals.open(when_full="shed"), journals.open(when_full="shed")
    for number in range(10):
        dead.put(entry(number, level=20 + 10 * (number % 3)))
    take(dead)
    dead.settle(2)
    die(dead)
    living.put(entry(10))

    found = list(read_spool(journals.folder))

    assert [(waiting.alive, numbers(waiting.records)) for waiting in found] == [
        (False, list(range(2, 10))),
        (True, [10]),
    ]
    assert take(journals.open(when_full="shed")) == list(range(2, 10))  # reading them took nothing away


def test_where_nothing_was_ever_kept_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert list(read_spool(tmp_path / "nothing")) == []


def test_an_unusable_disk_is_no_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(files, "private_folder", fail)

    assert opened(SinkAccount("out"), tmp_path / "a", tmp_path / "b") is None
    assert opened(SinkAccount("out")) is None
