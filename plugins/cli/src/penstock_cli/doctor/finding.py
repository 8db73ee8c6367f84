"""Finding: what a check says; a topic and words in, a line out; any thread; nothing is decided here."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

State: TypeAlias = Literal["fine", "note", "warning", "wrong"]


class Finding(NamedTuple):
    """One answer.

    Attributes:
        topic: What it is about, in a word.
        state: ``fine``; ``note``, good to know; ``warning``, works but not well; ``wrong``.
        text: The answer.
        hint: What to do next; empty where there is nothing to do.
    """

    topic: str
    state: State
    text: str
    hint: str = ""
