"""Address: where messages go; a URL in, its parts out; any thread; a wrong URL is a ValueError that does not show it
(there may be a password in it).
"""

from __future__ import annotations

import re
from typing import Final, Literal, Self, cast, final
from urllib.parse import unquote, urlsplit

from attrs import frozen

_PORTS: Final = {"udp": 514, "tcp": 601, "tls": 6514}
"""RFC 5426, section 3.3; RFC 6587, section 5 (syslog-conn); RFC 5425, section 4.1."""
HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")
_PRINTABLE: Final = re.compile(r"[!-~]*")
_EXPECTED: Final = "expected a URL such as tls://host:6514, tcp://host:601, udp://[2001:db8::1]:514 or unix:///dev/log"


@final
@frozen
class Address:
    """A place that takes syslog messages.

    Attributes:
        scheme: ``udp``, ``tcp``, ``tls`` or ``unix``.
        host: Name or IP address, without brackets; empty for ``unix``.
        port: The port, that of the RFC if the URL named none; 0 for ``unix``.
        path: Of the socket, for ``unix``.

    Example:
        >>> Address.parse("tls://[2001:db8::1]")
        Address(scheme='tls', host='2001:db8::1', port=6514, path='')
        >>> str(Address.parse("unix:/dev/log"))
        'unix:///dev/log'
    """

    scheme: Literal["udp", "tcp", "tls", "unix"]
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address that *url* writes.

        Raises:
            ValueError: If it is none, or has a user, a query or a fragment.
        """
        found = cls._parsed(url) if _PRINTABLE.fullmatch(url) else None  # urlsplit drops line ends and tabs silently
        if found is None:
            raise ValueError(_EXPECTED)
        return found

    @classmethod
    def _parsed(cls, url: str) -> Self | None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port  # judged only when it is read
        except ValueError:
            return None
        if parts.query or parts.fragment or "@" in parts.netloc:
            return None
        if parts.scheme == "unix":
            path = unquote(parts.path)
            return cls("unix", path=path) if path.startswith("/") and "\0" not in path and not parts.netloc else None
        if parts.scheme not in _PORTS or parts.path not in ("", "/") or not HOST.fullmatch(host) or port == 0:
            return None
        return cls(cast("Literal['udp']", parts.scheme), host, port or _PORTS[parts.scheme])

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.path}"
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
