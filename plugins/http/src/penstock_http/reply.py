"""Reply: an answer, and what it means for a batch; status, headers and body in, an error for the core out; the sink's
worker; what a server says can be anything, and is never trusted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, cast, final

from attrs import field, frozen

from penstock.plugin import Closed, Rejected, Unavailable

LONGEST_WAIT: Final = 86_400.0
"""Seconds; a peer that asks for more is asked again after a day, the default `max_age` of a record."""
_SHORTEST_WAIT: Final = 0.1
"""Seconds; a peer that always asks for next to nothing must not be called in a loop."""

_TRY_AGAIN: Final = frozenset({408, 425, 429})
"""Request timeout, too early, too many requests: the only refusals that time alone cures (RFC 9110, 8470, 6585)."""
_NEVER_AGAIN: Final = frozenset({301, 308, 401, 403, 404, 410})
"""The address or the credentials are wrong, and no batch will change that; a person must."""


@final
@frozen(kw_only=True)
class Reply:
    """An answer.

    Attributes:
        status: The status code.
        headers: Values by name in lower case. Not shown: a redirect may hold the URL.
        body: At most 64 KiB of it. Not shown: an error page may hold the URL.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def good(self) -> bool:
        """Whether the status says success. Services that say more in the body need a look at that too."""
        return 200 <= self.status <= 299

    def json(self) -> Mapping[str, object]:
        """Return the body as a JSON object; an empty one if it is anything else.

        Example:
            >>> Reply(status=200, body=b'{"ok": true}').json()
            {'ok': True}
            >>> Reply(status=502, body=b"<html>Bad Gateway</html>").json()
            {}
        """
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return cast("dict[str, object]", document) if isinstance(document, dict) else {}


def raise_for(reply: Reply, *, retry_after: float | None = None, why: str = "") -> None:
    """Raise what *reply* means for the batch; return if it is good.

    | status | raises |
    |---|---|
    | 2xx | nothing |
    | 408, 425, 429, 5xx, 302, 303, 307 and all that is no status | `Unavailable` |
    | 301, 308, 401, 403, 404, 410 | `Closed` |
    | other 4xx | `Rejected` |

    Called:
        When: from `write`, after `HttpClient.post` and a look at what the service says in the body.
        Thread: the sink's worker.
        May block: no.
        If it raises: that is its purpose; let it through.

    Args:
        reply: The answer.
        retry_after: Seconds to wait, where the service says so in its own way; else the header ``Retry-After`` decides.
        why: A few constant words for a person; never a text of the server, which may repeat the URL or the event.
    """
    if reply.good:
        return
    text = f"the server answered {reply.status}" + (f" ({why})" if why else "")
    if reply.status in _NEVER_AGAIN:
        raise Closed(text)
    if 300 <= reply.status <= 399:
        raise Unavailable(f"{text}, a redirect, which is not followed")
    if 400 <= reply.status <= 499 and reply.status not in _TRY_AGAIN:
        raise Rejected(text)
    raise Unavailable(text, retry_after=wait_asked_for(reply) if retry_after is None else retry_after)


def wait_asked_for(reply: Reply) -> float | None:
    """Return the seconds that the header ``Retry-After`` asks to wait, or None.

    It holds whole seconds or a date (RFC 9110, section 10.2.3); some services write a fraction. A date is compared with
    the server's own clock where the answer tells it, since ours may be wrong.

    Example:
        >>> wait_asked_for(Reply(status=429, headers={"retry-after": "3"}))
        3.0
    """
    text = reply.headers.get("retry-after", "").strip()
    try:
        return decent_wait(float(text))
    except ValueError:
        until = _date(text)
    if until is None:
        return None
    now = _date(reply.headers.get("date", "")) or datetime.now(UTC)
    return decent_wait((until - now).total_seconds())


def decent_wait(seconds: object) -> float | None:
    """Return *seconds* as a time to wait, at least 0.1 and at most a day; None for what is no such time.

    Example:
        >>> decent_wait(3), decent_wait(10**12), decent_wait(0), decent_wait("soon")
        (3.0, 86400.0, None, None)
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    if isinstance(seconds, float) and math.isnan(seconds):
        return None
    return float(min(max(seconds, _SHORTEST_WAIT), LONGEST_WAIT)) if seconds > 0 else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
