"""penstock-http: the HTTP client on which network sinks stand, and what they share beside it.

A library for sinks, not a plugin: no TOML names it. A sink posts with `HttpClient`, judges the `Reply` with
`raise_for`, sends what does not fit one request with `send_in_groups`, and keeps within a service's limits with
`shorten`. A sink that speaks another protocol finds the same patience in `Deadline`, `Resolver` and
`first_that_answers`.
"""

from __future__ import annotations

from penstock_http.address import Address
from penstock_http.client import HttpClient
from penstock_http.connection import Deadline, first_that_answers
from penstock_http.groups import send_in_groups
from penstock_http.reply import LONGEST_WAIT, Reply, decent_wait, raise_for, wait_asked_for
from penstock_http.resolve import Found, Resolver
from penstock_http.text import as_lines, as_text, last_lines, shorten, utf16_length

__all__ = [
    "LONGEST_WAIT",
    "Address",
    "Deadline",
    "Found",
    "HttpClient",
    "Reply",
    "Resolver",
    "as_lines",
    "as_text",
    "decent_wait",
    "first_that_answers",
    "last_lines",
    "raise_for",
    "send_in_groups",
    "shorten",
    "utf16_length",
    "wait_asked_for",
]
