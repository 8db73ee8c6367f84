"""Fork: a program that forks under load; children say numbered texts, and end as forked children do.

The main thread forks, one child after another or several at a time, while threads of the parent say texts as fast as
they can. A child that does not end in time counts as hung, and is killed.
"""

from __future__ import annotations

import os
import signal
from time import monotonic, perf_counter_ns, sleep

from saying import Speaker, order, tell, wait_for_go

_TOGETHER = 4
"""Children at a time."""


def be_child(speaker: Speaker, worker: int) -> None:
    """Say what a child says, and end without the interpreter's help, as children of os.fork often do."""
    speaker.work_for(worker, speaker.asked["more"]["each"])
    done = speaker.mouth.flush()
    if done:
        speaker.board.acknowledge(worker, speaker.board.issued(worker))
    balanced = speaker.mouth.accounts().get("balanced", True)
    os._exit(0 if done and balanced else 1)


def reap(children: dict[int, float], patience: float, at_most: int) -> tuple[int, int]:
    """Wait until at most so many children are left; return how many hung and how many failed."""
    hung = failed = 0
    while len(children) > at_most:
        for pid, begun in list(children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                failed += os.waitstatus_to_exitcode(status) != 0
            elif monotonic() - begun > patience:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                hung += 1
            else:
                continue
            del children[pid]
        sleep(0.0005)
    return hung, failed


def main() -> None:
    """Fork as often as ordered."""
    speaker = Speaker(order())
    asked = speaker.asked
    tell(ready=True)
    wait_for_go()
    threads = speaker.start()
    busy = range(asked["threads"])
    while not all(speaker.board.issued(worker) for worker in busy):
        sleep(0.0005)
    before = sum(speaker.board.issued(worker) for worker in busy)
    children: dict[int, float] = {}
    hung = failed = 0
    took = []
    for number in range(asked["more"]["forks"]):
        begun = perf_counter_ns()
        pid = os.fork()
        if pid == 0:
            be_child(speaker, asked["threads"] + number)
        took.append((perf_counter_ns() - begun) / 1e6)
        children[pid] = monotonic()
        more_hung, more_failed = reap(children, asked["patience"], _TOGETHER)
        hung, failed = hung + more_hung, failed + more_failed
    meanwhile = sum(speaker.board.issued(worker) for worker in busy) - before
    more_hung, more_failed = reap(children, asked["patience"], 0)
    speaker.board.stop()
    for thread in threads:
        thread.join()
    speaker.flush()
    took.sort()
    facts = {"hung": hung + more_hung, "failed": failed + more_failed, "meanwhile": meanwhile}
    speaker.report(**facts, fork=took[int(0.99 * len(took))])


if __name__ == "__main__":
    main()
