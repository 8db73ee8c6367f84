"""Address: where to post; a URL in, its parts out, the secret ones hidden; any thread; a wrong URL is a ValueError that
does not show it.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final, Self, final
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from penstock.plugin import Secret

_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PRINTABLE: Final = re.compile(r"[!-~]*")
"""ASCII without blanks and controls: http.client refuses anything else with an exception that shows the URL."""
_EXPECTED: Final = "expected a URL such as https://host.example/path"
_TOKEN_LENGTH: Final = 20
"""A part of a secret path as long as this is a token of its own; ids of Discord have up to 19 digits."""


@final
@frozen
class Address:
    """A URL in the parts that a connection needs.

    Attributes:
        scheme: ``https`` or ``http``.
        host: Name or IP address, without brackets.
        port: The port, the scheme's own if the URL named none.
        target: Path and query; hidden if the URL was, since services put tokens there.

    Example:
        >>> Address.parse(Secret("https://chat.example/hook/s3cr3t?wait=true"))
        Address(scheme='https', host='chat.example', port=443, target=Secret('[redacted]'))
    """

    scheme: str
    host: str
    port: int
    target: Secret | str

    @classmethod
    def parse(cls, url: Secret | str) -> Self:
        """Return the address that *url* writes; if it is a `Secret`, the tokens in it are known secrets from now on.

        Raises:
            ValueError: If it is no URL of HTTP, names a user, or holds characters that a URL cannot.
        """
        wrong = _wrong(url)  # in a function of its own: no frame that the exception shows has the URL as text
        if wrong:
            raise ValueError(wrong)
        parts = urlsplit(_text(url))
        target = _target(parts)
        if isinstance(url, Secret):
            for token in re.split(r"[/?&=]", target):
                if len(token) >= _TOKEN_LENGTH:
                    Secret(token)  # known from now on: foreign texts tell the path alone, or a part of it
        hidden = Secret(target) if isinstance(url, Secret) else target
        return cls(parts.scheme, str(parts.hostname), parts.port or _PORTS[parts.scheme], hidden)

    @property
    def is_encrypted(self) -> bool:
        """Whether what is sent there is unreadable on the way."""
        return self.scheme == "https"

    @property
    def is_this_machine(self) -> bool:
        """Whether it is a loopback address, so that nothing leaves this machine."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:  # a name
            return False


def _text(url: Secret | str) -> str:
    return url.reveal() if isinstance(url, Secret) else url


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _wrong(url: Secret | str) -> str:
    """Return what is wrong with *url*, in words of our own: those of urllib would show it."""
    if not _PRINTABLE.fullmatch(_text(url)):  # urlsplit drops line ends and tabs silently
        return "the URL holds a blank, a control or a non-ASCII character; percent-encode it"
    try:
        parts = urlsplit(_text(url))
        _ = parts.port  # judged only when it is read
    except ValueError:
        return _EXPECTED
    if parts.scheme not in _PORTS or not _HOST.fullmatch(parts.hostname or ""):
        return _EXPECTED
    return "a user name in the URL is not supported" if "@" in parts.netloc else ""
