"""Groups: a batch in several requests; groups of records in, one error for the whole batch out; the sink's worker; what
arrived is never sent again, and one bad record costs only itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from penstock.plugin import Closed, Rejected, Unavailable, time_left

Send: TypeAlias = Callable[[int, int], None]
"""Sends the records from a place in the batch up to, not including, another, in one request."""

_ENOUGH: Final = 0.25
"""Seconds; with less, an answer may come too late, and then nobody knows whether the request arrived."""


def send_in_groups(groups: Iterable[tuple[int, int]], send: Send) -> None:
    """Call *send* for each group of a batch, in order, and raise what the core understands about the whole batch.

    A group that is refused is sent again record by record, to find the one that is the reason. When a request has to
    wait, or the attempt's time is over, the groups before it stay delivered.

    Called:
        When: from `write` of a sink that needs several requests for a batch.
        Thread: the sink's worker.
        May block: as long as *send* does; no request is begun in the last quarter of a second.
        If it raises: let it through.

    Args:
        groups: Pairs (start, stop) of places in the batch, in order and without gaps.
        send: Sends one group. It raises as `write` of a sink does, about its group.

    Raises:
        Unavailable: If a group has to wait; `delivered` and `rejected` say what became of those before it.
        Rejected: If records were refused; their `indexes` are places in the batch.
        Closed: If the first group met a sink that is closed.

    Example:
        >>> def refuse_the_second(start, stop):
        ...     if start <= 1 < stop:
        ...         raise Rejected("too long")
        >>> try:
        ...     send_in_groups([(0, 3), (3, 5)], refuse_the_second)
        ... except Rejected as error:
        ...     sorted(error.indexes)
        [1]
    """
    waiting = deque(groups)
    rejected: list[int] = []
    why = ""
    while waiting:
        start, stop = waiting.popleft()
        if start and time_left() < _ENOUGH:
            raise Unavailable("the batch needs another attempt", retry_after=0.0, delivered=start, rejected=rejected)
        trouble = _tried(send, start, stop)
        if isinstance(trouble, Rejected):
            if stop - start > 1:
                waiting.extendleft((place, place + 1) for place in reversed(range(start, stop)))
            else:
                rejected.append(start)
                why = str(trouble)
        elif trouble is not None:
            raise _about_the_batch(trouble, start, rejected)
    if rejected:
        raise Rejected(why, indexes=rejected)


def _tried(send: Send, start: int, stop: int) -> Unavailable | Rejected | Closed | None:
    """Return what *send* raised: raised again outside of the except block, it has no context to tell."""
    try:
        send(start, stop)
    except (Unavailable, Rejected, Closed) as error:
        return error.with_traceback(None)
    return None


def _about_the_batch(trouble: Unavailable | Closed, start: int, rejected: list[int]) -> Unavailable | Closed:
    """Return what one group met as something to say of the batch, of which those before *start* are done with."""
    if isinstance(trouble, Unavailable):
        return Unavailable(str(trouble), retry_after=trouble.retry_after, delivered=start, rejected=rejected)
    if start:  # Closed would count the whole batch as dropped: the next attempt begins with this group, and says it
        return Unavailable(str(trouble), retry_after=0.0, delivered=start, rejected=rejected)
    return trouble
