"""A batch in several requests: what arrived is never sent again, and one bad record costs only itself."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.plugin import Closed, Rejected, Unavailable
from penstock_http import send_in_groups


def groups(*sizes: int) -> list[tuple[int, int]]:
    return list(itertools.pairwise(itertools.accumulate(sizes, initial=0)))


class Peer:
    """Takes records by number; refuses the poisoned, and fails at the n-th request as told."""

    def __init__(self, poison: set[int], fail_at: int = -1, error: Exception | None = None) -> None:
        self.got: list[int] = []
        self.calls = 0
        self._poison = poison
        self._fail_at = fail_at
        self._error = error

    def send(self, start: int, stop: int) -> None:
        self.calls += 1
        if self._error is not None and self.calls == self._fail_at:
            raise self._error
        if self._poison & set(range(start, stop)):
            raise Rejected("bad")
        self.got += range(start, stop)


def test_a_poisoned_record_is_found_and_its_neighbours_arrive() -> None:
    peer = Peer({1})

    with pytest.raises(Rejected) as caught:
        send_in_groups(groups(3, 2), peer.send)

    assert caught.value.indexes == frozenset({1})
    assert peer.got == [0, 2, 3, 4]


def test_what_was_delivered_before_a_wait_is_told_with_the_wait() -> None:
    peer = Peer({0}, 3, Unavailable("slow down", retry_after=7.0))

    with pytest.raises(Unavailable) as caught:
        send_in_groups(groups(1, 2, 2), peer.send)

    error = caught.value
    assert (error.retry_after, error.delivered, set(error.rejected)) == (7.0, 3, {0})
    assert peer.got == [1, 2]


def test_a_sink_that_closes_in_the_middle_keeps_what_arrived() -> None:
    peer = Peer(set(), 2, Closed("gone"))

    with pytest.raises(Unavailable) as caught:  # Closed would count the first group as dropped
        send_in_groups(groups(2, 2), peer.send)

    assert caught.value.delivered == 2
    with pytest.raises(Closed):
        send_in_groups(groups(2), Peer(set(), 1, Closed("gone")).send)


def test_no_request_is_begun_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock_http.groups.time_left", lambda: 0.01)
    peer = Peer(set())

    with pytest.raises(Unavailable) as caught:
        send_in_groups(groups(2, 2), peer.send)

    assert (caught.value.delivered, caught.value.retry_after, peer.got) == (2, 0.0, [0, 1])  # the first is always tried


def test_what_is_raised_leads_to_nothing_else() -> None:
    for error in (Unavailable("wait"), Closed("gone"), Rejected("bad")):
        with pytest.raises((Unavailable, Closed, Rejected)) as caught:
            send_in_groups(groups(1), Peer(set(), 1, error).send)
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None


@settings(max_examples=200)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.sets(st.integers(0, 23)), st.integers(1, 12))
def test_every_record_is_delivered_rejected_or_waiting_and_never_two_of_them(
    sizes: list[int], poison: set[int], fail_at: int
) -> None:
    peer = Peer(poison, fail_at, Unavailable("wait"))
    records = set(range(sum(sizes)))
    done, rejected = sum(sizes), frozenset[int]()
    try:
        send_in_groups(groups(*sizes), peer.send)
    except Rejected as error:
        rejected = error.indexes or frozenset()
    except Unavailable as error:
        done, rejected = error.delivered, error.rejected

    assert peer.got == sorted(set(peer.got)), "in order, none twice"
    assert rejected <= poison
    assert rejected <= set(range(done))
    assert set(peer.got) == {record for record in records if record < done} - rejected
