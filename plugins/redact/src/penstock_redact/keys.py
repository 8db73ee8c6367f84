"""Keys: hides values by the names of their keys; a key or a text in, an action or a text out; the caller's thread;
fails closed, in the core.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, final

from attrs import define, field

from penstock.plugin import Action, Secret
from penstock_redact.actions import ACTION, KEEP_LAST, ActionName, build_action, check_keep_last, in_text
from penstock_redact.names import Judge, build_judge, words_of
from penstock_redact.pairs import Pairs
from penstock_redact.pseudonyms import HASH_KEY, HASH_KEY_ID, HASH_LENGTH, check_key, check_key_id, check_length

DEFAULT_KEYS: Final = (
    # What a person or a service proves itself with.
    "password",
    "passwd",  # the Unix spelling: getpwnam(3), and many an environment variable
    "pwd",  # connection strings of ODBC and ADO.NET: "Uid=…;Pwd=…"
    "passphrase",  # of private keys
    "passcode",
    "otp",  # one-time passwords: valid for minutes, a log is read within seconds
    "secret",  # client_secret, secret_key, SECRET_KEY_BASE
    "credential",
    # What stands in for a password once it was given.
    "token",  # access_token, X-Auth-Token, csrf_token, bot_token
    "jwt",
    "authorization",  # RFC 9110, section 11.6.2; and Proxy-Authorization
    "cookie",  # RFC 6265; and Set-Cookie
    "session_id",  # whoever has it is logged in
    "session_key",
    "basic_auth",
    # Keys of services and of cryptography.
    "api_key",
    "access_key",  # AWS; and SharedAccessKey of Azure
    "account_key",  # connection strings of Azure Storage
    "private_key",
    "signing_key",
    "encryption_key",
    "amz_signature",  # the signature makes a presigned URL work
    "shared_access_signature",
    # Payment: PCI DSS, requirement 3, forbids to keep the code, and to show the number.
    "card_number",
    "cvv",
    "cvc",
    # The same without separators. One word is one word: "token" is not looked for inside "accesstoken".
    "access_token",
    "auth_token",
    "refresh_token",
    "id_token",
    "csrf_middleware_token",  # Django's form field
    "client_secret",
    "secret_key",
    "db_password",
    "user_password",
    "pg_password",  # PGPASSWORD of libpq
)

DEFAULT_SAFE: Final = (
    # What language models report: numbers of word pieces.
    "token_count",
    "token_limit",
    "max_tokens",
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    # What OAuth says about tokens: RFC 6749, section 5.1, and RFC 8414, section 2.
    "token_type",
    "token_endpoint",
    "authorization_endpoint",
)

_ANCHORS: Final = ("=", ":", "--", "',", '",', "%3")
"""An assignment, a header or a member, an option, two kinds of tuples, an encoded address."""

_REMEMBERED: Final = 4_096
"""Judgements kept of names in texts; texts come from users, so the table is bounded …"""
_LONGEST: Final = 128
"""… and so is the length of the names in it."""


def _check_names(_: object, __: object, names: Iterable[str]) -> None:
    for name in names:
        if not words_of(name):
            raise ValueError(f"{name!r} has no letter or digit")


@final
@define(kw_only=True)
class KeyRedactor:
    """Hides the values of secret keys at any depth, and what stands behind such a name in a text."""

    keys: list[str] = field(
        factory=lambda: list(DEFAULT_KEYS),
        validator=_check_names,
        metadata={
            "doc": "Names that are secret, by their words: `auth_token` is in `X-Auth-Token` and `authToken`. What is "
            "given replaces the default list."
        },
    )
    extra_keys: list[str] = field(
        factory=list, validator=_check_names, metadata={"doc": "Names that are secret besides `keys`."}
    )
    safe: list[str] = field(
        factory=lambda: list(DEFAULT_SAFE),
        validator=_check_names,
        metadata={"doc": "Names that are never hidden, each as a whole: `token_count` does not spare `token`."},
    )
    text: bool = field(
        default=True,
        metadata={"doc": 'Whether `password=…`, `"token": "…"` and the like are looked for in texts too.'},
    )
    action: ActionName = field(default="mask", metadata=ACTION)
    keep_last: int = field(default=4, validator=check_keep_last, metadata=KEEP_LAST)
    hash_key: Secret | None = field(default=None, validator=check_key, metadata=HASH_KEY)
    hash_key_id: str = field(default="", validator=check_key_id, metadata=HASH_KEY_ID)
    hash_length: int = field(default=16, validator=check_length, metadata=HASH_LENGTH)
    _judge: Judge = field(init=False, repr=False)
    _judged: dict[str, bool] = field(factory=dict, init=False, repr=False)
    _stems: tuple[str, ...] = field(init=False, repr=False)
    _act: Action = field(init=False, repr=False)
    _act_in_text: Action = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Decide here all that does not depend on an event."""
        names = (*self.keys, *self.extra_keys)
        self._judge = build_judge(names, self.safe)
        self._stems = _stems(names)
        self._act = build_action(self.action, self.keep_last, self.hash_key, self.hash_key_id, self.hash_length)
        self._act_in_text = in_text(self._act)

    @property
    def anchors(self) -> Sequence[str]:
        """What stands between a name and its value in a text; without one of these no text is changed."""
        return _ANCHORS if self.text else ()

    def redact_key(self, key: str, /) -> Action | None:
        """Return the action if *key* is secret."""
        return self._act if self._judge(key) else None

    def redact_text(self, text: str, /) -> str:
        """Return *text* without the values that stand behind secret names."""
        # Nearly every text ends here: some searches for a character, and some for a word.
        if not self.text or not any(anchor in text for anchor in _ANCHORS):
            return text
        if text.isascii() and "\\u" not in text:
            lower = text.lower()
            if not any(stem in lower for stem in self._stems):
                return text
        return Pairs(text, self._secret, self._hidden).hidden()

    def _secret(self, name: str) -> bool:
        if len(name) > _LONGEST:
            return self._judge(name)
        judged = self._judged.get(name)
        if judged is None:
            if len(self._judged) >= _REMEMBERED:
                self._judged.clear()
            judged = self._judged[name] = self._judge(name)
        return judged

    def _hidden(self, value: str) -> str:
        return str(self._act_in_text(value))


def _stems(names: Iterable[str]) -> tuple[str, ...]:
    """Return texts of which one is in every text that has one of *names* in it: the longest word of each name."""
    longest = {max((word.text for word in reversed(words_of(name))), key=len) for name in names}
    return tuple(sorted(stem for stem in longest if not any(other in stem for other in longest - {stem})))
