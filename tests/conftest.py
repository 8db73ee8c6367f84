"""For every test: Penstock as if freshly imported, and nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from time import sleep
from uuid import uuid4

import pytest

import penstock
from penstock import faults, logger, telemetry
from penstock.context import clear_context, current_context
from penstock.health import _checks, _findings
from penstock.river.early import Early
from penstock.river.emit import slot
from penstock.secret import known

# Faults are injected with what Linux has for it. Here they run in a reduced form; `nox -s faults` runs them in full.
collect_ignore = [] if sys.platform == "linux" else ["faults"]

# Who starts the tests in the background, or under nohup, has these ignored; programs that tests start would inherit it.
for _name in ("SIGINT", "SIGHUP"):
    if hasattr(signal, _name) and signal.getsignal(getattr(signal, _name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, _name), signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL)


_PATIENCE = 500


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def _threads() -> set[str]:
    # The timers' thread belongs to the process, not to a test.
    return {thread.name for thread in threading.enumerate()} - {"penstock-timers"}


def _secrets() -> tuple[list[str], list[str]]:
    return list(known.texts), [] if known.encoded is None else list(known.encoded.texts)


def _forget_secrets_but(texts: list[str], encoded: list[str]) -> None:
    """Forget what a test named as secret: in the next one it may be an ordinary word."""
    if (texts, encoded) == _secrets():
        return
    learned = known.learned
    type(known).__init__(known)
    for text in encoded:
        known.learn_encoded(text)
    for text in texts:
        known.learn(text)
    if texts:
        known.learned += learned  # never what it was: who judged by it judges again


@pytest.fixture(autouse=True)
def fresh_penstock(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start without configuration, faults or context; look for leaks of threads, descriptors, handlers and taps."""
    for name in (
        "PENSTOCK_CONFIG",
        "PENSTOCK_STRICT",
        "PENSTOCK_PROFILE",
        "PENSTOCK_DISABLE",
        "NO_COLOR",
        "FORCE_COLOR",
        "CLICOLOR_FORCE",
    ):
        monkeypatch.delenv(name, raising=False)
    # What a test leaves in a spool is no business of the next one, nor of the next run.
    monkeypatch.setenv("PENSTOCK__STATE", str(tmp_path_factory.getbasetemp() / "states" / uuid4().hex))
    faults.forget()
    _checks.clear()
    _findings.clear()
    slot.inlet = Early()
    logger.retune()
    threads, descriptors = _threads(), _descriptors()
    secrets = _secrets()
    yield
    penstock.shutdown(1.0)
    slot.inlet.take() if isinstance(slot.inlet, Early) else None
    left_handlers = penstock.list_handlers()
    for info in left_handlers:
        penstock.detach(info.handler_id)
    telemetry._definitions.clear()
    _forget_secrets_but(*secrets)
    left_context = dict(current_context())
    clear_context()
    assert not slot.taps, "a tap is still in the stream"
    assert not left_handlers, "a test must detach the handlers it attached"
    assert not left_context, "a test must leave the context as it found it"
    for _ in range(_PATIENCE):  # what was told to end needs its time where the machine is busy
        if _threads() <= threads and _descriptors() <= descriptors:
            break
        sleep(0.01)
    assert _threads() <= threads, "a thread was left running"
    assert _descriptors() <= descriptors, "a descriptor was left open"
