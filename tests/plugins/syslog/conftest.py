"""Receivers for the tests of syslog: started on demand, stopped behind the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import penstock
from syslogs import Daemon, Journal, Kind, Rsyslog, SyslogNg, journald, make_certificates

Start = Callable[..., Daemon]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a daemon."""
    daemons: list[Daemon] = []

    def start(kind: Kind, make: type[Daemon] = Rsyslog, *arguments: Any, **options: Any) -> Daemon:
        folder = tmp_path / f"{make.program}-{len(daemons)}"
        folder.mkdir()
        daemon = make(folder, kind, *arguments, **options)
        daemons.append(daemon)
        daemon.start()
        return daemon

    yield start
    penstock.shutdown()  # while its servers still run
    for daemon in daemons:
        daemon.freeze(False) if daemon._process is not None else None
        daemon.stop()


@pytest.fixture(scope="module")
def journal() -> Iterator[Journal]:
    with journald() as journal:
        yield journal


__all__ = ["SyslogNg"]
