"""What an answer means: which status waits, which refuses, which ends the sink; how long a server may make us wait."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.plugin import Closed, Rejected, Unavailable
from penstock_http import LONGEST_WAIT, Reply, decent_wait, raise_for, wait_asked_for


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_raises_nothing(status: int) -> None:
    raise_for(Reply(status=status))


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (Unavailable, [408, 425, 429, 500, 502, 503, 504, 599, 302, 303, 307, 101, 999]),
        (Rejected, [400, 402, 405, 409, 411, 413, 414, 415, 422, 431, 451]),
        (Closed, [301, 308, 401, 403, 404, 410]),
    ],
)
def test_a_failure_raises_its_kind(kind: type[Exception], statuses: list[int]) -> None:
    for status in statuses:
        with pytest.raises(kind, match=str(status)):
            raise_for(Reply(status=status))


def test_neither_headers_nor_body_are_in_what_is_raised_or_shown() -> None:
    reply = Reply(status=500, headers={"location": "https://x/canary"}, body=b"canary")

    with pytest.raises(Unavailable) as caught:
        raise_for(reply, why="overloaded")

    assert str(caught.value) == "the server answered 500 (overloaded)"
    assert "canary" not in repr(reply)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 0.35 "}, 0.35),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "99999999999999"}, LONGEST_WAIT),
        ({"retry-after": "1e999"}, LONGEST_WAIT),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "0.00001"}, 0.1),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_understood_in_all_its_forms_and_within_reason(
    headers: dict[str, str], seconds: float | None
) -> None:
    with pytest.raises(Unavailable) as caught:
        raise_for(Reply(status=429, headers=headers))

    assert caught.value.retry_after == seconds


def test_a_date_far_away_waits_a_day() -> None:
    assert wait_asked_for(Reply(status=503, headers={"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"})) == LONGEST_WAIT


def test_what_the_service_says_in_its_own_way_counts_more_than_the_header() -> None:
    with pytest.raises(Unavailable) as caught:
        raise_for(Reply(status=429, headers={"retry-after": "9"}), retry_after=0.5)

    assert caught.value.retry_after == 0.5


@settings(max_examples=200)
@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none(), st.lists(st.integers())))
def test_a_wait_is_none_or_between_a_tenth_of_a_second_and_a_day(value: object) -> None:
    wait = decent_wait(value)

    assert wait is None or 0.1 <= wait <= LONGEST_WAIT


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[1]", b"<html>", b"[" * 60_000, b'{"a": ' * 20_000, b"\xff\xfe", b"1" * 9999]
)
def test_a_body_that_is_no_object_is_an_empty_one(body: bytes) -> None:
    assert Reply(status=200, body=body).json() == {}
