"""Say: a program whose threads say numbered texts until they are told to stop, and which ends as it is told to."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from time import sleep

from saying import Speaker, order, tell, wait_for_go


def flush_and_report(speaker: Speaker) -> None:
    """Wait for what was said, let go of the library, tell the judge, and come to the end of the program."""
    flushed = speaker.flush()
    speaker.mouth.end()
    speaker.report(flushed=flushed)


def report_at_once(speaker: Speaker) -> None:
    """Tell the judge, without waiting for what was said, and come to the end of the program."""
    speaker.report()


def end_of_main(speaker: Speaker) -> None:
    """Come to the end of the program."""


def sys_exit(speaker: Speaker) -> None:
    """Leave by sys.exit."""
    sys.exit(0)


def sys_exit_in_a_thread(speaker: Speaker) -> None:
    """Leave a thread by sys.exit, which is not the program's end."""
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()


def exception_in_main(speaker: Speaker) -> None:
    """End by an exception that nobody catches."""
    raise RuntimeError("the end of this program")


def interrupt(speaker: Speaker) -> None:
    """End by a KeyboardInterrupt."""
    os.kill(os.getpid(), signal.SIGINT)
    sleep(60)


def sigterm(speaker: Speaker) -> None:
    """End by SIGTERM, whose default runs no Python any more."""
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(60)


def sigterm_handled(speaker: Speaker) -> None:
    """End by SIGTERM as servers do: its handler raises SystemExit."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.kill(os.getpid(), signal.SIGTERM)
    sleep(60)


def late_words(speaker: Speaker) -> None:
    """Say more from a function that runs at exit, before the library's own."""
    atexit.register(say_more, speaker)


def last_words(speaker: Speaker) -> None:
    """Say more from a function that runs at exit, after the library's own: `main` has registered it."""


def say_more(speaker: Speaker) -> None:
    """Say ten texts more."""
    speaker.asked = {**speaker.asked, "count": speaker.asked["count"] + 10}
    speaker.work(speaker.asked["first"])


def leave_at_once(speaker: Speaker) -> None:
    """End by os._exit."""
    os._exit(0)


def abort(speaker: Speaker) -> None:
    """End by SIGABRT."""
    os.abort()


ENDS = {
    one.__name__: one
    for one in (
        flush_and_report,
        report_at_once,
        end_of_main,
        sys_exit,
        sys_exit_in_a_thread,
        exception_in_main,
        interrupt,
        sigterm,
        sigterm_handled,
        late_words,
        last_words,
        leave_at_once,
        abort,
    )
}


def main() -> None:
    """Say what was ordered."""
    speakers: list[Speaker] = []
    if order()["end"] == "last_words":
        atexit.register(lambda: say_more(speakers[0]))
    speakers.append(speaker := Speaker(order()))
    tell(ready=True, threads={thread.name: thread.native_id for thread in threading.enumerate()})
    wait_for_go()
    daemon = speaker.asked["daemon"]
    if speaker.asked["threads"] == 1 and not daemon:
        speaker.work(speaker.asked["first"])  # here, so that an injector knows the thread
    elif not daemon:
        for thread in speaker.start():
            thread.join()
    else:
        speaker.start(daemon=True)
        while speaker.board.all_acknowledged < speaker.asked["more"]["until"]:
            sleep(0.001)
    ENDS[speaker.asked["end"]](speaker)


if __name__ == "__main__":
    main()
