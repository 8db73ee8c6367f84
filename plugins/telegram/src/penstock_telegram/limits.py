"""Limits: what Telegram takes, and how text is written for it; text in, text out; any thread; never fails.

Source: the Bot API, https://core.telegram.org/bots/api#sendmessage and #html-style.
"""

from __future__ import annotations

import re
from typing import Final

TEXT_LIMIT: Final = 4_096
"""UTF-16 units of a message, counted after its markup was parsed."""
ENTITY_LIMIT: Final = 100
"""Marked pieces of a message; what is beyond is shown without its markup."""

_ESCAPES: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"}
_TAG: Final = re.compile(r"</?(?:b|i|pre)>")
_MENTION: Final = re.compile(r"(?<!\w)@(?=\w)")


def to_html(text: str) -> str:
    """Return *text* so that nothing in it is markup.

    Example:
        >>> to_html("<b> & co")
        '&lt;b&gt; &amp; co'
    """
    return text.translate(_ESCAPES)


def to_plain(html: str) -> str:
    """Return what a reader sees of *html*, as this plugin's format writes it.

    Example:
        >>> to_plain("<b>ERROR</b> a &lt; b")
        'ERROR a < b'
    """
    text = _TAG.sub("", html)
    for character, escaped in reversed(_ESCAPES.items()):  # the ampersand last, or "&amp;lt;" would become "<"
        text = text.replace(escaped, chr(character))
    return text


def count_entities(html: str) -> int:
    """Return how many pieces of *html* are marked."""
    return len(_TAG.findall(html)) // 2


def without_mentions(text: str) -> str:
    """Return *text* with a word joiner behind each ``@`` that would call somebody; it shows as before.

    Telegram finds mentions in any text, marked up or not, and has no option against it. Mail addresses stay whole.
    """
    return _MENTION.sub("@\u2060", text)
