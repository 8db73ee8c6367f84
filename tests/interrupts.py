"""A KeyboardInterrupt at each place of Penstock where the interpreter looks for signals, one place after the other."""

from __future__ import annotations

import dis
import itertools
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

import pytest

_LOOKS: set[str] = {"RESUME", "CALL", "CALL_KW", "CALL_FUNCTION_EX", "JUMP_BACKWARD"}
"""Behind these instructions it looks; behind a call only if that was of a function written in C."""


def everywhere(prepare: Callable[[], Callable[[], object]]) -> Iterator[str]:
    """Yield where what *prepare* returns was interrupted, until there is no place left in it."""
    if sys.version_info[:2] == (3, 12):
        pytest.skip("CPython 3.12 reports the instructions behind an exception in another order")
    for _ in range(3):  # what is kept for later is made now: the way is the same each time
        prepare()()
    for place in itertools.count(1):
        where = _interrupted(prepare(), place)
        if where is None:
            return
        yield where


def _interrupted(call: Callable[[], object], place: int) -> str | None:
    before = sys.gettrace()
    interrupt = _Interrupt(place)
    sys.settrace(interrupt.trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return interrupt.where


class _Interrupt:
    """Interrupts once, at the place that has the number *place*."""

    def __init__(self, place: int) -> None:
        self.where: str | None = None
        self._left = place
        self._last: dict[FrameType, str] = {}
        self._callers: set[FrameType | None] = set()

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if self.where is not None or not str(frame.f_globals.get("__name__")).startswith("penstock"):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "call":
            self._callers.add(frame.f_back)
        elif event == "opcode" and self._looks(frame):
            self._left -= 1
            if not self._left:
                self.where = f"{frame.f_code.co_qualname}, line {frame.f_lineno}"
                raise KeyboardInterrupt
        return self.trace

    def _looks(self, frame: FrameType) -> bool:
        now = dis.opname[_instructions(frame.f_code)[frame.f_lasti]]
        last, self._last[frame] = self._last.get(frame, ""), now
        was_of_python = frame in self._callers
        self._callers.discard(frame)
        return last in _LOOKS and now != "PUSH_EXC_INFO" and not (was_of_python and last.startswith("CALL"))


def _instructions(code: CodeType) -> bytes:
    return code.co_code
