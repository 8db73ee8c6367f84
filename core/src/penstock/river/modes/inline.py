"""Inline: the way to a sink that is local and quick; a record in, one write out; the caller's thread; what the sink
does not take at once is a counted drop, and goes to the fallback if there is one.
"""

from __future__ import annotations

from _thread import get_ident
from typing import Any, Final, final

from penstock.ledger import SinkAccount, SinkCell
from penstock.river.deliver import Drops
from penstock.river.sink import GuardedSink, Outcome

_CUT_SHORT: Final = Outcome(0, reason="plugin_error")
"""What became of a record if nobody can say: a KeyboardInterrupt came, or the stack or the memory was at its end."""


@final
class InlineDelivery:
    """Writes each record at once, in the caller's thread.

    An event that a sink emits while it writes comes back here in the same thread. A thread-safe sink may take one such
    (a signal handler looks the same from here); what is deeper, or meets a sink that is not, is dropped, ``recursion``.
    """

    def __init__(self, sink: GuardedSink, account: SinkAccount) -> None:
        self.sink = sink
        self.account = account
        self.drops = Drops(account)
        self._cells = account.cells
        self._write_line = sink.write_line
        self._depth = 1 if sink.thread_safe else 0
        self._closed = False

    def deliver(self, record: Any, /) -> None:
        """Write *record*."""
        # Between counts that belong together stands no call: that is where an interrupt could come in.
        cell = self._cells[get_ident()]
        if cell.pending > self._depth or self._closed:
            self._refuse(record, cell)
            return
        write_line = self._write_line
        if write_line is None or self.sink.status != "ok":
            self._write(record, cell)
            return
        cell.accepted += 1
        cell.pending += 1
        try:
            write_line(record[0], record[3])
        except KeyboardInterrupt:  # it passes, but it is counted
            cell.dropped["plugin_error"] += 1
            cell.pending -= 1
            raise
        except BaseException as error:  # promise: a sink never stops the program
            outcome = _CUT_SHORT
            try:
                outcome = self.sink.judge((record,), error)
            finally:
                if outcome.delivered:
                    cell.delivered += 1
                else:
                    cell.dropped["stalled" if outcome.waiting else outcome.reason] += 1
                cell.pending -= 1
            self._tell(record, outcome)
        else:
            cell.delivered += 1
            cell.pending -= 1

    def _refuse(self, record: Any, cell: SinkCell) -> None:
        """Count *record* as dropped: the sink is in the middle of others of this thread, or closed."""
        reason = "closed" if self._closed and cell.pending <= self._depth else "recursion"
        cell.accepted += 1
        cell.dropped[reason] += 1
        if reason == "closed":
            self.drops.divert((record,), reason)

    def _write(self, record: Any, cell: SinkCell) -> None:
        """Write *record* as a batch; what is left waiting is dropped, for the caller does not wait."""
        cell.accepted += 1
        cell.pending += 1
        outcome = _CUT_SHORT
        try:
            outcome = self.sink.write((record,))
        finally:
            if outcome.delivered:
                cell.delivered += 1
            else:
                cell.dropped["stalled" if outcome.waiting else outcome.reason] += 1
            cell.pending -= 1
        self._tell(record, outcome)

    def _tell(self, record: Any, outcome: Outcome) -> None:
        """Tell what became of *record*, once it is counted."""
        self.sink.tell(outcome)
        if not outcome.delivered:
            self.drops.divert((record,), "stalled" if outcome.waiting else outcome.reason)

    def lose(self, event: Any, /) -> None:
        """Count an event of which no record could be made."""
        self.account.lose()

    def flush(self, deadline: float) -> bool:
        """Have the sink flush; nothing waits here."""
        return self.sink.flush(deadline)

    def begin_close(self, deadline: float) -> None:
        """Do nothing: there is nothing to drain."""

    def close(self, deadline: float) -> bool:
        """Close the sink."""
        self._closed = True
        self.sink.flush(deadline)
        self.sink.close(deadline)
        return True

    def after_fork_in_child(self) -> None:
        """Start with empty counts and a free lock."""
        self.sink.after_fork_in_child()
        self.account.reset()
