"""Text: a line that is its own message; a line in, Parsed out; any thread; cannot fail."""

from __future__ import annotations

from penstock_cli.pipe.parsed import Parsed


def parse(line: str) -> Parsed:
    """Return *line* as a message.

    Example:
        >>> parse("started").message
        'started'
    """
    return Parsed(line, {})
