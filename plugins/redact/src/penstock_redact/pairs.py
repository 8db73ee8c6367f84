r"""Pairs: hides secrets that a text itself names; a text in, a text out; the caller's thread; in linear time.

``password=…``, ``"token": "…"``, ``Authorization: Bearer …``, ``?token=…&``, ``--token …`` and ``('token', '…')``, as
messages, URLs, command lines, tracebacks and the output of `repr` have them. A name, or a value that was hidden, is
looked at once and never again, so a text of any shape takes time in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Span = tuple[int, int]

# Possessive quantifiers (++, *+) everywhere: what was taken is not given back, so nothing is tried twice.
_COLOUR: Final = r"(?:\x1b\[[0-9;]{0,16}+m)?+"
_NAME: Final = re.compile(
    rf"""
    (?<![\w.\-]) (?! (?<=\\) (?: \\ | u[0-9a-fA-F]{{4}} ) )             # a word begins, and an escape is not cut
    (?:
      (?P<flag> --[\w.\-]++ ) (?: [ ]++ | ["'],[ ]?+ ) (?=[^\s\-])        # --token abc     '--token', 'abc'
    |
      (?P<key> (?: [\w.\-]++ | \\{{1,7}}+u[0-9a-fA-F]{{4}} )++ )            # as json.dumps writes other scripts
      (?: \\{{0,3}}+["'`]?+ \]?+ {_COLOUR} [^\S\r\n]*+                      # key   "key"   \"key\"   ['key']
          (?P<sign> !?={{1,3}}+>?+ | :(?!:)=?+ | %3[dD] ) (?P<gap> [^\S\r\n]*+ ) {_COLOUR}
      |   (?P<tuple> ["'],[ ]?+ ) (?=[bBuU]?+["']) )                      # ('key', 'value')
    )
    """,
    re.VERBOSE,
)
_ESCAPED: Final = re.compile(r"\\+u([0-9a-fA-F]{4})")
_BEFORE: Final = (
    ("%", re.compile(r"[0-9a-fA-F]{2}")),  # %3Ftoken%3D: an encoded character
    ("\\", re.compile(r"[abfnrtv0]|x[0-9a-fA-F]{2}")),  # \ntoken=: a line end, as printed
    ("[", re.compile(r"[0-9]{0,3}m")),  # ESC[36mtoken: a colour
    (";", re.compile(r"[0-9]{0,3}m")),  # ESC[1;36mtoken
)
"""What belongs to the sign before a word, and not to the word."""
_TUPLE: Final = re.compile(r"\([bBuU]?[\"']\Z")
_ABOUT: Final = re.compile(r"(?:Error|Exception|Warning|_error|_exception|_warning)\Z")
"""Names that end so tell of a mistake: what follows ``InvalidTokenError:`` is its message, not a token."""

_QUOTE: Final = re.compile(r"[bBuUrRfF]{0,2}(\\{0,7})([\"'`])")
_CLOSING: Final = {
    '"': re.compile(r'(?:[^"\\]|\\.)*+(?=")', re.DOTALL),
    "'": re.compile(r"(?:[^'\\]|\\.)*+(?=')", re.DOTALL),
    "`": re.compile(r"[^`]*+(?=`)"),
}
_LINE: Final = re.compile(r"[^\r\n]*+")

# What may stand in a value without quotes. A separator, quote or bracket ends it only where something else can be seen
# to begin: hiding a word too many does less harm than showing the second half of a password.
_PAIR_AHEAD: Final = r"[\w.\-]{1,64}+[\"']?+[ ]?+[=:]"
_CLOSER: Final = r"""(?:\\{0,3}+["'`]|[)\]}>])"""
_PLAIN: Final = re.compile(
    rf"""
    (?: [^\s,;&"'`()\[\]{{}}<>\\\x1b]++
      | \x1b(?!\[)
      | [,;&] (?=[^\s]) (?! {_CLOSER} | {_PAIR_AHEAD} )
      | {_CLOSER} (?! {_CLOSER}{{0,16}}+ (?: [,;&] | [.:!?]{{0,3}}+(?:\s|\Z) ) )
      | <
      | \\(?! \\{{0,2}}+["'`] )
    )++
    """,
    re.VERBOSE,
)
_NEXT_PAIR: Final = re.compile(r"[\w.\-]++=(?=[^=\s])")

_BRACKETS: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_IN_BRACKETS: Final = re.compile(r"""[^()\[\]{}<>"'\\]++|"(?:[^"\\\r\n]|\\.)*+"|'(?:[^'\\\r\n]|\\.)*+'|\\.|[\s\S]""")
_SPAN: Final = 8_192
"""Characters between two brackets: a printed object; more is a bracket that never closes."""
_PATIENCE: Final = 8
"""So many brackets of one text may turn out not to close; after that none is looked for, or the time would grow."""

_SCHEME: Final = re.compile(
    r"(?i:bearer|basic|digest|negotiate|ntlm|token|bot|api-?key|hmac|aws4-[\w\-]{1,32}+)[ ]++(?=[^\s\"'])"
)
_QUOTED: Final = r'\\{0,3}+"[^"\r\n]*+"'
_PARAMETER: Final = rf"[\w\-]++=(?:{_QUOTED}|[^\s,\"'\\]*+)"
_COOKIE: Final = rf"[^\s=;,\"'\\]++=(?:{_QUOTED}|[^\s,;\"'\\]*+)"
_HEADERS: Final = (
    ("authorization", re.compile(rf"{_PARAMETER}(?:,[ ]?+{_PARAMETER})*+")),  # RFC 9110, section 11.4
    ("cookie", re.compile(rf"{_COOKIE}(?:;[ ]?+{_COOKIE})*+")),  # RFC 6265, section 4.2.1
)


class Pairs:
    """Hides the values of secret names in one text.

    Args:
        text: The text.
        secret: Says whether a name is secret.
        hide: Makes what is shown of a value.
    """

    __slots__ = ("_hide", "_patience", "_secret", "_text")

    def __init__(self, text: str, secret: Callable[[str], bool], hide: Callable[[str], str]) -> None:
        self._text = text
        self._secret = secret
        self._hide = hide
        self._patience = _PATIENCE

    def hidden(self) -> str:
        """Return the text with the values hidden."""
        text, shown, at = self._text, 0, 0
        parts: list[str] = []
        while (found := _NAME.search(text, at)) is not None:
            at = found.end()
            if not self._is_secret(found):
                continue
            start, end = self._value(found)
            if start < end:
                parts += (text[shown:start], self._hide(text[start:end]))
                shown = at = end
        return text if not parts else "".join((*parts, text[shown:]))

    def _is_secret(self, found: re.Match[str]) -> bool:
        name = found["flag"] or found["key"]
        start = found.start()
        if not self._names_secret(name, start) or _ABOUT.search(name):
            return False
        return found["tuple"] is None or _TUPLE.search(self._text[max(0, start - 3) : start]) is not None

    def _names_secret(self, name: str, start: int) -> bool:
        if "\\" in name:
            name = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), name)
        if self._secret(name):
            return True
        before = self._text[start - 1 : start]
        for sign, rest in _BEFORE:
            if before == sign:
                belongs = rest.match(name)
                return belongs is not None and self._secret(name[belongs.end() :])
        return False

    # -- where a value begins and ends --------------------------------------------------------------------------------

    def _value(self, found: re.Match[str]) -> Span:
        """Return the place of the value behind a name; an empty one if there is none."""
        text, at = self._text, found.end()
        if found["gap"] and found["sign"] == "=" and _NEXT_PAIR.match(text, at):
            return at, at  # "password= user=bob": the value is empty, and the next pair is another's
        quote = _QUOTE.match(text, at)
        if quote is not None:
            return self._quoted(quote)
        if text[at : at + 1] in _BRACKETS:
            closed = self._closed(at)
            return at, self._plain(closed) if closed else self._line(at)
        return self._header(found["key"] or "", at) or (at, self._past_scheme(at))

    def _quoted(self, quote: re.Match[str]) -> Span:
        """Return what is between quotes, or what is left of the line where they do not close."""
        start = quote.end()
        if not quote[1]:
            closing = _CLOSING[quote[2]].match(self._text, start)
            return start, closing.end() if closing else self._line(start)
        mark = quote[1] + quote[2]  # \" … \": JSON inside a JSON text
        end = self._text.find(mark, start)
        while end > start and self._text[end - 1] == "\\":
            end = self._text.find(mark, end + len(mark))
        return start, end if end >= 0 else self._line(start)

    def _line(self, at: int) -> int:
        found = _LINE.match(self._text, at)
        return found.end() if found else at

    def _header(self, name: str, at: int) -> Span | None:
        """Return the value of a header that has several parts, or None; the word that says which kind stays."""
        name = name.casefold()
        for kind, parts in _HEADERS:
            if name.endswith(kind):
                scheme = _SCHEME.match(self._text, at)
                start = scheme.end() if scheme else at
                found = parts.match(self._text, start)
                return start, self._plain(found.end() if found else start)
        return None

    def _past_scheme(self, at: int) -> int:
        scheme = _SCHEME.match(self._text, at)
        return self._plain(scheme.end() if scheme else at)

    def _plain(self, at: int) -> int:
        """Return the end of what stands without quotes at *at*; brackets that close belong to it as a whole."""
        text = self._text
        while at < len(text):
            found = _PLAIN.match(text, at)
            if found is not None:
                at = found.end()
            elif text[at] in "([{":
                at = self._closed(at) or at + 1
            else:
                break
        return at

    def _closed(self, at: int) -> int:
        """Return the place behind the bracket that closes the one at *at*; 0 if none does."""
        if not self._patience:
            return 0
        opening, depth = self._text[at], 0
        closing, stop = _BRACKETS[opening], min(len(self._text), at + _SPAN)
        while at < stop:
            found = _IN_BRACKETS.match(self._text, at, stop)
            if found is None:
                break
            at = found.end()
            depth += (found[0] == opening) - (found[0] == closing)
            if depth == 0:
                return at
        self._patience -= 1
        return 0
