r"""Detectors: a table of the credentials and personal data that show by their shape; nothing in it runs by itself.

Every expression begins with a literal, or is only tried on texts that have one of its `needs` in them, and none takes
more than linear time: what repeats is possessive (``++``) or of bounded length. A group called ``secret`` is the part
that is hidden, where the rest is harmless and tells the reader something. Each row names the public description of its
format.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

Check: TypeAlias = Callable[[re.Match[str]], bool]


class Detector(NamedTuple):
    """One kind of secret."""

    name: str
    """What TOML and the mark of a hidden value call it."""
    doc: str
    """What it finds."""
    expression: str
    needs: tuple[str, ...]
    """Texts without any of these are not searched; empty: all are."""
    source: str
    """Where the format is described."""
    check: Check | None = None
    """Looks at a match more closely than an expression can."""
    default: bool = True
    """Whether it is used if nothing else is configured: credentials are, personal data are not."""


# -- checks -----------------------------------------------------------------------------------------------------------


def _part(match: re.Match[str]) -> str:
    return match["secret"] if "secret" in match.re.groupindex else match[0]


def _is_random(match: re.Match[str]) -> bool:
    """Return whether a token looks made by a machine: "Bearer authentication" is not one."""
    text = _part(match)
    return len(text) >= 24 or not text.isalpha() or not (text.islower() or text.istitle() or text.isupper())


def _is_jwt(match: re.Match[str]) -> bool:
    return match[0].find(".") > len("eyJhbGciOiI")  # a header names an algorithm at least


def _has_digit(match: re.Match[str]) -> bool:
    return any(char.isdigit() for char in _part(match))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_basic(match: re.Match[str]) -> bool:
    return b":" in _decoded(match["secret"])


def _is_discord(match: re.Match[str]) -> bool:
    """Return whether the first part of the token is the number of a bot, in base64."""
    start = match.start()
    head = re.search(r"[\w\-]{23,28}\Z", match.string[max(0, start - 28) : start], re.ASCII)
    return head is not None and _decoded(head[0].translate({0x2D: "+", 0x5F: "/"})).isdigit()


def _is_card(match: re.Match[str]) -> bool:
    """Return whether the check digit is right: ISO/IEC 7812-1, annex B (Luhn)."""
    digits = [int(char) for char in reversed(match[0]) if char.isdigit()]
    doubled = [divmod(2 * digit, 10) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(tens + ones for tens, ones in doubled)) % 10 == 0


_VERSION: Final = re.compile(r"(?:version|ver)\W{1,3}\Z")


def _is_ipv4(match: re.Match[str]) -> bool:
    """Return whether it is not called a version; the numbers alone cannot tell."""
    return _VERSION.search(match.string[max(0, match.start() - 12) : match.start()].lower()) is None


def _is_ipv6(match: re.Match[str]) -> bool:
    text = match[0]
    if not any(char.isalnum() for char in text):
        return False  # "::" alone is punctuation far more often than the unspecified address
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


# -- the table --------------------------------------------------------------------------------------------------------

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
_IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_GROUP: Final = r"[0-9A-Fa-f]{1,4}"
_LINE_END: Final = r"[ \t]*+(?:\r?\n|(?:\\++[rn])++)[ \t]*+"
"""Between the lines of a key: also as a printed text shows it."""

_GITLAB: Final = ("pat", "oas", "dt", "rt", "rtr", "cbt", "ptt", "ft", "imt", "agent", "wt", "soat", "ffct")
"""What stands behind ``gl`` in the prefixes of GitLab's tokens."""

# In this order. Neighbours whose `needs` share a character are skipped together where a text lacks it.
DETECTORS: Final = (
    Detector(
        "jwt",
        "JSON Web Tokens, signed or encrypted",
        # "eyJ" is '{"' in base64: every header begins so.
        # Words that begin so and go on otherwise match too, and are let go by the check: so nothing is read twice.
        r"eyJ[\w\-]*+(?:(?:\.[\w\-]*+){2}(?:(?:\.[\w\-]*+){2})?+)?+",
        ("eyJ",),
        "https://www.rfc-editor.org/rfc/rfc7519",
        _is_jwt,
    ),
    Detector(
        "bearer",
        "the token behind the word Bearer",
        r"\b(?i:bearer)[ ]++(?P<secret>[\w\-.~+/]{8,}+=*+)",
        ("earer ", "EARER "),
        "https://www.rfc-editor.org/rfc/rfc6750#section-2.1",
        _is_random,
    ),
    Detector(
        "basic",
        "user and password, in base64, behind the word Basic",
        r"\b(?i:basic)[ ]++(?P<secret>[A-Za-z0-9+/]{6,}+=*+)",
        ("asic ", "ASIC "),
        "https://www.rfc-editor.org/rfc/rfc7617",
        _is_basic,
    ),
    Detector(
        "aws_access_key",
        "key identifiers of AWS, permanent and temporary",
        r"(?<![A-Za-z0-9])A(?:[KS]I|BI|CC)A[A-Z0-9]{16}(?![A-Za-z0-9])",
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids",
    ),
    Detector(
        "google_api_key",
        "API keys of Google Cloud",
        r"AIza[\w\-]{35}(?![\w\-])",
        ("AIza",),
        "https://cloud.google.com/docs/authentication/api-keys",
    ),
    Detector(
        "private_key_block",
        "PEM and OpenPGP private keys, whole or cut off",
        # To the END line; where that is missing, as far as there are lines of base64.
        r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:(?!-----)[\s\S])*+-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----"
        rf"|(?:{_LINE_END}[A-Za-z\-]{{1,32}}+: [^\r\n\\]*+){{0,8}}+(?:(?:{_LINE_END})++[A-Za-z0-9+/=]{{16,}}+)*+"
        rf"(?:{_LINE_END}[A-Za-z0-9+/=]++(?=\Z|[\"']))?+)",
        ("-----BEGIN",),
        "https://www.rfc-editor.org/rfc/rfc7468",
    ),
    Detector(
        "gitlab_token",
        "tokens of GitLab: personal, OAuth, deploy, runner, job, trigger, feed, mail, agent and others",
        r"(?<![A-Za-z0-9])gl(?:" + "|".join(_GITLAB) + r")-[\w\-.]{20,}+",
        tuple(f"gl{kind}-" for kind in _GITLAB),
        "https://docs.gitlab.com/security/tokens/",
    ),
    Detector(
        "square_token",
        "access tokens and application secrets of Square",
        r"(?<![A-Za-z0-9])sq0(?:atp|csp)-[\w\-]{22,}+",
        ("sq0atp-", "sq0csp-"),
        "https://developer.squareup.com/docs/build-basics/access-tokens",
    ),
    Detector(
        "mailchimp_key",
        "API keys of Mailchimp, which end in the name of a data centre",
        r"(?<![0-9A-Za-z])[0-9a-f]{32}-us[0-9]{1,2}(?![0-9A-Za-z])",
        ("-us",),
        "https://mailchimp.com/developer/marketing/guides/quick-start/",
    ),
    Detector(
        "slack_token",
        "tokens of Slack: bot, user, app-level, configuration, refresh",
        r"(?<![A-Za-z0-9])x(?:ox[a-z]|app)(?:\.xox[a-z])?-[A-Za-z0-9\-]{10,}+",
        ("xox", "xapp-"),
        "https://docs.slack.dev/authentication/tokens",
        _has_digit,
    ),
    Detector(
        "pypi_token",
        "API tokens of PyPI",
        r"pypi-[\w\-]{50,}+",
        ("pypi-",),
        "https://packaging.python.org/en/latest/tutorials/packaging-projects/",
    ),
    Detector(
        "llm_key",
        "API keys of OpenAI, Anthropic and those that copy their `sk-`",
        r"(?<![A-Za-z0-9])sk-[\w\-]{20,}+",
        ("sk-",),
        "https://platform.openai.com/docs/api-reference/authentication",
        _has_digit,
    ),
    Detector(
        "github_token",
        "tokens of GitHub: personal, OAuth, app, refresh, fine-grained",
        r"(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{22,}+",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        "https://github.blog/changelog/2021-03-31-authentication-token-format-updates-are-generally-available/",
        _has_digit,
    ),
    Detector(
        "stripe_key",
        "secret and restricted keys of Stripe, and its webhook secrets",
        r"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{16,}+",
        ("_live_", "_test_", "whsec_"),
        "https://docs.stripe.com/keys",
    ),
    Detector(
        "npm_token",
        "access tokens of npm",
        r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])",
        ("npm_",),
        "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/",
    ),
    Detector(
        "slack_webhook",
        "the secret part of an incoming webhook of Slack",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9/]{8,}+)",
        ("hooks.slack.com/",),
        "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
    ),
    Detector(
        "discord_webhook",
        "the secret part of a webhook of Discord",
        r"discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{1,20}/(?P<secret>[\w\-]{8,}+)",
        ("/webhooks/",),
        "https://docs.discord.com/developers/resources/webhook",
    ),
    Detector(
        "basic_auth_url",
        "the password in a URL: `scheme://user:password@host`",
        # Other than the standard says, people leave "/" in passwords; digits and "/" are a port and a path.
        r"://[^\s:/?#@\[\"'<>]*+:(?P<secret>[^\s/?#\"'<>]+(?=@)|(?![0-9]{1,5}[/?#])[^\s\"'<>@]{1,128}+(?=@))",
        ("://",),
        "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
    ),
    Detector(
        "telegram_token",
        "the secret part of a bot token of Telegram",
        r":(?<=[0-9]{6}:)(?P<secret>[\w\-]{35})(?![\w\-])",
        (":",),
        "https://core.telegram.org/bots/api#authorizing-your-bot",
    ),
    Detector(
        "sendgrid_key",
        "API keys of SendGrid, 69 characters",
        r"SG\.[\w\-]{22}\.[\w\-]{43}(?![\w\-])",
        ("SG.",),
        "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
    ),
    Detector(
        "discord_token",
        "the secret parts of a bot token of Discord",
        r"\.(?<=[\w\-]{23}\.)(?P<secret>[\w\-]{6,7}\.[\w\-]{27,}+)",
        (".",),
        "https://docs.discord.com/developers/reference#authentication",
        _is_discord,
    ),
    Detector(
        "credit_card",
        "numbers of payment cards with the right check digit",
        # The first digits of the big issuers, in the groups that are printed on the card or in none.
        r"[2-6](?<![0-9A-Za-z.][2-6])(?:"
        r"(?:(?<=4)[0-9]{3}|(?<=5)[1-5][0-9]{2}|(?<=2)[2-7][0-9]{2}|(?<=6)(?:011|[245][0-9]{2})|(?<=3)5[0-9]{2})"
        r"(?P<gap>[ \-]?)[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{4}"
        r"|(?<=3)(?:[47][0-9]{2}(?P<gap2>[ \-]?)[0-9]{6}(?P=gap2)[0-9]{5}"
        r"|[0689][0-9]{2}(?P<gap3>[ \-]?)[0-9]{6}(?P=gap3)[0-9]{4})"
        r")(?![0-9A-Za-z]|\.[0-9])",
        (),
        "https://www.iso.org/standard/70484.html",
        _is_card,
    ),
    Detector(
        "email",
        "addresses of electronic mail",
        r"(?<![\w.+\-])[\w.%+\-]{1,64}+@(?:[\w\-]++\.)++[\w\-]++",
        ("@",),
        "https://www.rfc-editor.org/rfc/rfc5322#section-3.4.1",
        default=False,
    ),
    Detector(
        "ipv6",
        "IPv6 addresses, also with a zone or an IPv4 address at the end",
        rf"(?<![0-9A-Za-z.])(?=(?:{_GROUP})?:)(?:::(?:{_GROUP})?|{_GROUP})(?:::?{_GROUP}){{0,63}}+(?:::)?+"
        r"(?:(?<=[0-9])(?:\.[0-9]{1,3}){3})?+(?:%[\w\-]{1,32}+)?+(?![0-9A-Za-z]|:[0-9A-Fa-f:])",
        (":",),
        "https://www.rfc-editor.org/rfc/rfc4291#section-2.2",
        _is_ipv6,
        default=False,
    ),
    Detector(
        "ipv4",
        "IPv4 addresses; four numbers behind a letter or the word version are none",
        rf"(?<![0-9A-Za-z])(?<![0-9]\.){_IPV4}(?![0-9A-Za-z]|\.[0-9])",
        (".",),
        "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2",
        _is_ipv4,
        default=False,
    ),
)

BY_NAME: Final = {detector.name: detector for detector in DETECTORS}
DEFAULT_NAMES: Final = tuple(detector.name for detector in DETECTORS if detector.default)
