"""Worker: what it does next is right at any moment; time is what the test says it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deliveries import Scripted, VirtualEnv, balanced, line, virtual
from penstock.errors import Closed, Rejected, Unavailable
from penstock.faults import fault_counts
from penstock.ledger import SinkAccount, SinkLedger
from penstock.levels import NOTHING
from penstock.river.modes.inline import InlineDelivery
from penstock.river.modes.worker import END, IDLE
from penstock.river.sink import GuardedSink
from penstock.river.spool.journal import Journal
from penstock.testing import RecordingSink
from penstock.units import Duration, Size


@pytest.fixture
def env() -> VirtualEnv:
    return VirtualEnv()


def times(sink: Scripted) -> list[float]:
    return [round(time - sink.attempts[0][0], 6) for time, _ in sink.attempts]


# -- batches ----------------------------------------------------------------------------------------------------------


def test_an_idle_sink_gets_a_record_at_once_and_a_busy_one_no_more_often_than_batch_wait(env: VirtualEnv) -> None:
    sink = Scripted(env)
    delivery = virtual(sink, env, batch_wait=Duration("200 ms"))
    for number in range(5):
        delivery.deliver(line(number))
        env.run(until=env.time + 0.06)

    env.run(until=env.time + 1)

    assert sink.attempts[0] == (1_000.0, [b"0"])
    assert [batch for _, batch in sink.attempts[1:]] == [[b"1", b"2", b"3"], [b"4"]]
    assert all(later - before >= 0.2 for before, later in zip(times(sink), times(sink)[1:], strict=False))


def test_a_whole_batch_is_written_without_waiting_for_more(env: VirtualEnv) -> None:
    sink = Scripted(env)
    delivery = virtual(sink, env, batch=3, batch_wait=Duration("10 s"))
    for number in range(8):
        delivery.deliver(line(number))
    env.run(until=env.time + 1)

    assert [batch for _, batch in sink.attempts] == [[b"0", b"1", b"2"], [b"3", b"4", b"5"]]
    env.run(until=env.time + 10)
    assert sink.got[-2:] == [b"6", b"7"]


def test_who_flushes_waits_for_no_batch_to_gather(env: VirtualEnv) -> None:
    sink = Scripted(env)
    delivery = virtual(sink, env, batch_wait=Duration("10 s"))
    for number in range(2):
        delivery.deliver(line(number))
        assert delivery.flush(env.time + 0.1)

    assert sink.got == [b"0", b"1"]


def test_with_nothing_to_do_it_sleeps_until_the_bell_rings(env: VirtualEnv) -> None:
    delivery = virtual(Scripted(env), env)

    assert delivery.worker.turn() == IDLE
    assert delivery._bell.tick is None


# -- trying again -----------------------------------------------------------------------------------------------------


def test_the_pauses_grow_to_a_minute_with_full_jitter(env: VirtualEnv) -> None:
    sink = Scripted(env, *[Unavailable("down")] * 10)
    delivery = virtual(sink, env)
    delivery.deliver(line("a"))
    env.run(until=env.time + 1_000)

    pauses = [later - before for before, later in zip(times(sink), times(sink)[1:], strict=False)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]

    lucky = VirtualEnv(luck=0.25)
    sink = Scripted(lucky, *[Unavailable("down")] * 3)
    virtual(sink, lucky).deliver(line("a"))
    lucky.run(until=lucky.time + 1_000)
    assert times(sink) == [0, 0.125, 0.375, 0.875]


def test_retry_after_is_obeyed_exactly_and_starts_no_growing_pauses(env: VirtualEnv) -> None:
    sink = Scripted(env, *[Unavailable("slow down", retry_after=37.25)] * 20, Unavailable("down"))
    delivery = virtual(sink, env)
    delivery.deliver(line("a"))
    env.run(until=env.time + 1_000)

    assert times(sink) == [37.25 * number for number in range(21)] + [37.25 * 20 + 0.5]


def test_a_sink_that_took_all_and_asks_for_a_pause_gets_it(env: VirtualEnv) -> None:
    sink = Scripted(env, Unavailable("slow down", retry_after=30, delivered=1))
    delivery = virtual(sink, env)
    delivery.deliver(line("a"))
    env.run(until=env.time + 1)
    delivery.deliver(line("b"))
    env.run(until=env.time + 100)

    assert times(sink) == [0, 30]
    assert balanced(delivery.account).delivered == 2


def test_after_five_failures_in_a_row_one_record_is_the_probe_and_then_whole_batches_go(env: VirtualEnv) -> None:
    sink = Scripted(env, *[Unavailable("down")] * 6)
    delivery = virtual(sink, env)
    for number in range(10):
        delivery.deliver(line(number))
    env.run(until=env.time + 1_000)

    assert [len(batch) for _, batch in sink.attempts] == [10, 10, 10, 10, 10, 1, 1, 9]
    assert sink.got == [str(number).encode() for number in range(10)]
    assert fault_counts()["breaker.opened", "out"] == fault_counts()["breaker.closed", "out"] == 1


def test_a_sink_that_took_some_is_not_doubted(env: VirtualEnv) -> None:
    sink = Scripted(env, *[Unavailable("slow", delivered=1) for _ in range(20)])
    delivery = virtual(sink, env)
    for number in range(30):
        delivery.deliver(line(number))
    env.run(until=env.time + 100)

    assert len(sink.attempts[-1][1]) == 10
    assert max(later - before for before, later in zip(times(sink), times(sink)[1:], strict=False)) == 0.5
    assert balanced(delivery.account).delivered == 30


def test_what_is_too_old_is_dropped_in_time_though_the_sink_may_not_be_asked(env: VirtualEnv) -> None:
    sink = Scripted(env, Unavailable("later", retry_after=3_600))
    delivery = virtual(sink, env, max_age=Duration("10 m"), batch=2)
    for number in range(5):
        delivery.deliver(line(number))
    env.run(until=env.time + 300)
    delivery.deliver(line("young"))
    env.run(until=env.time + 302)

    assert balanced(delivery.account) == SinkLedger(6, 0, {"too_old": 5}, 1, redelivered=2)
    env.run(until=env.time + 4_000)
    assert sink.got == []
    assert balanced(delivery.account).dropped == {"too_old": 6}


def test_the_age_counts_from_the_call_also_while_the_worker_hangs(env: VirtualEnv) -> None:
    late: list[bytes] = []

    def hang(batch: Sequence[Any]) -> None:
        env.pass_time(100)
        delivery.deliver(line("late"))
        env.pass_time(100)
        raise Unavailable("down")

    sink = Scripted(env, hang)
    delivery = virtual(sink, env, max_age=Duration("150 s"), timeout=Duration("5 s"))
    delivery.deliver(line("early"))
    env.run(until=env.time + 210)

    assert sink.got == [b"late"]
    assert late == []
    assert balanced(delivery.account).dropped == {"too_old": 1}


# -- a sink that hangs ------------------------------------------------------------------------------------------------


def test_an_attempt_far_beyond_its_timeout_is_told_once_and_the_sink_degraded_until_it_returns(env: VirtualEnv) -> None:
    seen: list[str] = []

    def hang(batch: Sequence[Any]) -> None:
        env.pass_time(6)
        seen.append(delivery.sink.status)
        env.pass_time(60)
        seen.append(delivery.sink.status)

    delivery = virtual(Scripted(env, hang), env, timeout=Duration("5 s"))
    delivery.deliver(line("a"))
    env.run(until=env.time + 100)

    assert seen == ["ok", "degraded"]
    assert fault_counts()["sink.stalled", "out"] == 1
    assert delivery.sink.status == "ok"
    assert balanced(delivery.account).delivered == 1


def test_nobody_watches_a_worker_that_has_nothing_to_do(env: VirtualEnv) -> None:
    delivery = virtual(Scripted(env), env)
    for _ in range(3):
        delivery.deliver(line("a"))
        assert len(env.timers) == 1
        env.run(until=env.time + 60)
        assert env.timers == []


# -- what is dropped --------------------------------------------------------------------------------------------------


def test_a_notice_in_the_stream_itself_says_what_is_missing_once_the_sink_takes_records_again(env: VirtualEnv) -> None:
    def hang(batch: Sequence[Any]) -> None:
        for number in range(1, 6):
            delivery.deliver(line(number))

    sink = Scripted(env, hang)
    delivery = virtual(sink, env, queue=Size(3 * 201), when_full="drop_newest")
    delivery.drops.notify = lambda text, counts: line(f"{text} {dict(counts)}")
    delivery.deliver(line(0))
    env.run(until=env.time + 1)

    assert sink.got == [b"0", b"1", b"2", b"3 events dropped here: queue full {'queue_full': 3}"]
    assert balanced(delivery.account) == SinkLedger(7, 4, {"queue_full": 3}, 0)


def test_what_a_store_lost_by_itself_is_told_in_the_stream_too(env: VirtualEnv) -> None:
    sink = Scripted(env)
    delivery = virtual(sink, env)
    delivery.drops.notify = lambda text, counts: line(text)
    cell = delivery.account.cell()
    cell.accepted += 7
    cell.dropped["process_died"] += 7  # as a journal does with what it adopts
    delivery.deliver(line(0))
    env.run(until=env.time + 5)

    assert sink.got == [b"0", b"7 events dropped here: the process died"]


def test_notices_come_ten_seconds_apart_and_the_last_one_before_the_end(env: VirtualEnv) -> None:
    sink = Scripted(env)
    delivery = virtual(sink, env, queue=Size(201), when_full="drop_newest")
    delivery.drops.notify = lambda text, counts: line("!", 30)

    def crowd() -> None:
        for number in range(3):
            delivery.deliver(line(number))

    for _ in range(20):
        crowd()
        env.run(until=env.time + 1)
    notices = [time for time, batch in sink.attempts if batch == [b"!"]]
    assert len(notices) == 2
    assert notices[1] - notices[0] >= 10

    crowd()
    assert delivery.close(env.time + 5)
    assert sink.got[-1] == b"!"
    assert balanced(delivery.account).dropped == {"queue_full": 42}


def test_a_notice_that_cannot_be_made_costs_itself_alone(env: VirtualEnv) -> None:
    def broken(text: str, counts: object) -> object:
        raise ZeroDivisionError

    delivery = virtual(Scripted(env), env, queue=Size(201), when_full="drop_newest")
    delivery.drops.notify = broken
    delivery.deliver(line(0))
    delivery.deliver(line(1))
    env.run(until=env.time + 20)
    delivery.deliver(line(2))
    env.run(until=env.time + 20)

    assert balanced(delivery.account).delivered == 2
    assert fault_counts()["format.failed", "out"] == 1


def test_when_records_begin_and_cease_to_give_way_is_told(env: VirtualEnv) -> None:
    sink = Scripted(env)
    delivery = virtual(sink, env, queue=Size(10 * 201), batch=2, batch_wait=Duration("1 s"))
    for number in range(12):
        delivery.deliver(line(number))
    assert fault_counts()["shedding.started", "out"] == 1
    assert ("shedding.ended", "out") not in fault_counts()

    env.run(until=env.time + 10)

    assert fault_counts()["shedding.ended", "out"] == 1


# -- the end ----------------------------------------------------------------------------------------------------------


def test_when_it_ends_it_tries_as_often_as_is_decent_and_no_longer(env: VirtualEnv) -> None:
    sink = Scripted(env, *[Unavailable("down")] * 100)
    delivery = virtual(sink, env)
    delivery.deliver(line("a"))
    env.run(until=env.time + 100)
    before = len(sink.attempts)

    assert delivery.close(env.time + 1) is False

    assert 8 <= len(sink.attempts) - before <= 12
    assert balanced(delivery.account).dropped == {"shutdown_deadline": 1}


def test_it_ends_at_once_when_the_sink_may_not_be_asked_before_the_deadline(env: VirtualEnv) -> None:
    sink = Scripted(env, Unavailable("slow down", retry_after=60))
    delivery = virtual(sink, env)
    delivery.deliver(line("a"))
    env.run(until=env.time + 1)
    delivery.begin_close(env.time + 5)

    assert delivery.worker.turn() == END
    assert len(sink.attempts) == 1


def test_it_waits_for_what_the_sink_asked_if_there_is_time(env: VirtualEnv) -> None:
    sink = Scripted(env, Unavailable("slow down", retry_after=3))
    delivery = virtual(sink, env)
    delivery.deliver(line("a"))
    env.run(until=env.time + 1)

    assert delivery.close(env.time + 5)
    assert times(sink) == [0, 3]


def test_after_closed_the_fallback_gets_what_waits_and_what_comes(env: VirtualEnv) -> None:
    rescue = RecordingSink()
    delivery = virtual(Scripted(env, Closed("401", delivered=1)), env)
    delivery.drops.fallback = InlineDelivery(GuardedSink("rescue", rescue), SinkAccount("rescue"))
    for number in range(3):
        delivery.deliver(line(number))
    env.run(until=env.time + 1)
    delivery.deliver(line(3))
    env.run(until=env.time + 1)

    assert rescue.texts == ["1", "2", "3"]
    assert balanced(delivery.account) == SinkLedger(4, 1, {"closed": 3}, 0, diverted=3)


def test_an_error_from_where_none_is_expected_costs_the_batch_that_was_tried(env: VirtualEnv) -> None:
    sink = Scripted(env, KeyboardInterrupt())
    delivery = virtual(sink, env)
    delivery.deliver(line("a"))
    assert delivery.worker._goes_on(standing_in=False)
    delivery.deliver(line("b"))
    env.run(until=env.time + 1)

    assert sink.got == [b"b"]
    assert balanced(delivery.account) == SinkLedger(2, 1, {"plugin_error": 1}, 0)


def test_an_interrupt_of_the_thread_that_stands_in_passes_and_nothing_is_dropped(env: VirtualEnv) -> None:
    sink = Scripted(env, KeyboardInterrupt())
    delivery = virtual(sink, env)
    delivery.deliver(line("a"))
    with pytest.raises(KeyboardInterrupt):
        delivery.worker.run(standing_in=True)

    assert balanced(delivery.account) == SinkLedger(1, 0, {}, 1)
    env.run(until=env.time + 1)
    assert sink.got == [b"a"]


def test_a_store_that_fails_is_asked_again_later_and_not_as_fast_as_it_can(
    env: VirtualEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = virtual(Scripted(env), env)
    delivery.deliver(line("a"))
    with monkeypatch.context() as patch:
        patch.setattr(delivery._store, "take", lambda most: 1 / 0)
        assert delivery.worker._goes_on(standing_in=False)
        with pytest.raises(ZeroDivisionError):
            delivery.worker.turn()
        assert fault_counts()["worker.failed", "out"] == 1
    assert 0 < delivery.worker.turn() <= 0.5
    env.run(until=env.time + 1)

    assert balanced(delivery.account).delivered == 1


def test_some_delivered_some_refused_and_the_rest_kept_are_each_counted_once(env: VirtualEnv) -> None:
    sink = Scripted(env, Unavailable("slow down", retry_after=1, delivered=3, rejected=[1]), Rejected("two", count=2))
    delivery = virtual(sink, env)
    for number in range(10):
        delivery.deliver(line(number))
    env.run(until=env.time + 5)

    assert balanced(delivery.account) == SinkLedger(10, 7, {"rejected": 3}, 0, redelivered=7)


def test_a_forked_child_asks_no_earlier_than_its_parent_was_allowed_to(env: VirtualEnv) -> None:
    sink = Scripted(env, Unavailable("slow down", retry_after=60))
    delivery = virtual(sink, env)
    delivery.deliver(line("parent"))
    env.run(until=env.time + 1)
    delivery.after_fork_in_child()
    delivery.deliver(line("child"))
    env.run(until=env.time + 100)

    assert times(sink) == [0, 60]
    assert sink.got == [b"child"]


@pytest.mark.parametrize("again", ["close", "flush"])
def test_what_is_closed_with_something_left_in_its_spool_waits_for_nothing(
    env: VirtualEnv, tmp_path: Path, again: str
) -> None:
    journal = Journal(SinkAccount("out"), tmp_path, size=1_000_000, memory=1_000, when_full="shed", sync=NOTHING)
    journal.open()
    delivery = virtual(Scripted(env, *[Unavailable("away")] * 100), env, journal)
    delivery.deliver(line("a"))
    assert delivery.close(env.time + 1) is False
    before = env.time

    assert getattr(delivery, again)(env.time + 1_000) is False
    assert env.time == before
    assert balanced(delivery.account).pending == 1
