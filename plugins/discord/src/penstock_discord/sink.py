"""Sink: embeds to a Discord webhook; a batch in; its worker; a limit is obeyed, a refused record costs only itself, a
webhook that is gone closes the sink.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from attrs import define, field

from penstock.plugin import Closed, Record, Secret, Unavailable
from penstock_discord.embed import Embed, embed_of, groups_of
from penstock_http import Address, HttpClient, Reply, decent_wait, raise_for, send_in_groups

_NAME_LIMIT: Final = 80
_THREAD: Final = re.compile(r"\w+")


def _judge_webhook(instance: object, attribute: Any, url: Secret) -> None:
    if set(url.reveal()) & {"/", ":"}:  # else it is a reference that is not followed yet, or `open` says it
        _address(url)


def _address(url: Secret) -> Address:
    address = Address.parse(url)
    if not (address.is_encrypted or address.is_this_machine):
        raise ValueError("expected a URL with https: whoever reads the URL on the way can write to the channel")
    return address


def _judge_username(instance: object, attribute: Any, name: str | None) -> None:
    if name is None:
        return
    if not name.strip() or len(name) > _NAME_LIMIT:
        raise ValueError(f"expected a name of 1 to {_NAME_LIMIT} characters")
    if any(word in name.lower() for word in ("clyde", "discord")):
        raise ValueError("Discord refuses names with 'clyde' or 'discord' in them")


def _judge_thread(instance: object, attribute: Any, thread: str | None) -> None:
    if thread is not None and not _THREAD.fullmatch(thread):
        raise ValueError("expected the id of a thread: a number as text")


@define(kw_only=True)
class DiscordSink:
    """Sends records to a channel, up to ten in one message.

    `delivered` means that Discord answered with the message it saved.
    """

    alerts: ClassVar[bool] = True
    default_format: ClassVar[str] = "discord"
    # Ten embeds make a message; a second, since a webhook takes about five messages in two.
    delivery: ClassVar[Mapping[str, object]] = {
        "mode": "queued",
        "spool": "256 MB",
        "batch": 20,
        "batch_wait": "1 s",
    }

    webhook: Secret = field(
        validator=_judge_webhook, metadata={"doc": "URL of the webhook; who has it can write to the channel."}
    )
    username: str | None = field(
        default=None, validator=_judge_username, metadata={"doc": "Name to write under, instead of the webhook's."}
    )
    thread_id: str | None = field(
        default=None, validator=_judge_thread, metadata={"doc": "Thread of the channel to write to, a number as text."}
    )
    _client: HttpClient | None = field(default=None, init=False, repr=False)

    def open(self) -> None:
        """Check the URL; nothing is sent yet."""
        _address(self.webhook)
        self._client = HttpClient(_with_options(self.webhook, self.thread_id))

    def write(self, batch: Sequence[Record], /) -> None:
        """Send *batch*, in order."""
        embeds = [embed_of(record) for record in batch]
        send_in_groups(groups_of(embeds), lambda start, stop: self._send(embeds[start:stop]))

    def close(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _send(self, embeds: Sequence[Embed]) -> None:
        """Send one group as one message."""
        if self._client is None:
            raise Closed("the sink is closed")
        # Without `allowed_mentions`, a webhook calls everybody whom the text names.
        message: dict[str, object] = {"embeds": list(embeds), "allowed_mentions": {"parse": []}}
        if self.username is not None:
            message["username"] = self.username
        _judge(self._client.post(json.dumps(message, ensure_ascii=False).encode()))


def _with_options(webhook: Secret, thread_id: str | None) -> Secret:
    """Return the URL to post to."""
    url, _, _ = webhook.reveal().partition("#")
    options = "wait=true"  # without it, a message that was not saved looks like success
    if thread_id is not None:
        options += f"&thread_id={thread_id}"
    return Secret(f"{url}{'&' if '?' in url else '?'}{options}")


def _judge(reply: Reply) -> None:
    """Raise what *reply* means; return only if it is the saved message."""
    document = reply.json()
    code = document.get("code")
    raise_for(
        reply,
        retry_after=_wait(reply) if reply.status == 429 else None,
        why=f"Discord's code {code}" if isinstance(code, int) and code else "",
    )
    if "id" not in document:
        raise Unavailable("the answer does not hold the message that Discord saved")


def _wait(reply: Reply) -> float | None:
    """Return the seconds to wait: the body's fraction is exact, the header ``Retry-After`` is rounded."""
    in_body = decent_wait(reply.json().get("retry_after"))
    if in_body is not None:
        return in_body
    try:
        return decent_wait(float(reply.headers.get("x-ratelimit-reset-after", "")))
    except ValueError:
        return None
