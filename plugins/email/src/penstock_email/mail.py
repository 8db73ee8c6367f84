"""Mail: one mail of several letters; letters in, the bytes of RFC 5322 out; the sink's worker; never fails: what cannot
stand in a header is escaped before.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from html import escape
from typing import Final, final

from attrs import frozen

from penstock.plugin import escape_controls, iso_time, level_name
from penstock_email.letter import Letter
from penstock_http import shorten

_SUBJECT: Final = 180
_GUTTER: Final = "    "
"""In front of each line of a traceback: none of them can pose as a record."""
_ROOMS: Final = (8_000, 2_000, 500, 100)
"""Characters of one letter that are tried, one after the other, if a mail is too large."""


@final
@frozen(kw_only=True)
class Envelope:
    """What all mails of a sink have in common.

    Attributes:
        sender: The address in the envelope and in From.
        shown_sender: From as it is shown, perhaps with a name.
        to: The addresses in To, whoever of them a copy goes to.
        prefix: In front of each subject.
        html: Whether there is a second part in HTML.
    """

    sender: str
    shown_sender: str
    to: Sequence[str]
    prefix: str
    html: bool

    def mail_of(self, letters: Sequence[Letter], limit: int = 0) -> bytes:
        """Return the mail of *letters*, which a single letter is cut for if it takes more than *limit* bytes.

        Its Message-ID depends on what it says alone: if the same goes out again because an answer was lost, mail
        programs show it once.
        """
        data = self._written(letters)
        if limit and len(data) > limit and len(letters) == 1:
            for room in _ROOMS:
                data = self._written([letters[0].cut_to(room)])
                if len(data) <= limit:
                    break
        return data

    def _written(self, letters: Sequence[Letter]) -> bytes:
        message = EmailMessage(policy=SMTP)
        message["From"] = self.shown_sender
        message["To"] = ", ".join(self.to)
        message["Subject"] = self._subject(letters)
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = self._id(letters)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notice shall come back
        # Quoted-printable: no line is too long, and no server on the way has a reason to change a byte.
        message.set_content(text_of(letters), cte="quoted-printable")
        if self.html:
            message.add_alternative(html_of(letters), subtype="html", cte="quoted-printable")
        return message.as_bytes()

    def _subject(self, letters: Sequence[Letter]) -> str:
        worst = max(letters, key=lambda letter: letter.level)  # the first of them
        level = level_name(worst.level).upper()
        many = f"{len(letters)} events, worst {level}" if len(letters) > 1 else level
        return escape_controls(shorten(f"{self.prefix} {many}: {worst.head}".strip(), _SUBJECT))

    def _id(self, letters: Sequence[Letter]) -> str:
        said = hashlib.sha256()
        for letter in letters:
            said.update(f"{letter.time_ns} {letter.line}\n".encode("utf-8", "backslashreplace"))
        return f"<{said.hexdigest()[:32]}@{self.sender.rpartition('@')[2]}>"


def text_of(letters: Sequence[Letter]) -> str:
    """Return the text of a mail: a line that sums up, then one for each record, tracebacks below theirs."""
    lines = [*_summary(letters)]
    for letter in letters:
        lines.append(letter.line)
        lines += [f"{_GUTTER}{line}" for line in letter.stack.split("\n") if letter.stack]
    return "\n".join(lines) + "\n"


def html_of(letters: Sequence[Letter]) -> str:
    """Return the same in HTML, without anything that is fetched from elsewhere."""
    parts = [f"<p>{escape(line)}</p>" for line in _summary(letters) if line]
    for letter in letters:
        parts.append(f"<p><b>{level_name(letter.level).upper()}</b> <code>{escape(letter.line)}</code></p>")
        if letter.stack:
            parts.append(f"<pre>{escape(letter.stack)}</pre>")
    return "<!DOCTYPE html>\n<html><body>\n" + "\n".join(parts) + "\n</body></html>\n"


def _summary(letters: Sequence[Letter]) -> Sequence[str]:
    """Return what sums up several letters, and a blank line; nothing for one."""
    if len(letters) == 1:
        return ()
    counts = Counter(letter.level for letter in letters)
    levels = ", ".join(f"{count} {level_name(level)}" for level, count in sorted(counts.items(), reverse=True))
    first, last = (iso_time(pick(letter.time_ns for letter in letters)) for pick in (min, max))
    return f"{len(letters)} events from {first} to {last}: {levels}", ""
