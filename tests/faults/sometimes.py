"""Sometimes: situations that a run has to reach; names in, those never reached out; pytest's process.

A test of faults that never met the fault it is about passes too. So each test names, with the mark ``sometimes``, the
situations that make it worth running, and says when one was there. A run in which a named one never was fails.
"""

from __future__ import annotations

from typing import Final, final

reached: Final[dict[str, int]] = {}
"""How often each situation was there, in this run."""
_expected: Final[set[str]] = set()


@final
class Sometimes:
    """Notes situations for one test.

    Args:
        names: What the test has named.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def __call__(self, name: str, there: object = True) -> None:
        """Say whether situation *name* is there."""
        if name not in self._names:
            raise KeyError(f"{name!r} is not named by the mark of this test")
        reached[name] = reached.get(name, 0) + bool(there)


def expect(names: frozenset[str]) -> None:
    """Have the run fail if one of *names* is never reached."""
    _expected.update(names)


def never() -> list[str]:
    """Return what was expected and never reached."""
    return sorted(name for name in _expected if not reached.get(name))
