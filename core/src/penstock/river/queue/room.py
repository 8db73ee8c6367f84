"""Room: how many bytes may still wait in memory; sizes in, credit out; any thread, without a lock for most records;
what does not fit is not lent.

Each thread holds a credit, lent to it a piece at a time, and spends it by itself. So the bound is exact, and only who
has spent all of it asks. The lock is held for plain stores alone, at which the interpreter lets in neither a signal
handler nor another thread (CPython 3.11 to 3.13): whoever holds it lets go of it at once, whatever happens.
"""

from __future__ import annotations

from _thread import RLock, get_ident
from typing import Final, TypeAlias, final

from penstock.ledger import SinkAccount, SinkCell
from penstock.river.queue.lanes import Put

_CREDIT: Final = 65_536
"""Bytes lent ahead: some hundred records share the cost of asking, and a hundred threads do not hold all there is."""
_PLENTY: Final = 8
"""Lent ahead is only while there is so many times as much left."""


@final
class Purse:
    """What one thread may still put without asking.

    Attributes:
        cell: Its counts.
        credit: Bytes.
        strict: Whether nothing is lent to it ahead, so that it has to ask each time and can be refused.
        gone: What it pushed out and is not paid back for yet.
    """

    __slots__ = ("cell", "credit", "gone", "strict")

    def __init__(self, cell: SinkCell, strict: bool) -> None:
        self.cell = cell
        self.credit = 0
        self.strict = strict
        self.gone: list[Put] = []


Purses: TypeAlias = dict[int, Purse]
"""By thread id; the id of a dead thread may come again, and its purse goes on with it, which loses nothing."""


@final
class Room:
    """The bytes of one queue, of which urgent records may use all and others all but a reserve.

    Attributes:
        purses: Of those who put records that are not urgent.
        urgent: Of those who put urgent ones.
        lock: Guards the bytes.
        left: Bytes that nobody holds.
        left_low: Of those, how many may be lent for records that are not urgent; less than nothing where urgent ones
            did not leave as many.
    """

    def __init__(self, account: SinkAccount, size: int, reserve: int) -> None:
        self._account = account
        self._size = size
        self._reserve = reserve
        self._ahead = min(_CREDIT, size // 64)
        self.purses: Purses = {}
        self.urgent: Purses = {} if reserve else self.purses
        self.begin()

    def begin(self) -> None:
        """Start with all of it, and nobody who holds any."""
        self.lock = RLock()
        self.left = self._size
        self.left_low = self._size - self._reserve
        self.purses.clear()
        self.urgent.clear()
        self._strict = 0
        self._lent_ahead = False
        self._closed = False

    def most(self, urgent: bool) -> int:
        """Return the bytes of the largest record that can ever fit."""
        return self._size if urgent else self._size - self._reserve

    def purse(self, urgent: bool) -> Purse:
        """Return the running thread's purse."""
        purses, ident = self.urgent if urgent else self.purses, get_ident()
        purse = purses.get(ident)
        if purse is None:
            purse = purses[ident] = Purse(self._account.cell(), ident == self._strict)
        return purse

    def lend(self, purse: Purse, size: int, urgent: bool) -> bool:
        """Fill *purse* up to *size*, or further while there is plenty; return whether it could be."""
        plenty = size + _PLENTY * self._ahead
        while True:
            with self.lock:
                left = self.left if urgent or self.left < self.left_low else self.left_low
                loan = size - purse.credit
                if loan <= left and not self._closed:
                    if left > plenty and not purse.strict:
                        loan += self._ahead
                        self._lent_ahead = True
                    purse.credit += loan
                    self.left -= loan
                    if not urgent:
                        self.left_low -= loan
                    return True
            if not self._lent_ahead:
                return False
            self._call_in()

    def _call_in(self) -> None:
        """Take back what was lent and not spent."""
        self._lent_ahead = False
        for purse in list(self.purses.values()):
            with self.lock:
                self.left += purse.credit
                self.left_low += purse.credit
                purse.credit = 0
        for purse in list(self.urgent.values()) if self._reserve else ():
            with self.lock:
                self.left += purse.credit
                purse.credit = 0

    def be_strict(self, ident: int) -> None:
        """From now on lend nothing ahead to the thread *ident*, and to it alone."""
        self._strict = ident
        for purses in (self.purses, self.urgent):
            for one, purse in list(purses.items()):
                purse.strict = one == ident
        self._call_in()

    def close(self) -> None:
        """Lend nothing any more, and take everything back that was not spent."""
        with self.lock:
            self._closed = True
        self._call_in()
