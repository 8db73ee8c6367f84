"""A corpus of wrong files: each mistake is found, and is where a parser that is not ours has its key or its value."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock import Problem, tooling
from penstock.tooling import EXPLANATIONS
from toml_oracle import Keys, places

DOZEN = """\
level = "loud"
capture = ["logging", "loging"]   # one is right
"ca pture" = 1

[levels]
"a.b" = 3

[redact.secrets]
type = "kys"

[format.ecs]
type = "json"
style = "esc"

[sink.console]
type = "stdrr"

[sink.half]

[sink.files]
type = "file-rotate"
path = 5
max_size = "ten"
keeep = 5
compress = { algorithm = "gzip" }

[sink.files.delivery]
mode = "queue"
batch = 0
timeout = 5
fallback = "consle"

[sink.inline]
type = "stderr"
level = "x"
delivery = { mode = "inlin", "batch" = "many", timeout = "1 s" }

[pipeline]
a.snik = "console"
b = { sink = "consol", match = ["a.*", "a..b"], format = "jsn", level = 30 }
'c d'.sink = "files"
'c d'.redact = [
  "secrets",  # here
  "secret",
]
"""
OTHERS = {
    "crlf": DOZEN.replace("\n", "\r\n"),
    "wide": '[sink."日本"]\ntype = "stderr"\n"ключ" = "é"\n[pipeline.all]\nsink = "日本"\nlevel = "é"\n',
    "arrays": '[[test]]\nemit = { name = 5 }\nnonsense = 1\n[[test]]\nemit = 3\n[sink.o]\ntype = "last-resort"\n'
    '[pipeline.p]\nsink = "o"\n',
    "inline": 'sink = { o = { type = "last-resrt", level = 1 } }\n'
    'pipeline = { p = { sink = "o", "emit" = ["nothing"] } }\n',
    "long": 'sink.o.type = """\nlast\nresort"""\npipeline.p.sink = \'\'\'o\'\'\'\npipeline.p.level = "loud"\n',
    "headers": '[ sink . "o" ]\ntype = "stderr"\n  [ sink.o . delivery ]\n  when_ful = 1\n'
    '[pipeline.p]\nsink="o"\nmatch=3\n',
    "warnings": '[sink.t]\ntype = "telegram"\ntoken = "123456:not-a-token-not-a-token-not-a-tok"\nchat_id = "-1"\n'
    '[sink.o]\ntype = "stderr"\ndelivery.mode = "inline"\ndelivery.spool = "1 MB"\n[redact.r]\ntype = "keys"\n'
    '[pipeline.p]\nsink = "t"\nmatch = ["a", "!a"]\nredact = []\n',
    **{code: one.toml for code, one in EXPLANATIONS.items() if code not in ("toml-syntax", "unreadable-file")},
}


def found_in(text: str, tmp_path: Path, prefix: str = "", profile: str | None = None) -> list[Problem]:
    file = tmp_path / ("pyproject.toml" if prefix else "penstock.toml")
    file.write_bytes(text.encode())
    file.chmod(0o600)
    return tooling.check(file, profile=profile)


def stands_at(problem: Problem, text: str, before: Keys = ()) -> tuple[int, int]:
    """Return where the independent parser has what *problem* is about, or the nearest thing around it."""
    oracle = places(text)
    keys = (*before, *problem.keys)
    while keys not in oracle.keys and keys not in oracle.values:
        keys = keys[:-1]
    about_key = problem.code in ("unknown-key", "no-effect") or keys not in oracle.values
    return oracle.keys[keys] if about_key and keys in oracle.keys else oracle.values[keys]


@pytest.mark.parametrize("name", ["dozen", *OTHERS])
def test_each_problem_is_where_the_independent_parser_has_it(name: str, tmp_path: Path) -> None:
    text = {"dozen": DOZEN, **OTHERS}[name]
    located = [problem for problem in found_in(text, tmp_path) if problem.variable is None]

    for problem in located:
        assert (problem.line, problem.column) == stands_at(problem, text), problem
        assert problem.excerpt
    if name not in ("unknown-profile", "ambiguous-address", "sink-not-opened", "stage-not-opened", "ambiguous-type"):
        assert located, "the corpus has no right files"


def test_more_than_a_dozen_different_mistakes_are_found_in_one_run(tmp_path: Path) -> None:
    paths = [problem.path for problem in found_in(DOZEN, tmp_path)]

    assert len(paths) == len(set(paths))
    assert paths == [
        "level",
        "capture[1]",
        '"ca pture"',
        'levels."a.b"',
        "redact.secrets.type",
        "format.ecs.style",
        "sink.console.type",
        "sink.half",
        "sink.files.path",
        "sink.files.max_size",
        "sink.files.keeep",
        "sink.files.compress",
        "sink.files.delivery.mode",
        "sink.files.delivery.batch",
        "sink.files.delivery.timeout",
        "sink.files.delivery.fallback",
        "sink.inline.level",
        "sink.inline.delivery.mode",
        "sink.inline.delivery.batch",
        "pipeline.a",
        "pipeline.a.snik",
        "pipeline.b.sink",
        "pipeline.b.match[1]",
        "pipeline.b.format",
        "pipeline.b.level",
        'pipeline."c d".redact[1]',
    ]


def test_in_a_pyproject_and_in_a_profile_the_place_is_where_it_was_written(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "x"\n[tool.penstock.sink.o]\ntype = "last-resort"\n[tool.penstock.pipeline.p]\nsink = "o"\n'
        '[tool.penstock.profile.loud]\nlevel = "lowd"\npipeline.p.format = "jsn"\n'
    )

    found = found_in(text, tmp_path, "tool", "loud")

    before = ("tool", "penstock", "profile", "loud")
    assert [problem.path for problem in found] == ["level", "pipeline.p.format"]
    assert [(problem.line, problem.column) for problem in found] == [
        stands_at(problem, text, before) for problem in found
    ]
