"""Report: what the pipe says when it ends; counts and accounts in, a text out; the main thread; it does not fail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from signal import Signals
from typing import final

from attrs import frozen

from penstock import PipelineLedger, SinkLedger
from penstock.plugin import escape_controls
from penstock_cli.pipe.intake import Counts


@final
@frozen(kw_only=True)
class Report:
    """Everything that is known at the end.

    Attributes:
        counts: Lines.
        sinks: What became of their events, by sink.
        pipelines: And by pipeline.
        signal: The signal that ended the pipe, or None.
        exit: Exit code of the wrapped command, or None if there was none.
    """

    counts: Counts
    sinks: Mapping[str, SinkLedger]
    pipelines: Mapping[str, PipelineLedger]
    signal: int | None
    exit: int | None

    @property
    def delivered(self) -> int:
        """How often an event got to a sink."""
        return sum(sink.delivered for sink in self.sinks.values())

    @property
    def dropped(self) -> int:
        """How often a sink dropped one."""
        return sum(map(_dropped, self.sinks.values()))

    @property
    def lost(self) -> int:
        """How many of the dropped no fallback took."""
        return self.dropped - sum(sink.diverted for sink in self.sinks.values())

    def as_json(self) -> str:
        """Return the report as one line of JSON."""
        counts = self.counts
        return json.dumps(
            {
                "v": 1,
                "in": counts.lines,
                "delivered": self.delivered,
                "dropped": self.dropped,
                "lost": self.lost,
                "pending": sum(sink.pending for sink in self.sinks.values()),
                "unparsed": counts.unparsed,
                "cut": counts.cut,
                "invalid_utf8": counts.invalid_utf8,
                "signal": None if self.signal is None else Signals(self.signal).name,
                "exit": self.exit,
                "sinks": {name: _sink(sink) for name, sink in self.sinks.items()},
                "pipelines": {name: _pipeline(pipeline) for name, pipeline in self.pipelines.items()},
            }
        )

    def as_text(self) -> str:
        """Return the report for a person: a line for what came in, and one for each sink."""
        lines = [f"penstock pipe: {', '.join(self._told())}"]
        lines += [f"  {escape_controls(name)}: {_words(sink)}" for name, sink in self.sinks.items()]
        return "\n".join(lines)

    def _told(self) -> Sequence[str]:
        counts = self.counts
        told = [f"{counts.lines} {'line' if counts.lines == 1 else 'lines'} in"]
        marks = ((counts.unparsed, "unparsed"), (counts.cut, "cut"), (counts.invalid_utf8, "not UTF-8"))
        told += [f"{count} of them {text}" for count, text in marks if count]
        if self.signal is not None:
            told.append(f"ended by {Signals(self.signal).name}")
        if self.exit:
            told.append(f"the command exited with {self.exit}")
        return told


def _dropped(sink: SinkLedger) -> int:
    return sum(sink.dropped.values())


def _sink(sink: SinkLedger) -> dict[str, object]:
    return {
        "accepted": sink.accepted,
        "delivered": sink.delivered,
        "dropped": dict(sink.dropped),
        "diverted": sink.diverted,
        "pending": sink.pending,
    }


def _pipeline(pipeline: PipelineLedger) -> dict[str, object]:
    return {"offered": pipeline.offered, "gated": dict(pipeline.gated), "accepted": pipeline.accepted}


def _words(sink: SinkLedger) -> str:
    words = [f"{sink.delivered} delivered", f"{_dropped(sink)} dropped"]
    if sink.dropped:
        words[-1] += f" ({', '.join(f'{reason} {count}' for reason, count in sink.dropped.items())})"
    if sink.diverted:
        words.append(f"{sink.diverted} of these to the fallback")
    if sink.pending:
        words.append(f"{sink.pending} pending")
    return ", ".join(words)
