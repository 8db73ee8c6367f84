"""Story: what happens in the demo; a running river in, facts out; the main thread; whatever goes wrong is a finding.

Every number here is counted or measured while the river runs. The program's side (`penstock.get_logger`, spans) and the
river are the real ones; only the shop is invented.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from time import monotonic, perf_counter, sleep
from typing import Any, Final, NamedTuple

import penstock
from penstock_cli.demo import sinks

TOKEN: Final = "tok_live_51H8xY"
"""Invented, so that something can be seen to be hidden."""
_ROUND: Final = 0.05
"""Seconds between two rounds of alerts."""
_ALERTS: Final = 8_000
"""At most so many: 4 MB of the queue's 16, so that none has to give way."""
_BURST: Final = 200


class Counts:
    """What the demo emitted, by the pipeline it was meant for.

    Attributes:
        trades: Log events about trades.
        alerts: Alerts.
        requests: Spans.
    """

    def __init__(self) -> None:
        self.trades = 0
        self.alerts = 0
        self.requests = 0

    @property
    def events(self) -> int:
        """All events: a span is two of them, its start and its end."""
        return self.trades + self.alerts + 2 * self.requests


class Outage(NamedTuple):
    """What the outage of a sink looked like from the program's side."""

    seconds: float
    waiting_max: int
    recovered: bool
    retries: int
    events_per_second: float
    """As fast as the program emitted, between its pauses."""
    emit_p95_us: float


class Story:
    """The demo while it runs.

    Args:
        seconds: How long all of it should take.
        hide: Whether a redactor is there; without one no token is emitted.
        tell: Called with the number that waits and the facts so far, some times during the outage.
        go_on: Called between any two steps, never inside of one; raises to end the story.

    Attributes:
        counts: What was emitted.
        span: The last request, as a handler of the event `web.request.stop` saw it.
    """

    def __init__(
        self,
        seconds: float,
        hide: bool,
        tell: Callable[[int, int, float, float], object],
        go_on: Callable[[], None],
    ) -> None:
        self.counts = Counts()
        self.span: dict[str, object] = {}
        self._seconds = seconds
        self._hide = hide
        self._tell = tell
        self._may_go_on = go_on
        self._took: list[float] = []
        self._trade = penstock.get_logger("trade.desk", desk="spot")
        self._alert = penstock.get_logger("alert.risk")

    # -- business as usual --------------------------------------------------------------------------------------------

    def business(self) -> None:
        """Trade, and answer requests."""
        penstock.attach("penstock-demo", "web.request.stop", self._keep)
        try:
            self._opened()
            until = monotonic() + self._seconds * 0.4
            while True:
                self._request()
                self._fill()
                if monotonic() >= until:
                    break
                self._pause(min(self._seconds / 25, until - monotonic()))
        finally:
            penstock.detach("penstock-demo")

    def _opened(self) -> None:
        token = {"token": TOKEN} if self._hide else {}
        self._trade.notice("market opened", venue="XDEM", **token)
        self.counts.trades += 1

    def _fill(self) -> None:
        side = random.choice(("buy", "sell"))
        symbol = random.choice(("AAPL", "MSFT", "SAP", "TSLA"))
        self._trade.info("order filled", side=side, symbol=symbol, qty=random.randint(1, 500))
        self.counts.trades += 1

    def _request(self) -> None:
        path = random.choice(("/orders", "/quotes", "/positions"))
        with penstock.span("web.request", method="GET", path=path) as request:
            sleep(random.uniform(0.002, 0.02))
            request.measure(rows=random.randint(1, 50)).add(status=200)
        self.counts.requests += 1

    def _keep(self, event: str, measurements: Mapping[str, Any], metadata: Mapping[str, Any], _: object) -> None:
        shown = {"duration_ms": round(measurements["duration"] / 1e6, 3), "rows": measurements["rows"]}
        self.span = {"event": event, **shown, "path": metadata["path"], "status": metadata["status"]}

    # -- an outage ----------------------------------------------------------------------------------------------------

    def outage(self) -> Outage:
        """Take the alert service down, go on emitting, bring it back, and wait until all is delivered."""
        before = sinks.SERVICE.refused
        began = monotonic()
        sinks.SERVICE.up = False
        waiting_max = self._go_on(began + self._seconds * 0.4)
        self._until_noticed(before)
        sinks.SERVICE.up = True
        down = monotonic() - began
        drained = penstock.flush(10.0)
        return Outage(
            seconds=down,
            waiting_max=waiting_max,
            recovered=drained and penstock.ledger()["alerts"].pending == 0,
            retries=sinks.SERVICE.refused - before,
            events_per_second=self._rate(),
            emit_p95_us=self._p95(),
        )

    def _go_on(self, until: float) -> int:
        """Emit rounds of alerts until then, and a trade now and then; return how many alerts waited at most."""
        waiting_max = rounds = 0
        every = max(1, round((until - monotonic()) / _ROUND / 4))
        while monotonic() < until or not rounds:
            self._alerts(min(_BURST, _ALERTS - self.counts.alerts))
            waiting = penstock.ledger()["alerts"].pending
            waiting_max = max(waiting_max, waiting)
            rounds += 1
            if rounds % every == 1 % every:
                self._fill()
                self._tell(waiting, sinks.SERVICE.refused, self._rate(), self._p95())
            self._pause(_ROUND)
        return waiting_max

    def _alerts(self, count: int) -> None:
        for _ in range(count):
            number = self.counts.alerts = self.counts.alerts + 1
            token = {"token": TOKEN} if self._hide else {}
            start = perf_counter()
            self._alert.error("margin below limit", number=number, account="4711", **token)
            self._took.append(perf_counter() - start)

    def _until_noticed(self, before: int) -> None:
        """Wait until the sink has met the outage, however busy the machine is."""
        until = monotonic() + 5.0
        while sinks.SERVICE.refused == before and monotonic() < until:
            self._pause(0.01)

    # -- time ---------------------------------------------------------------------------------------------------------

    def _pause(self, seconds: float) -> None:
        until = monotonic() + seconds
        self._may_go_on()
        while (left := until - monotonic()) > 0:
            sleep(min(left, _ROUND))
            self._may_go_on()

    def _rate(self) -> float:
        return len(self._took) / sum(self._took) if self._took else 0.0

    def _p95(self) -> float:
        ordered = sorted(self._took)
        return ordered[int(0.95 * (len(ordered) - 1))] * 1e6 if ordered else 0.0
