"""Signals: SIGTERM drains before the process ends, SIGHUP reads the configuration again; a signal in, a river drained
or reloaded out; heard in the main thread, done in one of its own; what cannot be done is a fault.

Only with `signals = true`. A handler runs in the main thread in the middle of anything: of an emit, of a sink's write,
with their locks held. So it waits for no river: it starts a thread, and the program goes on meanwhile.

* SIGTERM, where the default action follows: the river is shut down, then the process dies of the signal, as its parent
  can see; the program goes on until then, at most five seconds; whichever is first, that or its own end.
* SIGTERM, where a handler of the program follows: it says how the program ends, and the river serves until then. So
  what waits is delivered first, for half of that time; the exit has the rest.
* The second time: no wait.
* SIGHUP: the configuration is read and takes over, what changed is opened anew; a handler that was there is called too.
* Windows has no SIGHUP; SIGBREAK, which Ctrl+Break and other processes send there, is heard as SIGTERM is.

Handlers are given back when no river wants them, by the first thing that happens in the main thread, since no other
thread may. Who has put a handler over ours, or keeps it to put it back, gets what was there before through it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, Final, final

from penstock import files
from penstock.clock import monotonic, sleep
from penstock.faults import ERROR, last_resort, report
from penstock.ledger import ledger
from penstock.river.emit import slot

_TIME: Final = 5.0
"""Seconds for the drain that a signal begins."""
_FIRST_HALF: Final = _TIME / 2
_PAUSE: Final = 0.05
_STATUS: Final = 128
"""What a shell adds to the number of the signal of which a process died."""


@final
class _State:
    """What this process was asked for."""

    def __init__(self) -> None:
        self.reload: Callable[[], bool] | None = None  # None: no river wants signals
        self.begin()

    def begin(self) -> None:
        """Nobody asked for anything, in a forked child too."""
        self.ending = 0  # the signal of which the process dies once it is drained
        self.drained = False
        self.spent = 0.0  # seconds of the time to drain that are used up
        self.flushed: SimpleQueue[None] | None = None
        self.again = False  # whether a reload was asked for that did not begin yet
        self.reloading = allocate_lock()


_state: Final = _State()
_holds: Final[list[_Hold]] = []
files.after_fork_in_child(_state.begin)


@final
class _Hold:
    """One signal that is heard here, and who would hear it otherwise."""

    def __init__(self, number: int, before: Any, act: Callable[[_Hold, FrameType | None], None]) -> None:
        self.number = number
        self.before = before
        self._act = act

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Do what the signal asks for.

        Called:
            When: by the interpreter, for each signal.
            Thread: the main thread, between two steps of whatever it does.
            May block: only where a handler of the program follows, for half of the time to drain.
            If it raises: what the program's handler raises is the program's.
        """
        if _state.ending:
            if self._act is _end:  # any other would do what is done with already
                finish()
        elif _state.reload is not None:
            self._act(self, frame)
        else:
            give_back()
            self.pass_on(frame)

    def pass_on(self, frame: FrameType | None) -> None:
        """Do what would happen without us."""
        if callable(self.before):
            self.before(self.number, frame)
        elif self.before == signal.SIG_DFL:
            _die(self.number)


# -- taking and giving back -------------------------------------------------------------------------------------------


def take(reload: Callable[[], bool]) -> None:
    """Hear the signals from now on.

    Called:
        When: a river that wants them is installed.
        Thread: any; but only the main thread can install a handler that is not there yet.
        May block: no.
        If it raises: it does not; a handler that cannot be installed is a fault.

    Args:
        reload: Reads the configuration again; returns whether it took over.
    """
    known, _state.reload = _state.reload is not None, reload
    _state.flushed = None
    if threading.current_thread() is threading.main_thread():
        for name, act in _ACTS.items():
            if hasattr(signal, name):
                _take(getattr(signal, name), act)
    elif not known:
        _refused("Only the main thread can install signal handlers; call configure() there.")


def _take(number: int, act: Callable[[_Hold, FrameType | None], None]) -> None:
    before = signal.getsignal(number)
    if any(before == hold.hear for hold in _holds):
        return
    if before == signal.SIG_IGN and act is _end:
        return  # somebody asked that the process does not end of it, and it would not
    if before is None:
        _refused("A signal has a handler that is not Python's; it stays.", number)
        return
    hold = _Hold(number, before, act)
    try:
        signal.signal(number, hold.hear)
    except ValueError:  # not the main interpreter
        _refused("Only the main interpreter can install signal handlers.", number)
    else:
        _holds.append(hold)


def _refused(text: str, number: int | None = None) -> None:
    subject = "" if number is None else signal.Signals(number).name
    report("signals.refused", text, subject=subject)


def give_back() -> None:
    """Hear no signal any more: put back what was there, as far as nobody has put something over it."""
    _state.reload = None
    if _state.ending:
        return  # the last signal is on its way, and no other may come before it
    for hold in reversed(_holds[:]):
        if signal.getsignal(hold.number) == hold.hear:
            try:
                signal.signal(hold.number, hold.before)
            except ValueError:  # not the main thread: it passes on what it hears until that comes by
                continue
            _holds.remove(hold)


# -- the end ----------------------------------------------------------------------------------------------------------


def _end(hold: _Hold, frame: FrameType | None) -> None:
    if callable(hold.before):
        _flush_first()
        hold.before(hold.number, frame)
    else:
        _state.ending = hold.number
        if not _aside(_drain_and_finish):
            _drain()
            finish()


def _drain() -> None:
    try:
        slot.inlet.shutdown(_TIME)
    finally:
        _state.drained = True


def _drain_and_finish() -> None:
    """Drain, then have the main thread finish."""
    try:
        _drain()
    finally:
        while True:  # until it did: what comes right before a system call is heard only when that ends
            _call_main_thread(_state.ending)
            sleep(_PAUSE)


def _call_main_thread(number: int) -> None:
    """Have the handler run again, which alone can let the process die as it should."""
    if sys.platform == "win32":
        signal.raise_signal(number)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def _flush_first() -> None:
    """Deliver what waits, for some time, or until the signal comes a second time."""
    if _state.flushed is not None:
        _state.flushed.put(None)
        return
    flushed = _state.flushed = SimpleQueue()
    begun = monotonic()

    def flush() -> None:
        slot.inlet.flush(_FIRST_HALF)
        flushed.put(None)

    if _aside(flush):
        try:
            flushed.get(timeout=_FIRST_HALF)
        except Empty:
            pass
        finally:
            _state.spent = monotonic() - begun


def time_left() -> float:
    """Return how many seconds the exit may take to drain."""
    return _TIME - _state.spent


def ending() -> bool:
    """Return whether the process dies of a signal soon."""
    return _state.ending != 0


def finish() -> None:
    """Die of the signal that asked for it, if one did."""
    if _state.ending:
        if not _state.drained:
            _say_what_waits()
        _die(_state.ending)


def _say_what_waits() -> None:
    waiting = {name: account.pending for name, account in ledger().items() if account.pending}
    if waiting:
        told = " ".join(f"{name}={count}" for name, count in waiting.items())
        last_resort(f"penstock: warning: a signal ends the process; still waiting: {told}")


def _die(number: int) -> None:
    """Let the default action of a signal end the process; only the main thread may do so."""
    signal.signal(number, signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    signal.raise_signal(number)
    # Only the first process of a container comes here: the kernel spares it the default action. Its runtime expects
    # the status that a shell would give.
    os._exit(_STATUS + number)


# -- again ------------------------------------------------------------------------------------------------------------


def _again(hold: _Hold, frame: FrameType | None) -> None:
    _state.again = True
    if not _aside(_reload):
        report("config.rejected", "The configuration was not reloaded: no thread can be started.", level=ERROR)
    if callable(hold.before):
        hold.before(hold.number, frame)


def _reload() -> None:
    """Reload as often as somebody asked while the last one had begun; one at a time."""
    turn = _state.reloading
    while _state.again and turn.acquire(blocking=False):
        try:
            _state.again = False
            reload = _state.reload
            if reload is not None:
                reload()
        except Exception as error:  # promise: a reload never hurts the program
            report("config.rejected", "The configuration was not reloaded.", level=ERROR, error=error)
        finally:
            turn.release()


def _aside(function: Callable[[], None]) -> bool:
    """Call *function* in a thread of its own; return False if there can be none.

    The handler may have interrupted `threading`, with a lock held that starting a thread needs. So it starts one of the
    bare kind, and leaves the rest to that.
    """

    def start() -> None:
        try:
            threading.Thread(target=function, name="penstock-signals", daemon=True).start()
        except RuntimeError:  # one more would be too many
            function()

    try:
        start_new_thread(start, ())
    except RuntimeError:  # too many threads, or the interpreter is too far gone
        return False
    return True


_ACTS: Final = {"SIGTERM": _end, "SIGBREAK": _end, "SIGHUP": _again}
