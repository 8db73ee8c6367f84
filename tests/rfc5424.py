"""What RFC 5424 says, for tests: its own examples, and a reader of messages that is not ours."""

from __future__ import annotations

import re
import warnings
from typing import Any, Final, NamedTuple

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its grammar's parser imports what newer Pythons call deprecated
    from lark import Lark
    from syslog_rfc5424_parser import SyslogMessage, parser

# Its grammar takes a string of Lark's for a PARAM-VALUE, which goes on behind an escaped backslash at the end. That one
# terminal is taken from the ABNF of section 6 instead; all the rest is theirs.
_THEIRS: Final = "%import common.ESCAPED_STRING   -> ESCAPED_STRING"
_VALUE: Final = r'ESCAPED_STRING: /"([^"\\\]]|\\["\\\]])*"/s'
assert _THEIRS in parser.GRAMMAR
parser._parser = Lark(parser.GRAMMAR.replace(_THEIRS, _VALUE), parser="lalr", transformer=parser.TreeTransformer())

BOM: Final = "\ufeff"
_THIRD: Final = (
    "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
    '[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]'
)
# Section 6.5, examples 1 to 4; and the valid structured data of sections 6.3.5 and 7.1.4 in a message each.
EXAMPLES: Final = (
    f"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - {BOM}'su root' failed for lonvick on /dev/pts/8",
    "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
    f"{_THIRD} {BOM}An application event log entry...",
    f'{_THIRD}[examplePriority@32473 class="high"]',
    '<165>1 - - - - - [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]',
    '<165>1 - - - - - [sigSig ver="1" rsID="1234" iut="3" signature="..."]',
    '<165>1 - - - - - [timeQuality tzKnown="0" isSynced="0"]',
    '<165>1 - - - - - [timeQuality tzKnown="1" isSynced="1" syncAccuracy="60000000"]',
    '<165>1 - - - - - [timeQuality tzKnown="1" isSynced="1"]',
    '<165>1 - - - - - [origin ip="192.0.2.1" ip="192.0.2.129"]',
)


class Read(NamedTuple):
    """A message as somebody else reads it."""

    priority: int
    time: str
    host: str
    app: str
    pid: str
    msgid: str
    data: dict[str, dict[str, str]]
    text: str


def read(message: bytes) -> Read:
    """Return the parts of *message*; raise ValueError if it is none."""
    found: Any = SyslogMessage.parse(message.decode())
    facility, severity = int(found.facility), int(found.severity)
    data = {name: {key: unescaped(value) for key, value in params.items()} for name, params in found.sd.items()}
    text = (found.msg or "").removeprefix(BOM)
    pid, msgid = ("-" if part is None else str(part) for part in (found.procid, found.msgid))
    return Read(facility * 8 + severity, found.timestamp, found.hostname, found.appname, pid, msgid, data, text)


def unescaped(value: str) -> str:
    """Return a PARAM-VALUE as it was before it was escaped: section 6.3.3."""
    return re.sub(r'\\(["\\\]])', r"\1", value)
