"""penstock-http: the HTTP client on which network sinks stand, and what they share beside it.

A library for sinks, not a plugin: no TOML names it. A sink posts with `HttpClient`, judges the `Reply` with
`raise_for`, sends what does not fit one request with `send_in_groups`, and keeps within a service's limits with
`shorten`.
"""

from __future__ import annotations

from penstock_http.address import Address
from penstock_http.client import HttpClient
from penstock_http.groups import send_in_groups
from penstock_http.reply import LONGEST_WAIT, Reply, decent_wait, raise_for, wait_asked_for
from penstock_http.text import as_lines, as_text, last_lines, shorten, utf16_length

__all__ = [
    "LONGEST_WAIT",
    "Address",
    "HttpClient",
    "Reply",
    "as_lines",
    "as_text",
    "decent_wait",
    "last_lines",
    "raise_for",
    "send_in_groups",
    "shorten",
    "utf16_length",
    "wait_asked_for",
]
