"""Secret: values that may appear in no output; values in, a mask out; any thread; never fails, it hides.

Every `Secret` that a configuration resolved, and everything a program names with `secret()`, is *known*: the redact
stage replaces its text wherever it turns up, also as `repr`, JSON, addresses, base64 and hexadecimal digits write it.
"""

from __future__ import annotations

from _thread import RLock
from itertools import islice

from penstock.hints import TYPE_CHECKING, final

if TYPE_CHECKING:
    import re
    from typing import Final, TypeVar

    T = TypeVar("T")

MASK: Final = "[redacted]"
"""What stands where a secret stood."""

_SHORTEST: Final = 4
"""A known text below this is not searched for: it would blank out innocent words."""

_SHORTEST_IN_BASE64: Final = 6
"""Fewer characters are in innocent texts too: these stand for four bytes at least."""
_MOST: Final = 10_000
"""Texts known at once, the oldest give way: a program that names a token per request would fill memory otherwise."""
_MOST_ENCODED: Final = 100_000
"""The same of what is written in other digits: some ten forms of each."""
_IN_A_PATTERN: Final = 100
"""With more texts a regular expression is slow to make and to search with: of 4,000, milliseconds a line."""
_NEVER_ESCAPED: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~-"
"""Look the same in a `repr`, in JSON and in an address (RFC 3986, section 2.3)."""


@final
class _Known:
    """Every known text, and what finds them; changed under a lock, read without.

    Attributes:
        encoded: What is written in base64 and hexadecimal digits, none of it shorter than the text itself; searched for
            only in what is long enough, or fifty secrets would cost as much as five hundred.
        learned: How many texts were ever added: what was searched when there were fewer has to be searched again.
        sizes: How long they are.
    """

    __slots__ = ("encoded", "learned", "lock", "most", "pattern", "run", "searched", "sizes", "starts", "texts")

    def __init__(self, most: int = _MOST) -> None:
        self.most = most
        self.encoded: _Known | None = None
        self.run: re.Pattern[str] | None = None
        """Finds so many letters and digits in a row as the shortest text has; made with the pattern."""
        self.lock = RLock()  # re-entrant: a signal handler may name a secret while its thread does
        self.texts: dict[str, None] = {}
        self.starts: set[str] = set()
        self.sizes: set[int] = set()
        self.learned = 0
        self.searched = 0
        """What `learned` was when the pattern was made."""
        self.pattern: re.Pattern[str] | None = None

    def learn(self, text: str) -> None:
        import re  # noqa: F401, late: most programs name no secret; and while nothing is wrong yet, for `_compile`

        with self.lock:
            if text in self.texts:
                return
            if len(self.texts) >= self.most:
                self._forget_oldest()
            self._add(text)
            self.learned += 1

    def _add(self, text: str) -> None:
        self.sizes.add(len(text))
        self.starts.add(text[:_SHORTEST])
        self.texts[text] = (
            None  # last, with no call before it is counted: what an interrupt cut short is learned next time
        )

    def _forget_oldest(self) -> None:
        for text in list(islice(self.texts, self.most // 10)):  # some at a time: the rest has to be gone through
            self.texts.pop(text, None)
        self.sizes = {len(text) for text in self.texts}
        self.starts = {text[:_SHORTEST] for text in self.texts}

    def learn_encoded(self, text: str) -> None:
        if self.encoded is None:
            self.encoded = _Known(_MOST_ENCODED)
        self.encoded.learn(text)

    def hide(self, text: str) -> str:
        if self.searched != self.learned:
            self._compile()
        text = self._hide_one_of_many(text) if self.pattern is None else self.pattern.sub(MASK, text)
        encoded = self.encoded
        return text if encoded is None else encoded.hide_in_runs(text)

    def hide_in_runs(self, text: str) -> str:
        """Return *text* searched, if there is anything in it that could be one of the texts."""
        if self.searched != self.learned:
            self._compile()
        return text if self.run is None or self.run.search(text) is None else self.hide(text)

    def _compile(self) -> None:
        """Make the pattern anew, only now: a program may name many secrets before it says anything."""
        import re

        with self.lock:
            learned = self.learned  # first: a signal handler may name another one before this is done
            self.pattern = None
            self.run = re.compile(rf"[A-Za-z0-9+/_\-]{{{min(self.sizes, default=1)},}}")
            if len(self.texts) <= _IN_A_PATTERN:
                # Longest first: of two secrets one of which begins with the other, the whole must go.
                self.pattern = re.compile("|".join(map(re.escape, sorted(self.texts, key=len, reverse=True))))
            self.searched = learned

    def _hide_one_of_many(self, text: str) -> str:
        starts, texts = self.starts, self.texts
        places = [at for at in range(len(text) - _SHORTEST + 1) if text[at : at + _SHORTEST] in starts]
        if not places:
            return text
        sizes = sorted(self.sizes.copy(), reverse=True)  # longest first, as above
        shown: list[str] = []
        done = 0
        for at in places:
            size = next((size for size in sizes if text[at : at + size] in texts), 0) if at >= done else 0
            if size:
                shown += (text[done:at], MASK)
                done = at + size
        return "".join((*shown, text[done:]))


known: Final = _Known()
"""The process's known texts."""


def _encoded(raw: bytes) -> set[str]:
    """Return *raw* in hexadecimal digits of both cases and in base64 (RFC 4648), wherever in a longer text it begins.

    In base64 a character stands for six bits: where *raw* begins and ends inside of one, the neighbours decide which it
    is. Those at the ends are left out, but where nothing follows, and so is what is too short then.
    """
    from binascii import b2a_base64  # late, as below

    in_hex = raw.hex()
    forms = {in_hex, in_hex.upper()}
    for before in range(3):
        whole = b2a_base64(bytes(before) + raw, newline=False).decode()
        # Of the first 8 * before bits none are its own; of the last character all must be.
        start, end = -(-8 * before // 6), (before + len(raw)) * 8 // 6
        if end - start >= _SHORTEST_IN_BASE64:
            for form in (whole[start:end], whole[start:].rstrip("="), whole[start:]):
                forms |= {form, form.replace("+", "-").replace("/", "_")}
    return forms


def _escaped(text: str) -> set[str]:
    """Return *text* as a `repr`, JSON and an address write it, where that is another text."""
    if not text.strip(_NEVER_ESCAPED):  # nothing else in it
        return set()
    from json import dumps  # late: most secrets never need it, and `import penstock` stays light
    from urllib.parse import quote, quote_plus

    shown = {repr(text)[1:-1], dumps(text)[1:-1], dumps(text, ensure_ascii=False)[1:-1]}
    return shown | {write(text, safe, errors="replace") for write in (quote, quote_plus) for safe in ("", "/")}


@final
class Secret:
    """A text that is not shown: not by `repr`, `str`, `format`, pickling or any sink.

    Example:
        >>> token = Secret("123:abc")
        >>> token
        Secret('[redacted]')
        >>> f"{token}"
        '[redacted]'
        >>> token.reveal()
        '123:abc'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        secret(text)

    def reveal(self) -> str:
        """Return the text itself; keep it out of anything that is printed."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled; pass its reference instead")


def secret(value: T, /) -> T:
    """Remember the text of *value* as secret and return *value* unchanged.

    From now on its text is replaced wherever a pipeline carries it: in messages, fields, keys and tracebacks, also as
    `repr`, JSON, addresses, base64 and hexadecimal digits write it. The 10,000 texts named last are known.

    Args:
        value: A str, bytes or `Secret`; texts shorter than 4 characters are not remembered.

    Example:
        >>> password = secret("correct horse")
        >>> password
        'correct horse'
    """
    if isinstance(value, bytes):
        texts = {value.decode("utf-8", errors) for errors in ("replace", "backslashreplace")} | {repr(value)[2:-1]}
    else:
        text = value.reveal() if isinstance(value, Secret) else value
        texts = {str.__str__(text)} if isinstance(text, str) else set()
    for text in texts:
        if len(text) >= _SHORTEST:  # the forms of a shorter one are longer, and as innocent
            for form in _encoded(text.encode("utf-8", "surrogatepass")):
                known.learn_encoded(form)
            for form in (*_escaped(text), text):  # what counts comes last: what is judged by less is judged again
                known.learn(form)
    return value


def hide_known(text: str) -> str:
    """Return *text* with every known secret replaced by the mask."""
    return known.hide(text) if known.learned else text


def renew_lock() -> None:
    """In a forked child: let go of a lock that another thread of the parent may have held."""
    known.lock = RLock()
