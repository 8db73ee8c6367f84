"""What `penstock graph` draws, in every language it speaks; Graphviz itself is asked where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.tooling import Description, PipelineDescription, SinkDescription, StageDescription
from penstock_cli.graph import dot, mermaid, svg
from penstock_cli.graph.river import River, river_of

Run = Callable[..., Result]

SHOP = """
capture = ["logging"]

[redact.secrets]
type = "keys"

[emit.stop]
type = "python:cli_components:Stop"
always = true

[emit.feed]
type = "python:cli_components:Consumer"
path = "started"

[sink.console]
type = "stderr"

[sink.calls]
type = "python:cli_components:RefuseSink"
token = "0:not-a-real-token"
level = "error"
delivery = { mode = "queued", fallback = "console" }

[sink.nobody]
type = "stderr"

[pipeline.all]
sink = "console"

[pipeline.calls]
match = ["call.**", "!call.test"]
level = "warning"
redact = []
format = "json"
sink = "calls"
"""


@pytest.fixture
def shop() -> str:
    Path("shop.toml").write_text(SHOP)
    return "shop.toml"


def test_the_tree_tells_the_way_of_every_event(run: Run, shop: str) -> None:
    result = run("graph", shop)
    assert result.stdout.splitlines() == [
        "shop.toml",
        "├── capture logging",
        "├── source feed: python:cli_components:Consumer",
        "├── emit stop (always)",
        "├── pipeline all",
        "│   ├── match ** from info",
        "│   ├── redact secrets",
        "│   ├── format console",
        "│   └── sink console: stderr, inline",
        "├── pipeline calls",
        "│   ├── match call.** !call.test from warning",
        "│   ├── redact nothing but known secrets",
        "│   ├── format json",
        "│   ├── sink calls: python:cli_components:RefuseSink, queued, 16 MB, from error",
        "│   └── fallback console",
        "└── sink nobody: stderr, inline: no pipeline leads here",
    ]
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_way_is_the_same_in_json(run: Run, shop: str) -> None:
    found = json.loads(run("graph", shop, "--format", "json").stdout)
    ways = {(arrow["start"], arrow["end"]) for arrow in found["arrows"] if not arrow["fallback"]}
    assert found["v"] == 1
    assert ways == {
        ("in", "always"), ("source.feed", "always"), ("always", "match.all"), ("always", "match.calls"),
        ("match.all", "redact.all"), ("redact.all", "format.all"), ("format.all", "sink.console"),
        ("match.calls", "redact.calls"), ("redact.calls", "format.calls"), ("format.calls", "sink.calls"),
    }  # fmt: skip
    assert [(a["start"], a["end"]) for a in found["arrows"] if a["fallback"]] == [("sink.calls", "sink.console")]
    assert not any(box["wrong"] for box in found["boxes"])


def test_no_format_tells_a_secret_and_none_follows_a_reference(run: Run, shop: str) -> None:
    for language in ("tree", "json", "svg", "dot", "mermaid"):
        result = run("graph", shop, "--format", language)
        assert result.exit_code == 0
        assert "not-a-real-token" not in result.output
    Path("shop.toml").write_text(SHOP.replace('"0:not-a-real-token"', '{ env = "NOT_SET_ANYWHERE" }'))
    assert run("graph", shop).exit_code == 0


def test_a_wrong_configuration_is_drawn_as_far_as_it_goes(run: Run) -> None:
    Path("shop.toml").write_text(SHOP.replace('sink = "calls"', 'sink = "cals"'))
    result = run("graph", "shop.toml")
    assert result.exit_code == 1
    assert "sink cals: there is no such sink" in result.stdout
    assert "there is no sink 'cals'; did you mean 'calls'?" in result.stderr
    assert "next: penstock check shop.toml" in result.stderr
    boxes = json.loads(run("graph", "shop.toml", "--format", "json").stdout)["boxes"]
    assert {box["key"] for box in boxes if box["wrong"]} == {"match.calls", "sink.cals"}


def test_what_cannot_be_read_is_no_picture(run: Run) -> None:
    Path("bad.toml").write_text("[")
    for file in ("bad.toml", "none.toml"):
        result = run("graph", file, "--format", "svg")
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"{file}:" in result.stderr


def test_without_any_file_what_would_run_is_drawn(run: Run) -> None:
    result = run("graph")
    assert result.exit_code == 0
    assert "no configuration: this is what runs without one" in result.stdout
    assert "sink stderr, inline" in result.stdout or "sink stderr: inline" in result.stdout


def test_a_terminal_of_20_columns_gets_every_word(shell: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    Path("shop.toml").write_text(SHOP)
    done = shell("graph", "shop.toml", env={"COLUMNS": "20", "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert all(len(line) <= 20 for line in done.stdout.splitlines())
    assert "pipeline all" in done.stdout


# -- any configuration ------------------------------------------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(["all", "a.b", 'quo"te', "back\\slash", "&amp;", "<b>", "]", "end", "a;b", "日本", "\x1b[31m"]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
)


@st.composite
def descriptions(draw: st.DrawFn) -> Description:
    def some(least: int = 0, most: int = 4) -> list[str]:
        return draw(st.lists(NAMES, min_size=least, max_size=most, unique=True))

    sinks = some(1)
    fallbacks = st.one_of(st.none(), st.sampled_from(sinks))
    described = [
        SinkDescription(
            name, draw(NAMES), "queued", draw(st.sampled_from(["", "error"])), draw(fallbacks), "16 MB", "1 GB"
        )
        for name in sinks
    ]
    pipelines = [
        PipelineDescription(name, some(), "info", some(), some(), draw(st.sampled_from(["", "json"])), draw(targets))
        for targets in [st.one_of(st.sampled_from(sinks), NAMES)]
        for name in some(0, 6)
    ]
    stages = [StageDescription(name, draw(NAMES), draw(st.booleans()), draw(st.booleans())) for name in some()]
    return Description(draw(st.one_of(st.none(), NAMES)), pipelines, described, ("logging",), stages, ())


NS = "{http://www.w3.org/2000/svg}"


@settings(deadline=None, max_examples=30)
@given(descriptions())
def test_in_an_svg_no_box_covers_another_and_all_is_on_the_page(found: Description) -> None:
    river = river_of(found)
    page = ET.fromstring(svg.drawn(river))
    _, _, width, height = map(float, page.attrib["viewBox"].split())
    rects = [
        {name: float(rect.attrib[name]) for name in ("x", "y", "width", "height")}
        for rect in page.iter(f"{NS}rect")
        if rect.attrib["class"].split()[0] == "box"
    ]
    assert len(rects) == len(river.boxes)
    for one in rects:
        assert one["x"] >= 0
        assert one["y"] >= 0
        assert one["x"] + one["width"] <= width
        assert one["y"] + one["height"] <= height
    for one, other in combinations(rects, 2):
        beside = one["x"] + one["width"] < other["x"] or other["x"] + other["width"] < one["x"]
        over = one["y"] + one["height"] < other["y"] or other["y"] + other["height"] < one["y"]
        assert beside or over
    assert len([path for path in page.iter(f"{NS}path") if path.attrib["class"] in ("flow", "catch")]) == len(
        river.arrows
    )


@settings(deadline=None, max_examples=30)
@given(descriptions())
def test_an_svg_says_every_word_of_its_boxes(found: Description) -> None:
    river = river_of(found)
    page = ET.fromstring(svg.drawn(river))
    tooltips = [group.findtext(f"{NS}title") for group in page.iter(f"{NS}g")]
    for box in river.boxes:
        assert "\n".join((box.title, *box.notes)) in tooltips


def test_an_svg_asks_nobody_for_anything() -> None:
    text = svg.drawn(river_of(Description("a.toml", [], [], (), [], ())))
    assert not re.findall(r"script|href|url\(|@import|@font-face", text)
    assert re.findall(r"https?://\S+", text) == ['http://www.w3.org/2000/svg"']


@pytest.mark.parametrize(("theme", "dark"), [("auto", True), ("light", False), ("dark", True)])
def test_an_svg_fits_a_light_page_and_a_dark_one(theme: svg.Theme, dark: bool) -> None:
    text = svg.drawn(river_of(Description("a.toml", [], [], (), [], ())), theme)
    assert ("#0d1117" in text) is dark
    assert ("#ffffff" in text) is (theme != "dark")
    assert ("prefers-color-scheme:dark" in text) is (theme == "auto")


@settings(deadline=None, max_examples=30)
@given(descriptions())
def test_in_mermaid_no_name_ends_its_label(found: Description) -> None:
    river = river_of(found)
    head, *lines = mermaid.drawn(river).splitlines()
    assert head == "flowchart LR"
    boxes, arrows = lines[: len(river.boxes)], lines[len(river.boxes) :]
    for number, (line, box) in enumerate(zip(boxes, river.boxes, strict=True)):
        label = re.fullmatch(rf'  n{number}(?:\[|\(\[|\[\()"(.*)"(?:\]|\]\)|\)\])', line)
        assert label is not None
        first, *_ = label[1].split("<br/>")
        spelt = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), first.removeprefix("<b>").removesuffix("</b>"))
        assert spelt == box.title
    assert len([line for line in arrows if "-->" in line or ".->" in line]) == len(river.arrows)


def labels(river: River) -> set[str]:
    done = subprocess.run(
        ["dot", "-Tsvg"], input=dot.drawn(river).encode(), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.replace(b"\r", b"")) == (0, b"")
    texts = (text.text or "" for text in ET.fromstring(done.stdout).iter(f"{NS}text"))
    return {text.replace("\xa0", " ") for text in texts}


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
@settings(deadline=None, max_examples=10)
@given(descriptions())
def test_graphviz_draws_every_name_as_it_is(found: Description) -> None:
    river = river_of(found)
    shown = labels(river)
    for box in river.boxes:
        assert box.title.replace("\xa0", " ").strip() in {text.strip() for text in shown}
