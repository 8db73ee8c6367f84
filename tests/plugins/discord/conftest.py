"""What Discord refuses: the documented limits of a webhook, counted in code points as Discord does; and a server that
checks them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from scripted_server import Request, ScriptedServer, answer, leftovers, serving

TEXTS = {"title": 256, "description": 4096}
KEYS = {"title", "description", "color", "fields", "footer", "timestamp"}
ACTIVE = re.compile(r"(?<!\\)(?:\\\\)*(?:<[@#:]|@(?:everyone|here)|\[[^\]\\]*\]\()")


def broken_rule(request: Request) -> str:
    """Return the rule that *request* breaks, or an empty text."""
    target = re.fullmatch(r"/api/webhooks/\d+/[^/?]+\?([^#]*)", request.target)
    if request.method != "POST" or target is None or "wait=true" not in target[1].split("&"):
        return f"{request.method} without wait=true, or of no webhook"
    message = request.json
    if not message.keys() <= {"embeds", "allowed_mentions", "username"}:
        return f"unknown keys: {sorted(message)}"
    if message["allowed_mentions"] != {"parse": []}:
        return "mentions are allowed"
    embeds = message["embeds"]
    if not 1 <= len(embeds) <= 10:
        return f"{len(embeds)} embeds"
    broken = [rule for embed in embeds if (rule := broken_embed(embed))]
    if sum(map(length, embeds)) > 6000:
        broken.append("embeds of more than 6,000 characters")
    return broken[0] if broken else ""


def broken_embed(embed: dict[str, Any]) -> str:
    """Return the rule that an embed breaks, or an empty text."""
    if not embed.keys() <= KEYS or not {"title", "description", "fields"} & embed.keys():
        return f"keys of an embed: {sorted(embed)}"
    if len(embed.get("fields", [])) > 25:
        return "more than 25 fields"
    parts = [(key, embed[key], limit) for key, limit in TEXTS.items() if key in embed]
    for part in embed.get("fields", []):
        parts += [("name", part["name"], 256), ("value", part["value"], 1024)]
    if "footer" in embed:
        parts.append(("footer", embed["footer"]["text"], 2048))
    for key, text, limit in parts:
        if not 1 <= len(text.strip()) <= limit:
            return f"{key} of {len(text)} characters"
        if key != "footer" and (found := ACTIVE.search(outside_of_code(text))):
            return f"active markup in {key}: {found[0]!r}"
    if embed.get("description", "").count("```") not in (0, 2):
        return "a fence is broken"
    if not 0 <= embed.get("color", 0) <= 0xFFFFFF:
        return "no colour"
    datetime.fromisoformat(embed.get("timestamp", "2020-01-01T00:00:00Z"))
    return "" if length(embed) <= 6000 else "an embed of more than 6,000 characters"


def outside_of_code(text: str) -> str:
    return "".join(text.split("```")[::2])


def length(embed: dict[str, Any]) -> int:
    fields = [part[key] for part in embed.get("fields", []) for key in ("name", "value")]
    texts = [embed.get("title", ""), embed.get("description", ""), embed.get("footer", {}).get("text", ""), *fields]
    return sum(map(len, texts))


@pytest.fixture(scope="session")
def rules() -> SimpleNamespace:
    return SimpleNamespace(broken_embed=broken_embed, length=length)


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a Discord; whatever it was sent that breaks a rule fails the test."""
    servers: list[ScriptedServer] = []
    saved = answer(200, {"id": "1", "type": 0})
    yield lambda **options: serving(servers, **{"judge": broken_rule, "otherwise": saved, **options})
    assert leftovers(servers) == []
