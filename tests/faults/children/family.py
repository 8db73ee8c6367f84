"""Family: a program whose processes are started by multiprocessing; they say numbered texts and simply return."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from typing import Any

from saying import Speaker, order, tell, wait_for_go

_speakers: list[Speaker] = []


def be_child(asked: Mapping[str, Any], worker: int) -> None:
    """Say what a child says; one that was not forked has to configure first, as its parent did."""
    speaker = _speakers[0] if _speakers else Speaker(asked)
    speaker.work_for(worker, asked["more"]["each"])


def main() -> None:
    """Start as many processes as ordered."""
    asked = order()
    _speakers.append(speaker := Speaker(asked))
    tell(ready=True)
    wait_for_go()
    context = multiprocessing.get_context(asked["more"]["how"])
    first, count = asked["first"] + 1, asked["more"]["processes"]
    speaker.work_for(asked["first"], asked["more"]["each"])
    children = [context.Process(target=be_child, args=(asked, worker)) for worker in range(first, first + count)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    speaker.report(codes=[child.exitcode for child in children])


if __name__ == "__main__":
    main()
