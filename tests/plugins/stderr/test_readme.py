"""The sample in the README is what the format writes."""

from __future__ import annotations

import re
from pathlib import Path

from penstock.plugin import Event, Failure
from penstock_stderr.format import ConsoleFormat

README = Path(__file__).resolve().parents[3] / "plugins/stderr/README.md"
STACK = """Traceback (most recent call last):
  File "/srv/shop/payment.py", line 42, in pay
    gateway.charge(card)
shop.errors.Refused: the card was refused"""
START = 1_700_051_696_000_000_000  # 12:34:56 UTC


def at(milliseconds: int, level: int, name: str, message: str, /, **fields: object) -> Event:
    return Event(name, message, level, time_ns=START + milliseconds * 1_000_000, fields=fields)


def test_the_sample_is_what_the_format_writes() -> None:
    failed = at(1_250, 40, "shop.payment", "payment failed", order=18)
    failed.error = Failure("shop.errors.Refused", "the card was refused", STACK)
    stop = at(803, 10, "web.request.stop", "").replace(
        measurements={"duration": 1_234_567},
        metadata={"path": "/pay", "status": 200, "telemetry_span_context": 12},
    )
    events = [
        at(789, 20, "shop.payment", "card charged", order=17, amount=12.5, note="two words"),
        at(791, 25, "shop.server", "listening", url="http://127.0.0.1:8000/"),
        stop,
        at(1_004, 30, "urllib3.connectionpool", "Retrying GET /", attempts=2, host="bank.example"),
        failed,
        at(1_251, 20, "shop.payment", "odd input", name="a\nb\x1b[2J", code="17"),
    ]
    console = ConsoleFormat(color="never", time="utc")
    written = "\n".join(console.format(event).decode() for event in events)
    sample = re.search(r"```text\n(.*?)\n```", README.read_text(), re.DOTALL)

    assert sample is not None
    assert re.sub(r"^(\S+)Z ", r"\1 ", written, flags=re.MULTILINE) == sample[1]
