"""Colour: whether to use it, and which; environment and descriptor in, escape sequences out; the thread that calls
`configure`; never fails.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final, Literal, final

Choice = Literal["auto", "always", "never"]

_RESET: Final = "\x1b[0m"
_OFF: Final = frozenset({"0", "false", "no", "off"})

# The sixteen colours of ECMA-48 alone: the user's theme has chosen how they look, on light and on dark.
LEVEL_STYLES: Final[Mapping[str, str]] = {
    "trace": "2",
    "debug": "36",
    "info": "32",
    "notice": "1;32",
    "warning": "33",
    "error": "31",
    "critical": "1;31",
    "alert": "1;37;41",
    "emergency": "1;37;41",
}
QUIET: Final = "2"
KEY: Final = "36"
TELEMETRY: Final = "35"
LOUD: Final = "1"
FAILURE: Final = "1;31"
EDGE: Final = "31"


def wants_colour(choice: Choice, fd: int, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether to write colour to *fd*.

    The option decides; if it is ``auto``, the first of `NO_COLOR`, `FORCE_COLOR`, `CLICOLOR_FORCE` that is set and not
    empty; without any of them, whether *fd* is a terminal that knows colours.
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if environ.get(name):
            return environ[name].lower() not in _OFF
    return _knows_colour(environ) and _is_terminal(fd)


def _knows_colour(environ: Mapping[str, str]) -> bool:
    if environ.get("TERM") == "dumb":
        return False
    if sys.platform == "win32":  # an old console would show the sequences themselves
        return any(environ.get(name) for name in ("WT_SESSION", "ANSICON", "TERM"))
    return True


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


@final
class Painter:
    """Puts a style around a text, or does not.

    Args:
        on: Whether to use colour.
    """

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, style: str) -> str:
        """Return *text* in *style*, the numbers of a "select graphic rendition" sequence."""
        return f"\x1b[{style}m{text}{_RESET}" if self.on and text else text
