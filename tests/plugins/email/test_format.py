"""What a record of the format `email` says, for any event; and the README, which says what the class says."""

from __future__ import annotations

import json
import re

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.event import Event, Failure
from penstock.plugin import Record
from penstock_email.format import EmailFormat
from penstock_email.letter import letter_of
from penstock_email.mail import Envelope, text_of
from penstock_email.sink import EmailSink
from repository import ROOT

PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)
EVENTS = st.builds(
    Event,
    st.text(),
    st.text(),
    st.sampled_from([5, 20, 35, 70]),
    time_ns=st.integers(0, 2**63),
    fields=st.dictionaries(st.text(), PLAIN, max_size=3),
)
ENVELOPE = Envelope(sender="a@b.example", shown_sender="a@b.example", to=["c@d.example"], prefix="", html=True)


def record_of(event: Event) -> Record:
    return Record(EmailFormat().format(event), event.level, event.name, event.time_ns, "email")


def test_a_record_is_one_line_and_its_traceback_stays_apart() -> None:
    event = Event("shop", "stuck", 40, time_ns=0, fields={"n": 3}, error=Failure("E", "x", "Traceback\n  E: x"))

    record = record_of(event)

    assert json.loads(record.data) == {
        "head": "shop: stuck",
        "line": "1970-01-01T00:00:00.000Z ERROR shop: stuck n=3",
        "stack": "Traceback\n  E: x",
    }
    assert b"\n" not in record.data
    assert text_of([letter_of(record)]) == (
        "1970-01-01T00:00:00.000Z ERROR shop: stuck n=3\n    Traceback\n      E: x\n"
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text makes tables of Unicode
@given(EVENTS)
def test_any_event_is_one_line_of_a_mail_that_ascii_can_carry(event: Event) -> None:
    letter = letter_of(record_of(event))

    assert len(text_of([letter]).splitlines()) == 1
    data = ENVELOPE.mail_of([letter, letter])
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998  # RFC 5322, section 2.1.1
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_a_record_that_only_claims_to_be_of_the_format_is_its_own_line() -> None:
    for data in (b"[]", b"{}", b'{"head": 1, "line": "x"}', b"\xff", b'{"head": "x", "line": "y", "to": "z"}'):
        letter = letter_of(Record(data, 40, "x", 0, "email"))
        assert letter.stack == ""
        assert len(text_of([letter]).splitlines()) == 1


def test_every_option_is_in_the_readme_as_the_class_documents_it() -> None:
    readme = (ROOT / "plugins/email/README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| .+? \| (.+) \|$", readme, re.MULTILINE))
    options = [field for field in attrs.fields(EmailSink) if field.init]

    assert list(rows) == [field.name for field in options]
    for field in options:
        assert rows[field.name].replace("`", "") == field.metadata["doc"].replace("`", "")
