"""Sink: messages to a Telegram chat; a batch in; its worker; a limit is obeyed, a refused record costs only itself, a
refused token closes the sink.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from attrs import define, evolve, field

from penstock.plugin import Closed, Level, Record, Secret, Unavailable, report
from penstock_http import Address, HttpClient, Reply, decent_wait, raise_for, send_in_groups
from penstock_telegram.message import Message, groups_of, joined, message_of

_TOKEN: Final = re.compile(r"[A-Za-z0-9:_-]+")
_CHAT: Final = re.compile(r"-?[0-9]+|@?[A-Za-z][A-Za-z0-9_]*")
_REASONS: Final = (
    "can't parse entities",
    "chat not found",
    "message is too long",
    "message text is empty",
    "message thread not found",
    "TOPIC_CLOSED",
    "not enough rights",
    "need administrator rights",
    "bot was kicked",
    "bot was blocked",
    "bot is not a member",
    "user is deactivated",
    "Unauthorized",
)
"""What Telegram says of a refusal. Only these words are repeated: its texts can quote the message."""


def _judge_chat(instance: object, attribute: Any, chat: str) -> None:
    if not _CHAT.fullmatch(chat):
        raise ValueError('expected a chat such as "-1001234567890" or "@channelname"')


def _judge_api(instance: object, attribute: Any, url: str) -> None:
    if set(url) & {"/", ":"}:  # else it is a reference that is not followed yet, or `open` says it
        Address.parse(url)


@define(kw_only=True)
class TelegramSink:
    """Sends records to a chat, several short ones in one message.

    `delivered` means that Telegram said ``"ok": true``.
    """

    alerts: ClassVar[bool] = True
    default_format: ClassVar[str] = "telegram"
    # Small batches, since what waits in a batch waits together; a second, since a chat takes about one message in it.
    delivery: ClassVar[Mapping[str, object]] = {
        "mode": "queued",
        "spool": "256 MB",
        "batch": 20,
        "batch_wait": "1 s",
    }

    token: Secret = field(metadata={"doc": "Token of the bot, from @BotFather."})
    chat_id: str = field(
        validator=_judge_chat,
        metadata={"doc": 'Chat to write to: a number as text, such as "-1001234567890", or "@channelname".'},
    )
    thread_id: int | None = field(default=None, metadata={"doc": "Topic, in a group with topics."})
    silent_below: Level | None = field(
        default=None, metadata={"doc": "Messages below this level come without a sound; by default none does."}
    )
    api: str = field(
        default="https://api.telegram.org",
        validator=_judge_api,
        metadata={"doc": "Address of the Bot API; another one for a server of your own."},
    )
    _chat: str = field(default="", init=False, repr=False)
    _client: HttpClient | None = field(default=None, init=False, repr=False)

    def open(self) -> None:
        """Check token and address; nothing is sent yet."""
        if not _TOKEN.fullmatch(self.token.reveal()):
            raise ValueError("a bot's token has only letters, digits, ':', '_' and '-'; ask @BotFather for it")
        self._client = HttpClient(Secret(f"{self.api.rstrip('/')}/bot{self.token.reveal()}/sendMessage"))
        self._chat = self.chat_id
        address = self._client.address
        if not (address.is_encrypted or address.is_this_machine):
            text = "The token of a bot is sent unencrypted; anybody on the way can read it."
            report("secret.exposed", text, subject=address.host)

    def write(self, batch: Sequence[Record], /) -> None:
        """Send *batch*, in order."""
        messages = [message_of(record, self.silent_below) for record in batch]
        send_in_groups(groups_of(messages), lambda start, stop: self._send(messages[start:stop]))

    def close(self) -> None:
        """Let go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _send(self, messages: Sequence[Message]) -> None:
        """Send one group as one message."""
        message = joined(messages)
        reply = self._post(message)
        if reply.status == 400 and message.html and len(messages) == 1:
            # One mistake in the markup costs the whole message. Of several, the sinner is found first, one by one.
            reply = self._post(message.as_plain())
        _judge(reply)

    def _post(self, message: Message) -> Reply:
        """Post *message*, once more if the chat has moved."""
        reply = self._request(message)
        moved = _parameters(reply).get("migrate_to_chat_id")
        if not isinstance(moved, int) or isinstance(moved, bool):
            return reply
        self._chat = str(moved)
        text = "The Telegram chat has a new id; write it into the configuration."
        report("chat.moved", text, subject=self.chat_id, chat_id=self._chat)
        return self._request(message)

    def _request(self, message: Message) -> Reply:
        if self._client is None:
            raise Closed("the sink is closed")
        request: dict[str, object] = {"chat_id": self._chat, "text": message.text}
        if message.html:
            request["parse_mode"] = "HTML"
        if message.silent:
            request["disable_notification"] = True
        if self.thread_id is not None:
            request["message_thread_id"] = self.thread_id
        request["link_preview_options"] = {"is_disabled": True}  # nobody shall visit the URLs in our logs
        return self._client.post(json.dumps(request, ensure_ascii=False).encode())


def _judge(reply: Reply) -> None:
    """Raise what *reply* means; return only if Telegram says in so many words that it took the message."""
    document = reply.json()
    if document.get("ok") is True and reply.good:
        return
    code = document.get("error_code")
    if reply.good and isinstance(code, int) and not 200 <= code <= 299:
        reply = evolve(reply, status=code)
    description = str(document.get("description", ""))
    why = next((reason for reason in _REASONS if reason in description), "")
    raise_for(reply, retry_after=decent_wait(_parameters(reply).get("retry_after")), why=why)
    raise Unavailable("the answer does not say that Telegram took the message")


def _parameters(reply: Reply) -> Mapping[str, object]:
    """Return what Telegram adds to an error."""
    parameters = reply.json().get("parameters")
    return parameters if isinstance(parameters, dict) else {}
