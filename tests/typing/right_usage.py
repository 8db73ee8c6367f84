"""What users and plugin authors write; it passes the strictest type checkers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from attrs import define, field

import penstock
from penstock.plugin import Duration, Event, Format, Record, Secret, Sink, Size, Stage, Unavailable, hookimpl

log = penstock.get_logger("shop", shop="north")
log.info("sold", qty=2, event="any word is a field", level="as well")
log.bind(order=7).unbind("order").exception("failed")
if log.enabled("debug"):
    log.log("debug", "only now", value=1)

runtime = penstock.configure(Path("penstock.toml"), profile="production", strict=True)
clean: bool = penstock.flush(1.0) and penstock.shutdown()
delivered: int = penstock.ledger()["file"].delivered
dropped: Mapping[str, int] = penstock.ledger()["file"].dropped
offered: int = penstock.ledger().pipelines["all"].offered
token: str = penstock.secret("token")


def on_stop(event: str, measurements: Mapping[str, object], metadata: Mapping[str, object], config: object) -> None:
    """Take an event."""


penstock.attach("mine", ["db.query.stop"], on_stop, {"over": 1})
found: bool = penstock.detach("mine")
penstock.execute("db.query", {"rows": 1}, {"table": "orders"}, level="info")


@penstock.span("db.query", table="orders")
def query(table: str) -> int:
    """Return a number."""
    with penstock.span("inner") as span, penstock.context(request_id="r"):
        span.measure(rows=3).add(cached=True)
    return 1


@penstock.catch(ValueError, default=0)
async def later(number: int) -> int:
    """Return a number, later."""
    return number


rows: int = query("orders")
number: int = asyncio.run(later(3))

with penstock.testing.capture() as events:
    log.info("sold")
first: Event = events[0]
has: bool = events.has("sold", qty=2)


@define(kw_only=True)
class PagerSink:
    """Pages somebody."""

    default_format: ClassVar[str] = "plain"
    token: Secret = field(metadata={"doc": "The gateway's token."})
    limit: Size = field(default=Size("1 kB"), metadata={"doc": "Longest page."})

    def write(self, batch: Sequence[Record], /) -> None:
        """Page."""
        for index, record in enumerate(batch):
            if len(record.data) > self.limit:
                raise Unavailable("too long", retry_after=Duration("5 s"), delivered=index)


class Upper:
    """A format."""

    def format(self, event: Event, /) -> bytes:
        """Return bytes."""
        return event.message.upper().encode()


class Sample:
    """A stage."""

    def emit(self, event: Event, /) -> Event | None:
        """Let warnings pass."""
        return event if event.level >= 30 else None


sink: Sink = PagerSink(token=Secret("x"))
upper: Format = Upper()
sample: Stage = Sample()


@hookimpl
def penstock_sink() -> Mapping[str, type[Sink]]:
    """Offer it."""
    return {"pager": PagerSink}
