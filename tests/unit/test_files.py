"""The seam to the file system: private files, whole writes, nothing overwritten."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock import files

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links are those of POSIX")


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> object:
    before = os.umask(request.param)
    yield
    os.umask(before)


@posix
@pytest.mark.usefixtures("umask")
def test_a_new_file_and_its_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    fd = files.open_append(tmp_path / "a" / "b" / "log")
    os.close(fd)

    assert stat.S_IMODE((tmp_path / "a" / "b" / "log").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


@posix
def test_an_existing_file_keeps_its_mode_and_its_content(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    path.chmod(0o640)

    fd = files.open_append(path)
    files.write_all(fd, b"after\n")
    os.close(fd)

    assert path.read_bytes() == b"before\nafter\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@posix
def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "log").symlink_to(tmp_path / "target")

    with pytest.raises(OSError, match="symbolic"):
        files.open_append(tmp_path / "log")
    assert (tmp_path / "target").read_bytes() == b""


def test_a_write_that_the_kernel_cuts_short_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda fd, data: written.append(bytes(data[:3])) or len(data[:3]))

    files.write_all(1, b"0123456789")

    assert b"".join(written) == b"0123456789"


@posix
def test_a_file_that_was_moved_deleted_or_replaced_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    fd = files.open_append(path)
    assert files.still_at(fd, path)

    path.rename(tmp_path / "moved")
    assert not files.still_at(fd, path)
    path.write_bytes(b"another")
    assert not files.still_at(fd, path)
    path.unlink()
    path.symlink_to(tmp_path / "moved")
    assert not files.still_at(fd, path)
    os.close(fd)


def test_renaming_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")

    with pytest.raises(FileExistsError):
        files.rename_new(tmp_path / "a", tmp_path / "b")
    files.rename_new(tmp_path / "a", tmp_path / "c")

    assert (tmp_path / "b").read_text() == "b"
    assert (tmp_path / "c").read_text() == "a"
    assert not (tmp_path / "a").exists()


@posix
def test_a_full_pipe_is_not_writable_and_may_block_a_file_does_not(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    assert files.writable(writer)
    assert files.may_block(writer)
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 65_536)

    assert not files.writable(writer)
    fd = files.open_append(tmp_path / "log")
    assert not files.may_block(fd)
    assert not files.may_block(10**6)
    for descriptor in (reader, writer, fd):
        os.close(descriptor)
    left, right = socket.socketpair()
    assert files.may_block(left.fileno())
    left.close()
    right.close()


@posix
def test_a_file_that_everybody_may_write_is_unsafe(tmp_path: Path) -> None:
    path = tmp_path / "penstock.toml"
    path.write_text("")
    path.chmod(0o644)
    assert files.unsafe_reason(path) == ""

    path.chmod(0o646)
    assert files.unsafe_reason(path) == "everybody may write it"


@posix
@pytest.mark.parametrize(("private", "reason"), [(False, "its group may write it"), (True, "")])
def test_a_file_that_a_group_of_others_may_write_is_unsafe(
    tmp_path: Path, private: bool, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_is_private_group", lambda gid: private)
    path = tmp_path / "penstock.toml"
    path.write_text("")
    path.chmod(0o664)

    assert files.unsafe_reason(path) == reason


@posix
def test_a_group_of_ones_own_name_is_private_and_no_other() -> None:
    import grp
    import pwd

    name = pwd.getpwuid(os.getuid()).pw_name
    for group in grp.getgrall():
        if files._is_private_group(group.gr_gid):
            assert group.gr_name == name
    assert not files._is_private_group(2**31 - 7)


@posix
def test_a_file_that_everybody_may_replace_is_unsafe(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    path = tmp_path / "open" / "penstock.toml"
    path.write_text("")
    path.chmod(0o644)
    link = tmp_path / "penstock.toml"
    link.symlink_to(path)
    for mode, expected in ((0o755, ""), (0o1777, ""), (0o777, "everybody may replace it in its folder")):
        (tmp_path / "open").chmod(mode)
        assert (files.unsafe_reason(path), files.unsafe_reason(link)) == (expected, expected)


@posix
@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
def test_a_write_that_would_wait_for_a_reader_takes_what_it_can_and_returns(kind: str) -> None:
    if kind == "pipe":
        reader, writer = os.pipe()
    elif kind == "terminal":
        import pty

        reader, writer = pty.openpty()
    else:
        left, right = socket.socketpair()
        reader, writer = left.detach(), right.detach()

    written = [files.write_now(writer, b"x" * 100 + b"\n") for _ in range(20_000)]

    assert written[0] == 101
    assert written[-1] == 0  # full, and it came back at once
    os.close(reader)
    os.close(writer)


def test_a_regular_file_takes_all_at_once(tmp_path: Path) -> None:
    fd = files.open_append(tmp_path / "log")

    assert files.write_now(fd, b"x" * 1_000_000) == 1_000_000
    os.close(fd)


@posix
def test_a_file_that_is_moved_away_while_it_is_opened_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"")
    real = os.open

    def racing(name: Any, flags: int, mode: int = 0o777) -> int:
        if not flags & os.O_CREAT and path.exists():
            path.rename(tmp_path / "moved")
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", racing)
    fd = files.open_append(path)

    assert files.still_at(fd, path)
    os.close(fd)


# -- what a spool needs -----------------------------------------------------------------------------------------------


@posix
@pytest.mark.usefixtures("umask")
def test_a_private_folder_is_made_for_the_owner_alone_with_all_above_it(tmp_path: Path) -> None:
    files.private_folder(tmp_path / "a" / "b")
    files.private_folder(tmp_path / "a" / "b")

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("kind", ["open", "link", "file", "somebody else's"])
def test_a_folder_that_is_not_private_is_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "folder"
    if kind == "file":
        path.write_text("")
    elif kind == "link":
        (tmp_path / "other").mkdir(0o700)
        path.symlink_to(tmp_path / "other")
    else:
        path.mkdir(0o700)
        path.chmod(0o710 if kind == "open" else 0o700)
    if kind == "somebody else's":
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    with pytest.raises(OSError):
        files.private_folder(path)


@posix
@pytest.mark.usefixtures("umask")
def test_a_new_private_file_is_private_and_never_an_old_one(tmp_path: Path) -> None:
    fd = files.open_private(tmp_path / "a", new=True)
    os.close(fd)

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        files.open_private(tmp_path / "a", new=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with pytest.raises(OSError):
        files.open_private(tmp_path / "link")
    with pytest.raises(FileNotFoundError):
        files.open_private(tmp_path / "missing")


def test_of_two_openings_one_has_the_lock_until_it_is_closed(tmp_path: Path) -> None:
    first = files.open_private(tmp_path / "lock", new=True)
    second = files.open_private(tmp_path / "lock")

    assert files.lock(first)
    assert not files.lock(second)
    os.close(first)
    assert files.lock(second)
    os.close(second)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_that_lets_go_of_its_copy_leaves_the_lock_to_its_parent(tmp_path: Path) -> None:
    mine = files.open_private(tmp_path / "lock", new=True)
    assert files.lock(mine)
    child = os.fork()
    if not child:
        os.close(mine)
        other = files.open_private(tmp_path / "lock")
        os._exit(int(files.lock(other)))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(mine)


def test_reading_and_writing_at_a_place_moves_nothing(tmp_path: Path) -> None:
    fd = files.open_private(tmp_path / "a", new=True)
    files.write_at(fd, b"world", 6)
    files.write_at(fd, b"hello", 0)

    assert files.read_at(fd, 100, 0) == b"hello\0world"
    assert files.read_at(fd, 2, 8) == b"rl"
    files.cut(fd, 5)
    assert files.read_at(fd, 100, 0) == b"hello"
    files.sync(fd)
    os.close(fd)
    files.sync_folder(tmp_path)
    files.cut(fd, 0)  # not open any more: nobody is told


@posix
def test_a_write_at_a_place_that_is_cut_short_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fd = files.open_private(tmp_path / "a", new=True)
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: whole(fd, data[:3], offset))

    files.write_at(fd, b"0123456789", 0)

    assert files.read_at(fd, 100, 0) == b"0123456789"
    os.close(fd)


def mounted(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = table.strip().splitlines()
    data = "".join(f"{number} 1 0:1 / {line}\n" for number, line in enumerate(lines)).encode()
    monkeypatch.setattr("builtins.open", lambda *_: __import__("io").BytesIO(data))
    monkeypatch.setattr(sys, "platform", "linux")


@posix
def test_the_file_system_of_a_path_is_the_one_mounted_nearest_and_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "a b" / "disk"
    inner.mkdir(parents=True)
    spaced = str(tmp_path / "a b").replace(" ", "\\040")
    mounted(
        f"""
        / rw - ext4 /dev/sda rw
        {tmp_path} rw shared:1 - ext4 /dev/sdb rw
        {spaced} rw - ext4 /dev/sdc rw
        {spaced} rw - tmpfs none rw
        {spaced}/disk rw - ext4 /dev/sdd rw
        """.replace("        ", ""),
        monkeypatch,
    )

    assert files.memory_backed(tmp_path / "a b" / "to" / "be" / "made")
    assert not files.memory_backed(inner)
    assert not files.memory_backed(tmp_path)
    assert not files.memory_backed("/")


def test_where_nothing_is_known_no_file_system_is_without_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    assert not files.memory_backed("/dev/shm")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the start of the machine")
def test_a_start_of_the_machine_has_a_name() -> None:
    assert files.boot_id() == files.boot_id()
    assert len(files.boot_id()) == 36


def test_the_room_of_a_file_system_is_a_number(tmp_path: Path) -> None:
    assert files.space_left(tmp_path) > 0
    with pytest.raises(OSError):
        files.space_left(tmp_path / "missing")
