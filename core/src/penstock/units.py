"""Units: sizes, durations and levels written for people; texts in, numbers out; any thread; a wrong text raises
ValueError.
"""

from __future__ import annotations

import re
from typing import Final, Self, final

from penstock.levels import level_name, level_number

_SIZES: Final = {
    "": 1, "B": 1,
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_QUANTITY: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ]*)\s*")


def _split(text: str, example: str) -> tuple[float, str]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"expected {example}")
    # A whole number stays one: beyond 2**53 a float would round it.
    return float(match[1]) if "." in match[1] else int(match[1]), match[2]


@final
class Size(int):
    """A number of bytes: ``Size("10 MB")`` is 10,000,000 and ``Size("1 MiB")`` 1,048,576.

    Raises:
        ValueError: If the text is not a number and a unit of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB.

    Example:
        >>> int(Size("10 MB"))
        10000000
    """

    def __new__(cls, value: str | int) -> Self:
        """Parse a text, or take a number as it is."""
        if isinstance(value, int):
            return super().__new__(cls, value)
        number, unit = _split(value, 'a size such as "10 MB" or "512 KiB"')
        factor = _SIZES.get(unit.upper())
        if factor is None or not unit:
            raise ValueError('expected a size such as "10 MB"; units: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB')
        return super().__new__(cls, round(number * factor))

    def __str__(self) -> str:
        for unit in ("TB", "GB", "MB", "KB"):
            if self and self % _SIZES[unit] == 0:
                return f"{int(self) // _SIZES[unit]} {unit.replace('K', 'k')}"
        for unit, name in (("TIB", "TiB"), ("GIB", "GiB"), ("MIB", "MiB"), ("KIB", "KiB")):
            if self and self % _SIZES[unit] == 0:
                return f"{int(self) // _SIZES[unit]} {name}"
        return f"{int(self)} B"

    def __repr__(self) -> str:
        return f"Size({str(self)!r})"


@final
class Duration(float):
    """A number of seconds: ``Duration("200 ms")`` is 0.2 and ``Duration("24 h")`` 86,400.

    Raises:
        ValueError: If the text is not a number and a unit of ns, us, ms, s, m, min, h, d, w.

    Example:
        >>> float(Duration("200 ms"))
        0.2
    """

    def __new__(cls, value: str | float) -> Self:
        """Parse a text, or take a number as it is."""
        if isinstance(value, (int, float)):
            return super().__new__(cls, value)
        number, unit = _split(value, 'a duration such as "5 s" or "200 ms"')
        factor = _SECONDS.get(unit)
        if factor is None:
            raise ValueError('expected a duration such as "5 s"; units: ns, us, ms, s, m, min, h, d, w')
        return super().__new__(cls, number * factor)

    def __str__(self) -> str:
        for unit in ("w", "d", "h", "m", "s", "ms", "us"):
            count = float(self) / _SECONDS[unit]
            if self and count >= 1 and abs(count - round(count)) < 1e-9:
                return f"{round(count)} {unit}"
        return f"{float(self):g} s"

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"


@final
class Level(int):
    """A level as an option: ``Level("error")`` is 40.

    Raises:
        ValueError: If no level has that name.

    Example:
        >>> int(Level("error"))
        40
    """

    def __new__(cls, value: str | int) -> Self:
        """Parse a text, or take a number as it is."""
        return super().__new__(cls, level_number(value))

    def __str__(self) -> str:
        return level_name(int(self))

    def __repr__(self) -> str:
        return f"Level({str(self)!r})"
