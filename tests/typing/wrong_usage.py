"""What a type checker has to refuse: each line is marked, and an unneeded mark is an error itself."""

from __future__ import annotations

import penstock
from penstock.plugin import Event, Format, Sink, Stage

log = penstock.get_logger("shop")
log.info("sold", 2)  # type: ignore[call-arg]
log.info(message="sold")  # type: ignore[call-arg]
log.log("info")  # type: ignore[call-arg]
penstock.attach("mine", "some.event", lambda: None)  # type: ignore[arg-type, misc]
penstock.execute("some.event", 3)  # type: ignore[arg-type]
penstock.set_level("debug", "shop")  # type: ignore[call-arg]
penstock.configure(source="x.toml")  # type: ignore[call-arg]
penstock.flush("5 s")  # type: ignore[arg-type]
delivered: str = penstock.ledger()["file"].delivered  # type: ignore[assignment]


class WritesOne:
    """Takes a record, not a batch."""

    def write(self, record: bytes, /) -> None:
        """Take it."""


class Prints:
    """Returns text, not bytes."""

    def format(self, event: Event, /) -> str:
        """Return text."""
        return event.message


class Answers:
    """Returns a bool, not an event."""

    def emit(self, event: Event, /) -> bool:
        """Return whether."""
        return bool(event.message)


sink: Sink = WritesOne()  # type: ignore[assignment]
wrong_format: Format = Prints()  # type: ignore[assignment]
stage: Stage = Answers()  # type: ignore[assignment]
