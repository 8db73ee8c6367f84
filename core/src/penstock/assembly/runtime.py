"""Runtime: a river that runs; a composed graph in, the installed inlet; any thread; `configure` raises a ConfigError
with every problem, everything later reports faults and goes on.

It opens before it closes: a new river takes over in one assignment, then the old one is drained.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final, final

from penstock import faults, files, logger
from penstock.assembly import signals
from penstock.assembly.build import build
from penstock.assembly.compose import configured_levels
from penstock.assembly.config import Source
from penstock.assembly.plugins import Plugins
from penstock.assembly.tuning import Tuning
from penstock.capture import Capture
from penstock.clock import TIMERS, monotonic
from penstock.errors import ConfigError
from penstock.event import Event
from penstock.faults import ERROR, Fault, last_resort, report
from penstock.health import watch_sinks
from penstock.ledger import Ledger, keep
from penstock.levels import level_number
from penstock.river.early import Early
from penstock.river.emit import slot, submit, wait_until_left
from penstock.river.pipeline import Levels
from penstock.telemetry import call_handlers

_TIME_TO_CLOSE: Final = 5.0
_LONGEST: Final = 86_400.0
"""Seconds; a longer wait, an infinite one too, is this long: beyond, the clocks of the system overflow."""
_unfinished: Final[set[Runtime]] = set()
"""Runtimes that began to close and did not end yet."""
_losses: Final[dict[str, Counter[str]]] = {}
"""By sink and reason: what closed rivers dropped, until a line has said so."""


def _deadline(timeout: float) -> float:
    return monotonic() + min(max(timeout, 0.0), _LONGEST)


_changing: Final = threading.RLock()
"""Held while a river is installed or removed: never on the way of an event."""


@final
class Runtime:
    """A running configuration; made by `configure`, and a context manager that shuts down.

    Attributes:
        config: The configuration it runs.
        file: Where it was read, or None.
        problems: What was wrong with it but could be done without.
        static: Fields of every event.
        submit: Carries an event to every pipeline that wants it.
        wants: Tells whether any pipeline takes events of a name and a level.
    """

    def __init__(self, source: Source, profile: str | None, strict: bool) -> None:
        self._source = source
        self._profile = profile
        self._strict = strict
        self._plugins = Plugins()
        self.file, self.config, self._graph, self.problems = build(source, profile, self._plugins, strict)
        self.static: Mapping[str, object] = dict(self.config.context)
        self.submit = self._graph.river.carry  # itself: a method around it would cost each event a call
        self.wants = self._graph.river.wants
        self._capture = Capture(self.config.capture)
        self._tuning = Tuning(configured_levels(self.config), self._retune)
        self._successor: Runtime | None = None
        self._closing = threading.RLock()
        self._closed = False

    # -- the inlet ----------------------------------------------------------------------------------------------------

    def threshold(self, name: str, /) -> int:
        """Return the lowest level at which any pipeline takes events called *name*."""
        return self._graph.river.threshold(name)

    def lowest(self) -> int:
        """Return the lowest level at which any pipeline takes events of any name."""
        return self._graph.river.lowest()

    # -- while it runs ------------------------------------------------------------------------------------------------

    def ledger(self) -> Ledger:
        """Return every account of the river; after a reload, of the one that took over."""
        return self._latest()._graph.read()

    def status(self) -> Mapping[str, str]:
        """Return the status of each sink: ``ok``, ``degraded`` or ``failed``."""
        return self._latest()._graph.status()

    def _latest(self) -> Runtime:
        """Return the runtime that took over from this one, or this one: who holds it goes on with it."""
        latest = self
        while latest._successor is not None:
            latest = latest._successor
        return latest

    def set_level(self, level: str | int, name: str | None, sink: str | None, seconds: float | None, /) -> None:
        """Change a level; see `penstock.set_level`."""
        number = level_number(level)
        if sink is not None and name is not None:
            raise ValueError("a level is set for a name or for a sink, not for both at once")
        if sink is not None and sink not in self._graph.sinks:
            raise ValueError(f"there is no sink {sink!r}; there are: {', '.join(self._graph.sinks)}")
        self._tuning.set(("sink", sink) if sink is not None else ("name", name or ""), number, seconds)

    def _retune(self, levels: Levels) -> None:
        self._graph.river.retune(levels)
        logger.retune()
        self._capture.retune()

    def flush(self, timeout: float = 5.0, /) -> bool:
        """Deliver what waits, for at most *timeout* seconds; return whether all of it was."""
        return self._latest()._graph.flush(_deadline(timeout))

    def reload(self) -> bool:
        """Read the configuration again and let it take over; return whether it did.

        Called:
            When: after the file was changed.
            Thread: any but a sink's worker.
            May block: as long as opening the new sinks and draining the old ones takes.
            If it raises: it does not; a wrong file changes nothing and is reported as a fault.
        """
        if self._successor is not None:
            return self._latest().reload()
        try:
            new = Runtime(self._source, self._profile, self._strict)
        except ConfigError as error:
            for problem in error.problems:
                text = "The configuration was not reloaded."
                report("config.rejected", text, subject=problem.path, level=ERROR, problem=str(problem))
            return False
        self._successor = new
        new._install()
        return True

    # -- coming and going ---------------------------------------------------------------------------------------------

    def _install(self) -> None:
        """Take over from whatever is installed, and close that."""
        with _changing:
            old = slot.inlet
            slot.inlet = self
            keep(self._graph.read)
            watch_sinks(self._graph.status)
            faults.listen(self._hear)
            self._capture.take()  # from the old one's hands, without a moment in between
            logger.retune()
            _exit_hook()
            if self.config.signals:
                signals.take(self.reload)
            else:
                signals.give_back()
            if isinstance(old, Early):
                self._replay(old)
        for problem in self.problems:
            report("config.degraded", "The configuration has a problem.", subject=problem.path, problem=str(problem))
        self._graph.start(submit)
        self._plugins.tell("penstock_started", runtime=self)
        if isinstance(old, Runtime):
            old._close(_TIME_TO_CLOSE)
            self._graph.succeed()

    def _replay(self, early: Early) -> None:
        """Carry what was emitted before there was a river, with the static fields it would have had."""
        for event in early.take():
            context = {**self.static, **event.context} if self.static else event.context
            self._graph.river.carry(event.replace(context=context))

    def shutdown(self, timeout: float = _TIME_TO_CLOSE, /) -> bool:
        """Deliver what waits, count what is left after *timeout* seconds, let go; return whether none was left."""
        if self._successor is not None:
            return self._latest().shutdown(timeout)
        with _changing:
            if slot.inlet is self:
                slot.inlet = Early(at_exit=_exiting or signals.ending(), before=self)
                watch_sinks(None)
                self._capture.release()
                logger.retune()
        clean = self._close(timeout)
        if not _exiting:
            _say_losses()
        with _changing:
            if not isinstance(slot.inlet, Runtime):
                signals.give_back()  # not earlier: one that comes while it drains is heard
        return clean

    def _close(self, timeout: float) -> bool:
        """Drain and close the graph once; whoever comes meanwhile waits, and can take up what was interrupted."""
        deadline = _deadline(timeout)
        if not self._closing.acquire(timeout=max(0.0, deadline - monotonic())):
            return False
        try:
            if self._closed:
                return True
            _unfinished.add(self)
            # Threads that are in the old river finish there, before its sinks are closed under them.
            wait_until_left(self, deadline)
            self._plugins.tell("penstock_stopping", runtime=self)
            self._tuning.end()
            clean = self._graph.close(deadline)
            if slot.inlet is not self:
                faults.listen(slot.inlet._hear if isinstance(slot.inlet, Runtime) else None)
            self._note_losses()
            self._closed = True
            _unfinished.discard(self)
            return clean
        finally:
            self._closing.release()

    def _note_losses(self) -> None:
        """Keep what was dropped and went to no fallback for the last line of the process."""
        for name, account in self._graph.read().items():
            if sum(account.dropped.values()) > account.diverted:
                _losses.setdefault(name, Counter()).update(account.dropped)

    def _hear(self, fault: Fault) -> bool:
        """Emit the event of *fault*; return whether a sink in good health, and not the one it is about, got it."""
        self._plugins.tell("penstock_faulted", fault=fault)
        if self in _unfinished:
            return False  # its sinks are being closed
        name = f"penstock.{fault.kind}"
        numbers = {"count": fault.count}
        facts = {"subject": fault.subject, "text": fault.text, **fault.data}
        call_handlers(name, numbers, facts)
        event = Event(name, "", fault.level, measurements=numbers, metadata=facts, context=self.static, pid=slot.pid)
        for tap in slot.taps:
            tap(event)
        status = self.status()
        heard = False
        for pipeline in self._graph.river.pipelines:
            # Not to the sink it is about, which must not be alerted of itself, nor to one that takes nothing any more.
            if pipeline.sink == fault.subject or status[pipeline.sink] == "failed":
                continue
            if self._graph.river.takes(pipeline, name, fault.level):
                pipeline.carry(event)
                heard = heard or status[pipeline.sink] == "ok"
        return heard

    def after_fork_in_child(self) -> None:
        """Start anew in a forked child: empty queues, no worker, counts from zero."""
        for account in self._graph.pipelines.values():
            account.reset()
        self._closing = threading.RLock()
        self._tuning.after_fork_in_child()
        for delivery in self._graph.sinks.values():
            delivery.after_fork_in_child()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"<Runtime of {self.file or 'a dict'}: sinks {', '.join(self._graph.sinks)}>"


# -- the process ------------------------------------------------------------------------------------------------------

_exiting = False
_hooked = False


def _exit_hook() -> None:
    """Register, once, what has to happen when the interpreter ends or forks."""
    global _hooked
    if not _hooked:
        _hooked = True
        atexit.register(_at_exit)
        files.after_fork_in_child(_after_fork_in_child)


def _at_exit() -> None:
    global _exiting
    _exiting = True
    slot.inlet.shutdown(min(_TIME_TO_CLOSE, signals.time_left()))
    for runtime in list(_unfinished):  # another thread is at it, or was interrupted
        runtime._close(_TIME_TO_CLOSE)
    _say_losses()
    signals.finish()


def _say_losses() -> None:
    """Write one line about what was dropped, if anything was and no line has said so."""
    lost = [
        f"{name} " + " ".join(f"{reason}={count}" for reason, count in sorted(counts.items()))
        for name, counts in _losses.items()
    ]
    _losses.clear()
    if lost:
        last_resort(f"penstock: error: events were dropped: {'; '.join(lost)}")


def _after_fork_in_child() -> None:
    global _changing
    _changing = threading.RLock()  # type: ignore[misc]
    faults.forget()
    _losses.clear()
    TIMERS.after_fork_in_child()
    if isinstance(slot.inlet, Runtime):
        slot.inlet.after_fork_in_child()


def configure(source: Source = None, /, *, profile: str | None = None, strict: bool | None = None) -> Runtime:
    """Compose a configuration and let it run from now on; see `penstock.configure`."""
    if strict is None:
        strict = os.environ.get("PENSTOCK_STRICT", "").lower() in ("1", "true", "yes")
    runtime = Runtime(source, profile, strict)
    runtime._install()
    return runtime
