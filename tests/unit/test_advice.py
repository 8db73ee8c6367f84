"""What a configuration may say, but hardly means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from penstock import tooling
from penstock.assembly.advice import never_matches
from penstock.plugin import Secret
from penstock.river.match import build_match

HERE = f"python:{__name__}"
OUT = {"out": {"type": "last-resort"}}


@define(kw_only=True)
class Pager:
    """A sink that calls people."""

    alerts: ClassVar[bool] = True
    formats: ClassVar[tuple[str, ...]] = ("plain", "page")
    token: Secret | None = None

    def write(self, batch: Any, /) -> None:
        """Take anything."""


class Calm:
    """A stage."""

    def emit(self, event: Any) -> Any:
        return event


def codes(**document: Any) -> list[str]:
    return [f"{problem.code} {problem.path}" for problem in tooling.check(document)]


def test_a_sink_that_calls_people_wants_a_stage_in_front_of_it() -> None:
    sinks = {"pager": {"type": f"{HERE}:Pager"}}
    stages = {"calm": {"type": f"{HERE}:Calm"}}

    assert codes(sink=sinks, pipeline={"a": {"sink": "pager"}}) == ["unthrottled-alerts pipeline.a.sink"]
    assert codes(sink=sinks, emit=stages, pipeline={"a": {"sink": "pager", "emit": ["calm"]}}) == []
    for_all = {"calm": {"type": f"{HERE}:Calm", "always": True}}
    assert codes(sink=sinks, emit=for_all, pipeline={"a": {"sink": "pager"}}) == []


def test_a_sink_that_nobody_feeds_is_told_unless_something_falls_back_to_it() -> None:
    spare = {"spare": {"type": "last-resort"}}

    assert codes(sink=OUT | spare, pipeline={"a": {"sink": "out"}}) == ["sink-never-used sink.spare"]
    out = {"out": {"type": "last-resort", "delivery": {"fallback": "spare"}}}
    assert codes(sink=out | spare, pipeline={"a": {"sink": "out"}}) == []


def test_a_misspelt_pipeline_is_not_told_twice() -> None:
    assert codes(sink=OUT, pipelin={"a": {"sink": "out"}}) == ["unknown-key pipelin"]
    assert codes(sink=OUT, pipeline={"a": {"snik": "out"}}) == ["missing-key pipeline.a", "unknown-key pipeline.a.snik"]


def test_a_format_that_its_sink_cannot_take_is_told() -> None:
    sinks = {"pager": {"type": f"{HERE}:Pager"}, "audit": {"type": "python:hard_sinks:Audit"}}
    pipelines = {
        "a": {"sink": "pager", "format": "json", "emit": ["calm"]},
        "b": {"sink": "pager", "format": "plain", "emit": ["calm"]},
        "c": {"sink": "audit", "format": "plain"},
    }

    assert codes(sink=sinks, pipeline=pipelines, emit={"calm": {"type": f"{HERE}:Calm"}}) == [
        "format-not-taken pipeline.a.format",
        "format-not-taken pipeline.c.format",
    ]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_file_with_a_secret_that_everybody_may_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(
        f'[sink.p]\ntype = "{HERE}:Pager"\ntoken = "hush-hush"\n[pipeline.a]\nsink = "p"\nemit = ["x"]\n'
        f'[emit.x]\ntype = "{HERE}:Calm"\n'
    )
    file.chmod(0o644)
    assert [problem.code for problem in tooling.check(file)] == ["literal-secret", "readable-secret"]
    file.chmod(0o640)
    assert [problem.code for problem in tooling.check(file)] == ["literal-secret"]


def test_a_default_of_a_reference_is_a_secret_that_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER_TOKEN", "from the environment")
    token = {"env": "PAGER_TOKEN", "default": "hush-hush"}
    sinks = {"p": {"type": f"{HERE}:Pager", "token": token}}

    found = codes(sink=sinks, pipeline={"a": {"sink": "p", "emit": ["c"]}}, emit={"c": {"type": f"{HERE}:Calm"}})

    assert found == ["literal-secret sink.p.token.default"]


@pytest.mark.parametrize(
    ("patterns", "never"),
    [
        ([], False),
        (["a.*"], False),
        (["a.*", "!a.**"], True),
        (["a.**", "!a.*"], False),
        (["a.**", "!a.*", "!a", "!a.*.**"], True),
        (["!a"], False),
        (["!**"], True),
        (["*", "!a", "!b"], False),
        (["a", "b", "!a"], False),
        (["a", "b", "!*"], True),
    ],
)
def test_a_pipeline_that_matches_nothing_is_found(patterns: list[str], never: bool) -> None:
    assert never_matches(patterns) is never
    match = {"a": {"sink": "out", "match": patterns}}
    assert codes(sink=OUT, pipeline=match) == (["pipeline-never-matches pipeline.a.match"] if never else [])


SEGMENTS = st.sampled_from(["a", "b", "*", "**"])
PATTERNS = st.lists(
    st.builds(
        lambda out, parts: ("!" if out else "") + ".".join(parts),
        st.booleans(),
        st.lists(SEGMENTS, min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=4,
)
NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=6).map(".".join)


@given(PATTERNS, NAMES)
def test_what_matches_something_is_never_called_empty(patterns: list[str], name: str) -> None:
    if build_match(patterns)(name):
        assert not never_matches(patterns)


@given(PATTERNS)
def test_what_is_not_called_empty_matches_some_name(patterns: list[str]) -> None:
    match = build_match(patterns)
    names = [""]
    for _ in range(5):
        names += [f"{name}.{segment}".lstrip(".") for name in names for segment in "abc" if name.count(".") < 5]
        names = list(dict.fromkeys(names))
    assert any(match(name) for name in names if name) or never_matches(patterns)
