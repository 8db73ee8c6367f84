"""Probe: imports all plugins and commands, in a process made for it; nothing in, JSON out; `penstock doctor` reads it;
whatever an import does, the answer is either JSON or missing.
"""

from __future__ import annotations

import json
import os


def main() -> None:
    """Import everything that is installed, and write which of it failed to standard output."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what a plugin prints while it is imported must not mix with the answer
    from penstock import tooling
    from penstock_cli import foreign
    from penstock_cli.manners import Complaint

    listings = list(tooling.list_installed())
    failed = {}
    for listing in listings:
        error = tooling.verify(listing).error
        if error:
            failed[listing.type] = error
    for name in foreign.commands():
        try:
            foreign.load(name)
        except Complaint as complaint:
            failed[name] = complaint.message
    shown = {"types": len(listings), "distributions": len({one.distribution for one in listings}), "failed": failed}
    os.write(answer, json.dumps(shown).encode("ascii"))
    os._exit(0)  # a plugin's threads and exit handlers are not our business


if __name__ == "__main__":
    main()
