"""Formats of credentials from elsewhere: those that the plugins of detect-secrets 1.5.0 look for.

Values are made here from parts, by chance and always alike: no text that looks like a credential is in the repository.
"""

from __future__ import annotations

import random
import string
from base64 import b64encode
from collections.abc import Iterator

_ALNUM = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits
_WORD = _ALNUM + "_-"
_HEX = "0123456789abcdef"
_SAMPLES = 5


def samples() -> Iterator[tuple[str, str, str]]:
    """Yield the name of a format, a line with a credential in it, and its secret part."""
    chance = random.Random(20_260_101)

    def some(length: int, chars: str = _ALNUM) -> str:
        return "".join(chance.choices(chars, k=length))

    for _ in range(_SAMPLES):
        bot = b64encode(some(18, string.digits).encode()).decode()
        bare = {
            "aws": "AK" + "IA" + some(16, string.ascii_uppercase + string.digits),
            "aws temporary": "AS" + "IA" + some(16, string.ascii_uppercase + string.digits),
            "aws context": "AC" + "CA" + some(16, string.ascii_uppercase + string.digits),
            "artifactory": "AK" + "C" + some(70),
            "discord": f"{bot}.{some(6, _WORD)}.{some(27, _WORD)}",
            **{f"github {kind}": f"{kind}_{some(36)}" for kind in ("gh" + last for last in "pousr")},
            "gitlab personal": "glp" + "at-" + some(20, _WORD),
            "gitlab runner": "GR" + "1348941" + some(20, _WORD),
            "gitlab build": "glc" + "bt-" + some(20, _WORD),
            "gitlab mail": "gli" + "mt-" + some(25, _WORD),
            "gitlab trigger": "glp" + "tt-" + some(40, _WORD),
            "gitlab agent": "glag" + "ent-" + some(50, _WORD),
            "gitlab oauth": "glo" + "as-" + some(64, _WORD),
            "jwt": f"eyJ{some(30)}.eyJ{some(60)}.{some(43, _WORD)}",
            "mailchimp": some(32, _HEX) + "-us" + some(1, "123456789"),
            "openai": "sk" + "-" + some(20) + "T3Blbk" + "FJ" + some(20),
            "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + some(70, _WORD),
            "sendgrid": "S" + "G." + some(22, _WORD) + "." + some(43, _WORD),
            "slack": "xo" + "xb-" + some(12, string.digits) + "-" + some(24, _LOWER),
            "square": "sq0" + "csp-" + some(43, _WORD),
            "stripe": "sk_" + "live_" + some(24),
            "stripe restricted": "rk_" + "live_" + some(24),
            "twilio": "S" + "K" + some(32, _LOWER),
        }
        for name, token in bare.items():
            yield name, f"the value {token} was used", token.split(".", 1)[1] if name == "discord" else token
        telegram = some(35, _WORD)
        yield "telegram", f"the value {some(9, '123456789')}:{telegram} was used", telegram
        hook = some(24)
        yield "slack webhook", f"posting to https://hooks.slack.com/services/T{some(8)}/B{some(8)}/{hook}", hook
        for name, key, size, chars in (
            ("azure storage", "AccountKey", 86, _ALNUM),
            ("aws secret key", "aws_secret_access_key", 40, _ALNUM),
            ("cloudant", "cloudant_password", 64, _HEX),
            ("ibm cloud", "ibm_cloud_api_key", 44, _WORD),
            ("ibm storage", "cos_hmac_secret_access_key", 48, _HEX),
            ("softlayer", "softlayer_api_key", 64, _LOWER),
            ("npm", "//registry.example.org/:_authToken", 36, _HEX + "-"),
        ):
            value = some(size, chars)
            yield name, f"{key}={value}", value
        password = some(12)
        yield "password in an address", f"open https://bob:{password}@example.org/", password
        key_lines = "\n".join(some(64) for _ in range(3))
        dashes = "-" * 5
        kind = "RSA PRIVATE" + " KEY"
        yield "private key", f"{dashes}BEGIN {kind}{dashes}\n{key_lines}\n{dashes}END {kind}{dashes}", key_lines
