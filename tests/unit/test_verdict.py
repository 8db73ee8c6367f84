"""A test passes if what it says is so, and else says what is not, where, and what came instead."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.assembly.verdict import Case, Verdict, _within, cases
from penstock.errors import ConfigError
from trials import document

EVENT = {"name": "shop.sold", "message": "sold", "fields": {"qty": 2}}
LINE = "2026-01-01T00:00:00.000Z INFO      shop.sold: sold qty=2"


def verdict_of(expect: Any, emit: Any = None, table: dict[str, Any] | None = None, **rest: Any) -> Verdict:
    case = {"emit": EVENT if emit is None else emit, "expect": {"far": expect}, **rest}
    (found,) = cases({**(table or document()), "test": [case]}).cases
    return found.run()


def as_json() -> dict[str, Any]:
    table = document()
    table["pipeline"]["all"]["format"] = "json"
    return table


@pytest.mark.parametrize(
    "expect",
    [
        {},
        {"contains": "qty=2"},
        {"contains": ["qty=2", "sold"], "lacks": ["qty=3", "token"]},
        {"matches": r"qty=\d$"},
        {"equals": LINE},
        {"equals": [LINE]},
        {"count": 1},
    ],
)
def test_a_test_that_is_right_passes(expect: dict[str, Any]) -> None:
    verdict = verdict_of(expect)

    assert verdict.passed, list(verdict.lines())
    assert verdict.received == {"far": [LINE], "near": []}


@pytest.mark.parametrize(
    ("expect", "expected", "got"),
    [
        ("nothing", "nothing at far, got 1 record", [f"got: {LINE}"]),
        ({"count": 0}, "0 records at far, got 1 record", [f"got: {LINE}"]),
        ({"count": 2}, "2 records at far, got 1 record", [f"got: {LINE}"]),
        ({"contains": "qty=3"}, "a record with 'qty=3' at far", [f"got: {LINE}"]),
        ({"matches": "^x"}, "a record that matches '^x' at far", [f"got: {LINE}"]),
        ({"lacks": "sold"}, "no record with 'sold' at far", [f"got: {LINE}"]),
        ({"equals": "sold"}, "exactly this at far", ["- sold", f"+ {LINE}"]),
        ({"equals": [LINE, LINE]}, "exactly this at far", [f"  {LINE}", f"- {LINE}"]),
        ({"json": {"qty": 2}}, "a record with these members at far", None),
    ],
)
def test_a_test_that_is_wrong_says_what_was_expected_and_what_came(
    expect: Any, expected: str, got: list[str] | None
) -> None:
    (finding,) = verdict_of(expect).findings

    assert finding.expected == expected
    assert got is None or list(finding.got) == got


def test_what_only_lacks_something_fails_if_nothing_comes_at_all() -> None:
    (finding,) = verdict_of({"lacks": "secret"}, table=document(level="error")).findings

    assert (finding.expected, list(finding.got)) == ("something at far", ["nothing came"])


def test_everything_wrong_is_told_at_once() -> None:
    verdict = verdict_of({"contains": ["a1", "sold", "a2"], "lacks": "qty", "count": 3})

    assert [finding.keys[-1] for finding in verdict.findings] == ["count", "contains", "contains", "lacks"]


def test_one_record_has_to_have_all_of_it_and_the_nearest_one_is_judged() -> None:
    emit = [{"name": "a", "message": "one"}, {"name": "b", "message": "two"}]

    assert verdict_of({"contains": ["b:", "two"]}, emit).passed
    (finding,) = verdict_of({"contains": ["a:", "two", "b:"]}, emit).findings
    assert finding.expected == "a record with 'a:' at far"


def test_members_of_json_are_compared_at_any_depth() -> None:
    emit = {**EVENT, "fields": {"order": {"id": 17, "items": [1, {"a": True}]}, "qty": 2}}
    wanted = {"order": {"items": [1, {"a": True}]}, "severity": "info"}

    assert verdict_of({"json": wanted}, emit, as_json()).passed
    (finding,) = verdict_of({"json": {**wanted, "qty": 3}}, emit, as_json()).findings
    assert '-   "qty": 3,' in finding.got
    assert '+   "qty": 2,' in finding.got
    assert not any("pid" in line for line in finding.got)  # nobody asked for it


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@example(wanted=True, found=1)
@example(wanted={"a": [0]}, found={"a": [False]})
@given(PLAIN, PLAIN)
def test_a_value_has_the_members_of_another_if_nothing_is_missing_or_different(wanted: Any, found: Any) -> None:
    def naive(wanted: Any, found: Any) -> bool:
        if isinstance(wanted, dict) and isinstance(found, dict):
            return all(key in found and naive(value, found[key]) for key, value in wanted.items())
        if isinstance(wanted, list) and isinstance(found, list):
            return all(naive(a, b) for a, b in itertools.zip_longest(wanted, found, fillvalue=...))
        return type(wanted) is type(found) and bool(wanted == found)

    assert _within(wanted, found) == naive(wanted, found)
    assert _within(wanted, json.loads(json.dumps(wanted)))


def test_many_records_do_not_fill_the_screen() -> None:
    (finding,) = verdict_of({"count": 0}, {**EVENT, "times": 50}).findings

    assert len(finding.got) == 21
    assert finding.got[-1] == "… and 30 more"


# -- failing sinks, profiles ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["unavailable", "rejected", "closed", "broken"])
def test_when_a_sink_is_down_its_fallback_has_to_get_it(how: str) -> None:
    case = {"emit": EVENT, "fail": {"far": how}, "expect": {"near": {"contains": "sold"}, "far": "nothing"}}
    (found,) = cases({**document(), "test": [case]}).cases
    verdict = found.run()

    assert verdict.passed
    assert any(fault.subject == "far" for fault in verdict.faults)


def test_without_a_fallback_the_same_test_fails() -> None:
    table = document()
    del table["sink"]["far"]["delivery"]
    case = {"emit": EVENT, "fail": {"far": "unavailable"}, "expect": {"near": {"contains": "sold"}}}
    (found,) = cases({**table, "test": [case]}).cases

    assert [finding.expected for finding in found.run().findings] == ["something at near"]


def test_a_sink_that_fails_twice_gets_it_the_third_time() -> None:
    assert verdict_of({"count": 1}, fail={"far": {"how": "unavailable", "times": 2}}).passed


def test_a_test_can_ask_for_a_profile() -> None:
    table = document(profile={"quiet": {"level": "error"}})

    assert verdict_of("nothing", table=table, profile="quiet").passed
    assert not verdict_of("nothing", table=table).passed
    (finding,) = verdict_of("nothing", table=table, profile="quite").findings
    assert finding.expected == "a configuration that can run"
    assert "did you mean 'quiet'?" in finding.got[0]


def test_a_sink_that_only_a_profile_has_can_be_expected_under_it() -> None:
    table = document(profile={"more": {"sink": {"extra": {"type": "last-resort"}}}})
    case = {"emit": EVENT, "expect": {"extra": "nothing"}}
    (found,) = cases({**table, "test": [{**case, "profile": "more"}]}).cases
    assert found.run().passed

    with pytest.raises(ConfigError):
        cases({**table, "test": [case]})
    (lost,) = cases({**table, "test": [{**case, "expect": {"extar": "nothing"}, "profile": "more"}]}).cases
    assert "there is no sink 'extar'" in lost.run().findings[0].got[0]


# -- the tests of a document ------------------------------------------------------------------------------------------

TEXT = """[sink.out]
type = "last-resort"
[pipeline.all]
sink = "out"

[[test]]
name = "sold is heard"
emit = { name = "shop.sold" }
expect = { out = { contains = "shop.sold" } }

[[test]]
emit = { name = "shop.sold" }
[test.expect.out]
contains = "sold"
  lacks = "shop"
"""


def loaded(tmp_path: Path, text: str = TEXT) -> list[Case]:
    (tmp_path / "penstock.toml").write_text(text)
    return list(cases(tmp_path / "penstock.toml").cases)


def test_a_test_has_a_name_and_a_place(tmp_path: Path) -> None:
    first, second = loaded(tmp_path)

    assert (first.name, first.where.line) == ("sold is heard", 6)
    assert (second.name, second.where.line) == ("test 2", 11)


def test_a_finding_has_the_line_that_expects_it(tmp_path: Path) -> None:
    (finding,) = loaded(tmp_path)[1].run().findings

    assert (finding.keys, finding.where.line, finding.where.column) == (("test", 1, "expect", "out", "lacks"), 15, 3)
    lines = list(loaded(tmp_path)[1].run().lines())
    assert lines[0] == f"{tmp_path / 'penstock.toml'}:15:3: expected no record with 'shop' at out"


def test_a_test_that_cannot_be_meant_is_an_error_where_it_stands(tmp_path: Path) -> None:
    text = TEXT.replace('contains = "shop.sold"', 'contians = "shop.sold"')
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)

    (problem,) = caught.value.problems
    assert (problem.code, problem.path, problem.line) == ("unknown-key", "test[0].expect.out.contians", 9)


def test_a_program_runs_whatever_is_wrong_with_its_tests() -> None:
    import penstock

    table = {**document(), "test": [{"emit": {"name": 1}}, {"emit": EVENT, "expect": {"no": "nothing"}}]}
    with penstock.configure(table) as runtime:
        assert {problem.path for problem in runtime.problems} >= {"test[0]", "test[0].emit.name"}
    with pytest.raises(ConfigError):
        penstock.configure(table, strict=True)


def test_a_test_can_run_again_and_again() -> None:
    (case,) = cases({**document(), "test": [{"emit": EVENT, "expect": {"far": {"count": 1}}}]}).cases

    assert case.run() == case.run()
    assert case.run().passed
