"""Runtime: a river that runs; a composed graph in, the installed inlet; any thread; `configure` raises a ConfigError
with every problem, everything later reports faults and goes on.

It opens before it closes: a new river takes over in one assignment, then the old one is drained. After a reload the two
share what did not change, and the rest of the old one is drained in a thread of its own.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, final

from penstock import faults, files, logger
from penstock.assembly import signals
from penstock.assembly.build import build
from penstock.assembly.config import Config, Document, Source, again, read_document
from penstock.assembly.graph import Graph, Rest
from penstock.assembly.plugins import Plugins
from penstock.assembly.tuning import Tuning
from penstock.assembly.watch import EVERY, Seen, Watch, digest_of
from penstock.capture import Capture
from penstock.clock import TIMERS, monotonic
from penstock.errors import ConfigError, Problem
from penstock.event import Event
from penstock.faults import ERROR, Fault, last_resort, report
from penstock.health import watch_sinks
from penstock.ledger import Ledger, keep
from penstock.levels import NOTICE, level_number
from penstock.river.early import Early
from penstock.river.emit import slot, submit, wait_until_left
from penstock.river.pipeline import Levels
from penstock.telemetry import call_handlers

_TIME_TO_CLOSE: Final = 5.0
_LONGEST: Final = 86_400.0
"""Seconds; a longer wait, an infinite one too, is this long: beyond, the clocks of the system overflow."""
_NOT_RELOADED: Final = "The configuration was not reloaded."
_ENDED: Final = "it was shut down, or another one took over"
_unfinished: Final[set[Runtime]] = set()
"""Runtimes that began to close and did not end yet."""
_losses: Final[dict[str, Counter[str]]] = {}
"""By sink and reason: what closed rivers dropped, until a line has said so."""


def _deadline(timeout: float) -> float:
    return monotonic() + min(max(timeout, 0.0), _LONGEST)


_changing: Final = threading.RLock()
"""Held while a river is installed or removed: never on the way of an event."""


class _Asked(NamedTuple):
    """What `configure` was asked for, and in which environment; a reload is asked for the same."""

    source: Source
    profile: str | None
    strict: bool
    environ: Mapping[str, str]


@final
class _Reign:
    """What passes from a runtime to the one that takes over by a reload.

    Attributes:
        latest: The one that runs, or ran last.
        tuning: The levels that were set.
        leaving: Those that still drain what they alone had.
        watch: Looks at the files, if they want it.
        turn: Held by the one reload that goes on.
    """

    def __init__(self, first: Runtime, levels: Levels) -> None:
        self.latest: Runtime = first
        self.tuning = Tuning(levels, first._retune)
        self.leaving: list[Runtime] = []
        self.turn = threading.RLock()
        self.watch = Watch(lambda: self.latest._look(), first.reload)

    def after_fork_in_child(self) -> None:
        """Go on with the latest alone: what the others drain is the parent's."""
        self.turn = threading.RLock()
        for leaving in self.leaving:
            leaving._leave_to_parent()
        self.leaving.clear()
        self.tuning.after_fork_in_child()
        self.watch.after_fork_in_child()


@final
class Runtime:
    """A running configuration; made by `configure`, and a context manager that shuts down.

    After a reload it stands for what took over: whoever holds it need not get another one.

    Attributes:
        static: Fields of every event.
        submit: Carries an event to every pipeline that wants it.
        wants: Tells whether any pipeline takes events of a name and a level.
    """

    def __init__(self, asked: _Asked, before: Runtime | None = None) -> None:
        self._plugins = Plugins()
        graph = None if before is None else before._graph
        source, profile, strict, environ = asked
        self._built = build(source, profile, self._plugins, strict, graph, environ)
        self._asked = asked._replace(source=again(source, self._built.document))
        self._graph: Graph = self._built.graph
        self.static: Mapping[str, object] = dict(self._built.config.context)
        self.submit = self._graph.river.carry  # itself: a method around it would cost each event a call
        self.wants = self._graph.river.wants
        self._capture = Capture(self._built.config.capture)
        self._configured = self._graph.river.levels
        self._reign: _Reign = _Reign(self, self._configured) if before is None else before._reign
        self._rest: Rest | None = None
        self._closing = threading.RLock()
        self._closed = False
        self._clean = True

    @property
    def config(self) -> Config:
        """The configuration that runs."""
        return self._reign.latest._built.config

    @property
    def file(self) -> str | None:
        """Where it was read, or None."""
        return self._reign.latest._built.document.file

    @property
    def problems(self) -> Sequence[Problem]:
        """What was wrong with it but could be done without."""
        return self._reign.latest._built.problems

    # -- the inlet ----------------------------------------------------------------------------------------------------

    def threshold(self, name: str, /) -> int:
        """Return the lowest level at which any pipeline takes events called *name*."""
        return self._graph.river.threshold(name)

    def lowest(self) -> int:
        """Return the lowest level at which any pipeline takes events of any name."""
        return self._graph.river.lowest()

    # -- while it runs ------------------------------------------------------------------------------------------------

    def ledger(self) -> Ledger:
        """Return every account since `configure`; reloads in between do not reset it."""
        return self._reign.latest._graph.read()

    def status(self) -> Mapping[str, str]:
        """Return the status of each sink: ``ok``, ``degraded`` or ``failed``."""
        return self._reign.latest._graph.status()

    def set_level(self, level: str | int, name: str | None, sink: str | None, seconds: float | None, /) -> None:
        """Change a level; see `penstock.set_level`."""
        number = level_number(level)
        if sink is not None and name is not None:
            raise ValueError("a level is set for a name or for a sink, not for both at once")
        sinks = self._reign.latest._graph.sinks
        if sink is not None and sink not in sinks:
            raise ValueError(f"there is no sink {sink!r}; there are: {', '.join(sinks)}")
        self._reign.tuning.set(("sink", sink) if sink is not None else ("name", name or ""), number, seconds)

    def _retune(self, levels: Levels) -> None:
        self._graph.river.retune(levels)
        logger.retune()
        self._capture.retune()

    def flush(self, timeout: float = 5.0, /) -> bool:
        """Deliver what waits, for at most *timeout* seconds; return whether all of it was."""
        deadline, latest = _deadline(timeout), self._reign.latest
        rests = [leaving._rest for leaving in list(self._reign.leaving)]
        return all([rest.flush(deadline) for rest in (*rests, latest._graph) if rest is not None])  # noqa: C419

    # -- a reload -----------------------------------------------------------------------------------------------------

    def reload(self) -> bool:
        """Read the configuration again and let it take over; return whether it did.

        The profile, `strict` and the place of the file are those of `configure`. Sinks, stages and sources whose
        options did not change stay as they are, with what waits for them; the others are drained in the background,
        for five seconds. Counts go on, and so do levels that were set, unless the file says something new of them. A
        sink that works is never replaced by one that cannot be made or opened.

        Called:
            When: after the file was changed.
            Thread: any; several at once take turns.
            May block: as long as opening the new sinks takes.
            If it raises: it does not; a wrong file changes nothing, and its first problem is reported as a fault.
        """
        with self._reign.turn:
            latest = self._reign.latest
            if slot.inlet is not latest:
                _rejected(latest.file or "", problem=_ENDED)
                return False
            return latest._reload()

    def _reload(self) -> bool:
        try:
            new = Runtime(self._asked, self)
        except ConfigError as error:
            first = error.problems[0]
            _rejected(first.path, problem=str(first), problems=len(error.problems))
            return False
        except Exception as error:  # promise: a reload never hurts the program
            report("config.rejected", _NOT_RELOADED, subject=self.file or "", level=ERROR, error=error)
            return False
        if not self._reign.tuning.succeed(new._configured, new._retune, new._take_over):
            new._graph.discard(monotonic())
            _rejected(self.file or "", problem=_ENDED)
            return False
        new._begin()
        self._tell_what_changed(new)
        self._leave_aside()
        return True

    def _take_over(self, levels: Levels) -> bool:
        """Take the place of the runtime before this one, if that is still installed."""
        self._graph.river.retune(levels)
        with _changing:
            before = self._reign.latest
            if slot.inlet is not before:
                return False
            before._rest = self._graph.take_over(before._graph)
            self._reign.leaving.append(before)
            self._reign.latest = self
            self._install()
        return True

    def _look(self) -> Seen:
        """Return what the files of the configuration say now."""
        source, profile, _, environ = self._asked
        try:
            document = read_document(source, profile, environ)
        except ConfigError as error:
            wrong = [Path(problem.file).absolute() for problem in error.problems if problem.file]
            files = dict.fromkeys((*self._seen(self._built.document).files, *wrong))
            return Seen([str(problem) for problem in error.problems], list(files))
        return self._seen(document or self._built.document)

    def _seen(self, document: Document) -> Seen:
        texts, secrets = document.texts, self._built.secrets
        return Seen((texts, [digest_of(path) for path in secrets]), [*texts, *secrets])

    def _tell_what_changed(self, new: Runtime) -> None:
        kept = [name for name in new._graph.sinks if ("sink", name) in new._graph.kept]
        report(
            "config.reloaded",
            "The configuration was reloaded.",
            level=NOTICE,
            subject=new._built.document.file or "",
            kept=kept,
            opened=[name for name in new._graph.sinks if name not in kept],
            closed=[name for name in self._graph.sinks if name not in kept],
        )

    def _leave_aside(self) -> None:
        """Drain what this one alone had, while the program goes on."""
        try:
            threading.Thread(target=self._leave, name="penstock-leaving", daemon=True).start()
        except RuntimeError:  # no thread can be started: so the program waits
            self._leave()

    def _leave(self) -> None:
        self._close(_TIME_TO_CLOSE)
        with _changing:
            if self in self._reign.leaving:
                self._reign.leaving.remove(self)

    # -- coming and going ---------------------------------------------------------------------------------------------

    def _install(self) -> None:
        """Become the inlet; the caller holds `_changing`."""
        slot.inlet = self
        keep(self.ledger)
        watch_sinks(self.status)
        faults.listen(self._hear)
        self._capture.take()  # from the old one's hands, without a moment in between
        logger.retune()
        _exit_hook()
        every = self.config.watch
        if every is False or self._built.document.file is None:
            self._reign.watch.end()
        else:
            self._reign.watch.aim(self._seen(self._built.document), EVERY if every is True else float(every))
        if self.config.signals:
            signals.take(self.reload)
        else:
            signals.give_back()

    def _configure(self) -> None:
        """Take over from whatever is installed, and close that."""
        with _changing:
            old = slot.inlet
            self._install()
            if isinstance(old, Early):
                self._replay(old)
        self._begin()
        if isinstance(old, Runtime):
            old._end(_TIME_TO_CLOSE)
            self._graph.succeed()

    def _begin(self) -> None:
        for problem in self._built.problems:
            report("config.degraded", "The configuration has a problem.", subject=problem.path, problem=str(problem))
        self._graph.start(submit)
        self._plugins.tell("penstock_started", runtime=self)

    def _replay(self, early: Early) -> None:
        """Carry what was emitted before there was a river, with the static fields it would have had."""
        for event in early.take():
            context = {**self.static, **event.context} if self.static else event.context
            self._graph.river.carry(event.replace(context=context))

    def shutdown(self, timeout: float = _TIME_TO_CLOSE, /) -> bool:
        """Deliver what waits, count what is left after *timeout* seconds, let go; return whether none was left."""
        with _changing:
            latest = self._reign.latest
            if slot.inlet is latest:
                slot.inlet = Early(at_exit=_exiting or signals.ending(), before=latest)
                watch_sinks(None)
                latest._capture.release()
                logger.retune()
        clean = latest._end(timeout)
        if not _exiting:
            _say_losses()
        with _changing:
            if not isinstance(slot.inlet, Runtime):
                signals.give_back()  # not earlier: one that comes while it drains is heard
        return clean

    def _end(self, timeout: float) -> bool:
        """Close this one, and first those from which it took over, as far as they are not yet."""
        deadline = _deadline(timeout)
        leaving = list(self._reign.leaving)
        for one in leaving:
            if one._rest is not None:
                one._rest.begin_close(deadline)
        left = [one._close(deadline - monotonic()) and one._clean for one in leaving]
        return self._close(deadline - monotonic()) and all(left)

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
            self._clean = self._close_rest(self._rest, deadline)
            self._closed = True
            _unfinished.discard(self)
            return self._clean
        finally:
            self._closing.release()

    def _close_rest(self, rest: Rest | None, deadline: float) -> bool:
        """Close *rest*, where a reload left the others to what took over; without, everything."""
        if rest is not None:
            latest = self._reign.latest._graph
            latest.wait_until_left(deadline)
            clean = rest.close(deadline)
            self._graph.end(rest, self._reign.latest._graph)
        else:
            self._reign.tuning.end()
            self._reign.watch.end()
            clean = self._graph.close(deadline)
            with _changing:
                if slot.inlet is not self:
                    faults.listen(slot.inlet._hear if isinstance(slot.inlet, Runtime) else None)
        self._note_losses(rest or self._graph.rest())
        return clean

    def _leave_to_parent(self) -> None:
        """In a forked child: let go of what the parent drains."""
        self._closed = True
        if self._rest is not None:
            for delivery in self._rest.deliveries:
                delivery.after_fork_in_child()

    def _note_losses(self, rest: Rest) -> None:
        """Keep what was dropped and went to no fallback for the last line of the process."""
        for account in rest.accounts:
            found = account.read()
            if sum(found.dropped.values()) > found.diverted:
                _losses.setdefault(account.name, Counter()).update(found.dropped)

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
        self._closing = threading.RLock()
        self._reign.after_fork_in_child()
        self._graph.after_fork_in_child()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"<Runtime of {self.file or 'a dict'}: sinks {', '.join(self._reign.latest._graph.sinks)}>"


def _rejected(subject: str, *, problem: str, problems: int = 1) -> None:
    """Report why there was no reload: the first problem, and how many there are."""
    report("config.rejected", _NOT_RELOADED, subject=subject, level=ERROR, problem=problem, problems=problems)


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
    _unfinished.clear()
    TIMERS.after_fork_in_child()
    if isinstance(slot.inlet, Runtime):
        slot.inlet.after_fork_in_child()


def configure(source: Source = None, /, *, profile: str | None = None, strict: bool | None = None) -> Runtime:
    """Compose a configuration and let it run from now on; see `penstock.configure`."""
    environ = dict(os.environ)  # a program may take its secrets out of it once it has read them
    if strict is None:
        strict = environ.get("PENSTOCK_STRICT", "").lower() in ("1", "true", "yes")
    runtime = Runtime(_Asked(source, profile, strict, environ))
    runtime._configure()
    return runtime
