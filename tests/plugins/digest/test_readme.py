"""The tables of the README are what the classes say."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from penstock_digest.group import GroupStage
from penstock_digest.quiet import QuietStage
from penstock_digest.sample import SampleStage
from penstock_digest.throttle import ThrottleStage
from repository import ROOT

README = (ROOT / "plugins/digest/README.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "stage"),
    [("group", GroupStage), ("throttle", ThrottleStage), ("quiet", QuietStage), ("sample", SampleStage)],
)
def test_every_option_is_in_the_readme_as_the_class_documents_it(name: str, stage: Any) -> None:
    section = README.split(f"\n### `{name}`\n")[1].split("\n#")[0]
    assert " ".join((stage.__doc__ or "").split("\n")[0].split())[:30] in " ".join(section.split())
    rows = {option: (default, text) for option, default, text in ROW.findall(section)}
    options = [field for field in attrs.fields(stage) if field.init]

    assert list(rows) == [field.name for field in options]
    for field in options:
        default, text = rows[field.name]
        assert text.replace("`", "") == field.metadata["doc"].replace("`", "")
        if isinstance(field.default, bool):
            assert default == f"`{str(field.default).lower()}`"
        elif isinstance(field.default, int) and type(field.default) is int:
            assert default == f"`{field.default}`"
        elif isinstance(field.default, (int, float)):
            assert default.strip('`"').replace("min", "m") == str(field.default)
        else:
            assert default in ("required", "all", "this machine's")
