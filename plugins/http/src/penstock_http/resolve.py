"""Resolve: finds the addresses of a host; a name in, addresses out; the sink's worker, and a side thread for each name;
a name server that hangs is a TimeoutError.
"""

from __future__ import annotations

import socket
import threading
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias, final

Found: TypeAlias = list[tuple[Any, Any, int, str, Any]]
"""What `socket.getaddrinfo` returns."""

_ABANDONED: Final = 2
"""So many lookups may hang at once; while they do, no further one is begun."""


@final
class Resolver:
    """Looks names up within a time limit.

    `getaddrinfo` cannot be interrupted and knows no timeout (glibc: 5 s for each try and server, see resolv.conf(5)),
    so it runs in a thread that is left to itself when the time is over.
    """

    def __init__(self) -> None:
        self._hanging: list[threading.Thread] = []

    def look_up(self, host: str, port: int, seconds: float) -> Found:
        """Return the addresses of *host*, best first.

        Raises:
            OSError: If there is no such host; `TimeoutError` if that is not known in time.
        """
        numeric = _numeric(host, port)
        if numeric is not None:
            return numeric
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if len(self._hanging) >= _ABANDONED:
            raise TimeoutError("earlier lookups still hang")
        answers: SimpleQueue[Found | OSError] = SimpleQueue()
        thread = threading.Thread(target=_ask, args=(host, port, answers), name="penstock-lookup", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends, or there are too many threads: without a time limit, then
            _ask(host, port, answers)
        try:
            found = answers.get(timeout=seconds)
        except Empty:
            self._hanging.append(thread)
            found = TimeoutError("the name server does not answer")
        if isinstance(found, OSError):
            raise found
        if thread.ident is not None:
            thread.join()  # it has answered and is about to end: nobody shall find it running
        return found


def _numeric(host: str, port: int) -> Found | None:
    """Return the address that *host* writes in digits, or None if it is a name."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None


def _ask(host: str, port: int, answers: SimpleQueue[Found | OSError]) -> None:
    try:
        answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError as error:
        answers.put(error)
    except UnicodeError:  # a label that is empty or longer than 63 characters
        answers.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))
