"""The context that contenders without one of their own are given: a ContextVar, as a program would write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from bench.event import CONTEXT

context: ContextVar[Mapping[str, object]] = ContextVar("context")


@contextmanager
def bind() -> Iterator[None]:
    """Bind `CONTEXT` for a block."""
    token = context.set(CONTEXT)
    try:
        yield
    finally:
        context.reset(token)
