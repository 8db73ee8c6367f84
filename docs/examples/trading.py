"""Trading: what a trading program says, into three files and onto the console; see trading.toml beside this file.

Run it, then look into `logs/`: everything is in `general.jsonl`, what was traded in `trade.jsonl`, what went wrong in
`error.jsonl`. This program knows none of that: it says what happens, and the TOML decides where it goes.
"""

from __future__ import annotations

from pathlib import Path

import penstock

log = penstock.get_logger("strategy.momentum")


class RefusedError(Exception):
    """The venue did not take an order."""


def trade(order: int, symbol: str, quantity: int, price: float) -> None:
    """Send one order."""
    with penstock.context(order=order), penstock.span("trade.order", symbol=symbol) as span:
        log.info("order sent", symbol=symbol, quantity=quantity, account="DE-4711", token="s3cr3t-of-the-venue")
        if quantity > 100:
            raise RefusedError("more than the limit of 100")
        penstock.execute("trade.filled", {"quantity": quantity, "price": price}, {"symbol": symbol}, level="info")
        span.add(status="filled")


def main() -> None:
    """Trade for a moment."""
    with penstock.configure(Path(__file__).with_name("trading.toml")):
        log.notice("market open")
        for order, (symbol, quantity) in enumerate([("SAP", 10), ("BMW", 25), ("RWE", 500), ("BAS", 40)], start=1):
            penstock.execute("trade.heartbeat", {"orders": order}, level="info")
            try:
                trade(order, symbol, quantity, price=100.0 + order)
            except RefusedError:
                log.exception("order refused", symbol=symbol)
        log.notice("market closed")


if __name__ == "__main__":
    main()
