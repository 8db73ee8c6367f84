"""Probe: imports one plugin, in a process made for it; a type and a distribution in, JSON out; `penstock plugins` reads
it; whatever the import does, the answer is either JSON or missing.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Verify the plugin that the arguments name, and write what that showed to standard output."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what the plugin prints while it is imported must not mix with the answer
    from penstock import tooling

    type_name, distribution = sys.argv[1:3]
    listing = next(one for one in tooling.list_installed() if (one.type, one.distribution) == (type_name, distribution))
    found = tooling.verify(listing)
    shown = {"kinds": found.kinds, "seconds": found.seconds, "error": found.error}
    os.write(answer, json.dumps(shown).encode("ascii"))
    os._exit(0)  # a plugin's threads and exit handlers are not our business


if __name__ == "__main__":
    main()
