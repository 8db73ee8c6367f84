"""Errors tell a person where, what is wrong, and what to do."""

from __future__ import annotations

import pytest

from penstock import errors
from penstock.errors import AlreadyAttachedError, ConfigError, Problem, Rejected, Unavailable, UnknownTypeError


def test_a_problem_reads_as_place_path_text_and_hint() -> None:
    problem = Problem(
        "invalid-value",
        ("sink", "trades", "keep"),
        "expected a number, got 'x'",
        "write 5",
        file="a.toml",
        line=3,
        column=8,
    )

    assert str(problem) == "a.toml:3:8: sink.trades.keep: expected a number, got 'x'; write 5"


def test_a_path_quotes_keys_that_toml_would_quote_and_shows_indexes() -> None:
    assert Problem("x", ("levels", "a.b", "test", 3, "é"), "text").path == 'levels."a.b".test[3]."é"'


def test_parts_that_are_unknown_are_left_out() -> None:
    assert str(Problem("x", (), "text")) == "text"


def test_problems_that_say_the_same_are_equal() -> None:
    assert Problem("x", ("a",), "t") == Problem("x", ("a",), "t")
    assert Problem("x", ("a",), "t") != Problem("x", ("b",), "t")
    assert len({Problem("x", ("a",), "t"), Problem("x", ("a",), "t")}) == 1


def test_a_config_error_holds_every_problem() -> None:
    error = ConfigError([Problem("x", ("a",), "one"), Problem("y", ("b",), "two")])

    assert [problem.code for problem in error.problems] == ["x", "y"]
    assert str(error) == "a: one\nb: two"


def test_the_tree_is_the_one_drawn_in_the_docstring() -> None:
    assert errors.__doc__ is not None
    drawn = {
        word
        for word in errors.__doc__.replace("─", " ").replace("└", " ").replace("├", " ").split()
        if word[0].isupper()
    }
    classes = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}

    assert classes <= drawn


@pytest.mark.parametrize("kind", ["Unavailable", "Rejected", "Closed"])
def test_what_sinks_raise_is_a_sink_error(kind: str) -> None:
    assert issubclass(getattr(errors, kind), errors.SinkError)
    assert issubclass(errors.SinkError, errors.PenstockError)


def test_unavailable_and_rejected_say_which_records() -> None:
    unavailable = Unavailable("busy", retry_after=2.5, delivered=3, rejected=[1])
    rejected = Rejected("bad", indexes=[2, 2, 4])

    assert (unavailable.retry_after, unavailable.delivered, unavailable.rejected) == (2.5, 3, frozenset({1}))
    assert (rejected.indexes, rejected.count, Rejected().indexes) == (frozenset({2, 4}), None, None)


def test_plugin_errors_name_plugin_and_distribution() -> None:
    error = errors.PluginLoadError("no", plugin="json", distribution="penstock-json 0.1.0")

    assert str(error) == "plugin 'json' (penstock-json 0.1.0): no"
    assert UnknownTypeError("sink", "x", ["b", "a"]).known == ("a", "b")
    assert AlreadyAttachedError("mine").handler_id == "mine"


@pytest.mark.parametrize(
    ("degrades", "warns", "stops", "stops_strict"),
    [(False, False, True, True), (True, False, False, True), (False, True, False, False), (True, True, False, False)],
)
def test_what_only_warns_stops_nobody_not_even_under_strict(
    degrades: bool, warns: bool, stops: bool, stops_strict: bool
) -> None:
    problem = Problem("x", (), "text", degrades=degrades, warns=warns)

    assert (problem.stops(strict=False), problem.stops(strict=True)) == (stops, stops_strict)
