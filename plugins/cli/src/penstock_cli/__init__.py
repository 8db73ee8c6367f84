"""penstock-cli: the command line; `penstock_cli.penstock` is its click group, to be mounted in a program's own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from penstock_cli.group import Penstock, penstock

__all__ = ["main", "penstock"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from penstock_cli.group import penstock  # late: importing the package costs nothing

    penstock(prog_name="penstock")


def __getattr__(name: str) -> Penstock:
    """Return the group `penstock`, imported when it is asked for.

    Raises:
        AttributeError: For any other name.
    """
    if name != "penstock":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from penstock_cli.group import penstock  # late: as above

    return penstock
