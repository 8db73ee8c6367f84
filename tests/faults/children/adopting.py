"""Adopting: a program that opens a journal, tells what it found there, and ends when it is told to."""

from __future__ import annotations

from pathlib import Path

from saying import order, tell, wait_for_go

from spools import Journals, take


def main() -> None:
    """Open it at the same moment as the others."""
    more = order()["more"]
    journals = Journals(more["kind"], Path(more["folder"]))
    tell(ready=True)
    wait_for_go()
    journal = journals.open(**more["options"])
    tell(found=take(journal), accepted=journals.ledger(journal).accepted)
    wait_for_go()
    journal.settle(len(journal))
    journal.close("shutdown_deadline")


if __name__ == "__main__":
    main()
