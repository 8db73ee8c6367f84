"""`python -m penstock_cli`: the same as `penstock`."""

from __future__ import annotations

from penstock_cli import main

if __name__ == "__main__":
    main()
