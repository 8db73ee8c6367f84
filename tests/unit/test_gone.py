"""What gave way can still be had by a fallback, after its file is gone."""

from __future__ import annotations

from pathlib import Path

from penstock.river.spool.gone import Gone
from spools import ON_DISK, Journals, entry, numbers


def test_what_was_kept_in_memory_is_there_without_a_file() -> None:
    gone = Gone(2, [entry(0), entry(1)])

    assert len(gone) == 2
    assert numbers(gone) == [0, 1]
    assert gone[1] == entry(1)
    assert gone[:1] == [entry(0)]


def test_what_was_in_a_file_alone_is_read_although_it_is_removed(tmp_path: Path) -> None:
    journals = Journals(ON_DISK, tmp_path / "spool")
    first = journals.open()
    for number in range(5):
        first.put(entry(number))
    first.close("shutdown_deadline")
    second = journals.open()
    (segment,) = second._backlog.segments()

    gone = Gone.of(segment)
    segment.where.unlink()

    assert len(gone) == 5
    assert numbers(gone) == [0, 1, 2, 3, 4]
    journals.close()


def test_what_was_settled_before_is_not_among_it(tmp_path: Path) -> None:
    journals = Journals(ON_DISK, tmp_path / "spool")
    first = journals.open()
    for number in range(5):
        first.put(entry(number))
    first.take(2)
    first.settle(2)
    first.close("shutdown_deadline")
    second = journals.open()
    (segment,) = second._backlog.segments()

    assert numbers(Gone.of(segment)) == [2, 3, 4]
    journals.close()


def test_a_file_that_cannot_be_opened_any_more_has_nothing(tmp_path: Path) -> None:
    journals = Journals(ON_DISK, tmp_path / "spool")
    first = journals.open()
    first.put(entry(0))
    first.close("shutdown_deadline")
    second = journals.open()
    (segment,) = second._backlog.segments()
    segment.where.unlink()

    gone = Gone.of(segment)

    assert list(gone) == []
    assert len(gone) == 1
    journals.close()
