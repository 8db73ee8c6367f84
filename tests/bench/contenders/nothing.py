"""Nothing at all: what the loop around the events costs by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from bench.event import Case, Contender, Form


class Nothing(Contender):
    """The loop, and the exception that is caught in it."""

    name: ClassVar[str] = "nothing"
    form: ClassVar[Form] = Form(note="the loop alone")

    def __init__(self, path: Path, case: Case) -> None:
        pass

    def emit(self, numbers: Iterable[int]) -> None:
        """Say nothing."""
        for _ in numbers:
            pass

    def emit_error(self, numbers: Iterable[int], fail: Callable[[], None]) -> None:
        """Raise, and say nothing."""
        for _ in numbers:
            try:
                fail()
            except ValueError:
                continue

    def close(self) -> None:
        """Do nothing."""


CONTENDERS = (Nothing,)
