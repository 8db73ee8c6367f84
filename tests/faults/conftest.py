"""For every test of faults: trials, and levers and disks where the machine has them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the modules beside this one
sys.path.insert(0, str(Path(__file__).parent / "inject"))

import capabilities
import disks
import hooks
import levers
from sometimes import Sometimes
from trial import Trials


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the figures of a full run be kept."""
    parser.addoption("--faults-page", type=Path, default=None, help="page of the documentation to put the figures into")


def pytest_configure(config: pytest.Config) -> None:
    """Add what tells at the end of the run what was reached."""
    config.pluginmanager.register(hooks, "faults")


@pytest.fixture
def sometimes(request: pytest.FixtureRequest) -> Sometimes:
    """Notes situations that the test has named."""
    return Sometimes(hooks.named(request.node))


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    """Makes trials, each in a folder of its own."""
    return Trials(tmp_path)


@pytest.fixture(scope="session")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that is preloaded, compiled once."""
    capabilities.need("compiler")
    return levers.build(tmp_path_factory.mktemp("levers"))


@pytest.fixture
def pulled(tmp_path: Path, preloaded: Path) -> Iterator[levers.Levers]:
    """Levers for everything in a folder called logs."""
    with levers.levers_at(tmp_path, preloaded, "/logs/") as made:
        yield made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[disks.Disk]:
    """A disk of 8 MiB."""
    capabilities.need("mount")
    with disks.small_disk(tmp_path / "disk", "8m") as disk:
        yield disk


@pytest.fixture
def real_disk(tmp_path: Path) -> Iterator[disks.RealDisk]:
    """A disk that can freeze and fail."""
    capabilities.need("fsfreeze")
    with disks.real_disk(tmp_path / "disk") as disk:
        yield disk
