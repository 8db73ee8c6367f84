"""Everything a plugin author imports is in one module."""

from __future__ import annotations

import penstock.plugin


def test_a_sink_can_be_written_with_it_alone() -> None:
    module: dict[str, object] = {}
    exec(
        "from penstock.plugin import *\n"
        "class MySink:\n"
        "    default_format = 'plain'\n"
        "    def write(self, batch, /):\n"
        "        raise Unavailable('busy', retry_after=Duration('5 s'))\n",
        module,
    )

    assert set(penstock.plugin.__all__) <= set(module)


def test_it_offers_nothing_by_accident() -> None:
    offered = {name for name in vars(penstock.plugin) if not name.startswith("_")} - {"annotations"}

    assert offered == set(penstock.plugin.__all__)
