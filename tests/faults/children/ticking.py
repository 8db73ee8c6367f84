"""Ticking: a program that says a numbered text now and then, and tells at its end at which moment it said each."""

from __future__ import annotations

from time import monotonic_ns, sleep

from numbered import text
from saying import Speaker, order, tell, wait_for_go


def main() -> None:
    """Say as many texts as ordered, with a pause before each."""
    speaker = Speaker(order())
    tell(ready=True)
    wait_for_go()
    moments = []
    for number in range(speaker.asked["count"]):
        sleep(speaker.asked["pause"])
        speaker.board.issue(0, number + 1)
        moments.append(monotonic_ns())
        speaker.mouth.say(text(0, number, long=False))
        speaker.board.acknowledge(0, number + 1)
    speaker.flush()
    speaker.mouth.end()
    speaker.report(moments=moments)


if __name__ == "__main__":
    main()
