"""What Telegram refuses: the documented limits of `sendMessage`, checked by a parser that is not ours; and a server
that checks them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from scripted_server import Request, ScriptedServer, answer, leftovers, serving

ALLOWED = {"chat_id", "text", "parse_mode", "disable_notification", "message_thread_id", "link_preview_options"}
TAGS = {"b", "i", "pre", "code"}
ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot);)")
MENTION = re.compile(r"(?<!\w)@\w")


class Parsed(HTMLParser):
    """The visible text of HTML, and what is wrong with it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.visible = ""
        self.problem = "a character reference that Telegram does not know" if ENTITY.search(html) else ""
        self.entities = 0
        self._open: list[str] = []
        self.feed(html)
        self.close()
        if self._open:
            self.problem = self.problem or "a tag is not closed"

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in TAGS or attrs:
            self.problem = f"tag {tag!r} is not allowed"
        self._open.append(tag)
        self.entities += 1

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problem = "tags are not nested"

    def handle_data(self, data: str) -> None:
        self.visible += data

    def handle_comment(self, data: str) -> None:
        self.problem = "a comment"

    def handle_decl(self, decl: str) -> None:
        self.problem = "a declaration"

    def handle_pi(self, data: str) -> None:
        self.problem = "a processing instruction"


def units(text: str) -> int:
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)


def visible_in(text: str, html: bool) -> str:
    return Parsed(text).visible if html else text


def broken_rule(request: Request) -> str:
    """Return the rule that *request* breaks, or an empty text."""
    if request.method != "POST" or not re.fullmatch(r"/bot[^/]+/sendMessage", request.target):
        return f"{request.method} is no sendMessage"
    message = request.json
    if not message.keys() <= ALLOWED or not {"chat_id", "text"} <= message.keys():
        return f"unknown or missing keys: {sorted(message)}"
    return broken_text(message["text"], message.get("parse_mode"))


def broken_text(text: str, parse_mode: str | None) -> str:
    """Return the rule that a text breaks, or an empty text."""
    if parse_mode not in (None, "HTML"):
        return f"parse_mode {parse_mode!r}"
    visible = text
    if parse_mode:
        parsed = Parsed(text)
        visible = parsed.visible
        if parsed.problem:
            return parsed.problem
        if parsed.entities > 100:
            return "more than 100 entities"
    if not visible.strip():
        return "message text is empty"
    if units(visible) > 4096:
        return f"message is too long: {units(visible)}"
    return "an active mention" if MENTION.search(visible) else ""


@pytest.fixture(scope="session")
def rules() -> SimpleNamespace:
    return SimpleNamespace(broken_text=broken_text, visible_in=visible_in, units=units)


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a Telegram; whatever it was sent that breaks a rule fails the test."""
    servers: list[ScriptedServer] = []
    taken = answer(200, {"ok": True, "result": {"message_id": 1}})
    yield lambda **options: serving(servers, **{"judge": broken_rule, "otherwise": taken, **options})
    assert leftovers(servers) == []
