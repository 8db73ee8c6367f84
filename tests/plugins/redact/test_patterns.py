"""Patterns of one's own: what they hide, what is refused, and what bounds them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penstock
from penstock_redact.expressions import SMALL_WINDOW, WINDOW, compile_expression, sub_in_windows, window_of
from penstock_redact.patterns import PatternRedactor


def own(replace: str = "[redacted:{name}]", **patterns: str) -> PatternRedactor:
    return PatternRedactor(detect=[], patterns=patterns, replace=replace)


def test_a_pattern_hides_its_matches_under_its_name() -> None:
    assert own(order=r"ORD-\d+").redact_text("see ORD-17, ORD-18") == "see [redacted:order], [redacted:order]"


def test_a_group_called_secret_is_all_that_is_hidden() -> None:
    redactor = own(pin=r"PIN (?P<secret>\d{4})")

    assert redactor.redact_text("PIN 1234 ok") == "PIN [redacted:pin] ok"
    assert own(pin=r"PIN (?P<secret>\d{4})?-").redact_text("PIN - ok") == "PIN - ok"


def test_the_mark_can_be_another() -> None:
    assert own(replace="***", order=r"ORD-\d+").redact_text("ORD-17") == "***"
    assert own(replace="<{name}>", order=r"ORD-\d+").redact_text("ORD-17") == "<order>"
    assert own(replace=r"\1", order=r"ORD-\d+").redact_text("ORD-17") == r"\1"


def test_detectors_are_chosen_by_name_and_the_default_ones_together() -> None:
    text = "bob@example.org http://bob:hunter2@x"

    assert PatternRedactor().redact_text(text) == "bob@example.org http://bob:[redacted:basic_auth_url]@x"
    assert PatternRedactor(detect=["email"]).redact_text(text) == "[redacted:email] http://bob:hunter2@x"
    assert "hunter2" not in PatternRedactor(detect=["default", "email"]).redact_text(text)
    assert PatternRedactor(detect=[]).redact_text(text) == text


def test_a_hidden_value_may_uncover_another_one() -> None:
    # Ones only count behind a blank or a bracket, and noughts stand before them.
    redactor = own(ones=r"(?<=[ \]])1+", noughts=r"0+")

    assert redactor.redact_text("0011") == "[redacted:noughts][redacted:ones]"


def problem(**options: object) -> str:
    with pytest.raises(penstock.ConfigError) as raised:
        penstock.configure(
            {
                "redact": {"r": {"type": "patterns", **options}},
                "sink": {"out": {"type": "stderr"}},
                "pipeline": {"all": {"sink": "out"}},
            },
            strict=True,
        )
    assert "redact.r" in str(raised.value)
    return str(raised.value)


def test_a_wrong_option_is_told_by_its_place() -> None:
    assert "'emial' is no detector; did you mean 'email'?" in problem(detect=["emial"])
    assert "known: default, jwt" in problem(detect=["zzz"])
    assert "order: this is no regular expression: missing ), unterminated" in problem(patterns={"order": "(a"})
    assert "empty text" in problem(patterns={"order": r"\d*"})
    assert "repeats what repeats" in problem(patterns={"order": "(a+)+b"})
    assert "name of a detector" in problem(patterns={"email": "x@y"})


def test_a_mark_that_is_itself_a_match_is_refused() -> None:
    assert "is itself hidden" in problem(patterns={"word": r"[a-z]+"})
    assert "is itself hidden" in problem(patterns={"a": "secret"}, replace="<secret>")


@pytest.mark.parametrize(
    "expression",
    [
        *(
            r"(a+)+",
            r"(a+)+b",
            r"(a*)*b",
            r"(?:a+)*b",
            r"(a+?)+b",
            r"(\w+\s?)*x",
            r"(a|b+)*c",
            r"((a+))+b",
            r"x(?:\d+)*y",
        ),
        *(r"(a|aa)+$", r"(.|\s)*x", r"(x+x+)+y", r"(a?a?)*b", r"(?:a?){30}a{30}", r"(a{1,30}){1,30}b", r"(?=(a+)+b)c"),
        *(r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(?i)([a-z]+|[A-Z])*x", r"(?:\d+|\w)+-", r"(?>(a+)+b)", r"(ab|a|b)+c"),
        *(r"(?P<n>[a-z]+)+$", r"(a{1,}){2,}b", r"(?:(?:a|b+)\b)+c", r"^(\d+,?)+$", r"(?:.*)+x"),
    ],
)
def test_what_can_take_exponential_time_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="repeats what repeats"):
        compile_expression(expression)


@pytest.mark.parametrize(
    "expression",
    [
        *(r"\d+", r"(?:\d+\.)+\d+", r"(?:[a-z]+-)+x", r"(a++)+b", r"(?>a+)+b", r"(?:a{2})+", r"(?:ab?)+", r"(\w+\s)*x"),
        *(r"ORD-[0-9]{4,}", r"[a-z]+@[a-z]+(?:\.[a-z]+)+", r"(?i)key=\S+", r"(?<=x)y+", r"(?:(?=a+)b)+", r"(a)\1+"),
    ],
)
def test_what_cannot_is_accepted(expression: str) -> None:
    assert compile_expression(expression).pattern == expression


@pytest.mark.parametrize("expression", [r".*x.*y.*z", r"a*a*a*b", r".*.*=.*", r"x\w+\d+\w+;", r"\s+\s*\s+$"])
def test_what_can_take_more_than_cubic_time_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="3 repetitions of the same characters"):
        compile_expression(expression)


@pytest.mark.parametrize(
    ("expression", "window"), [(r"a+b", WINDOW), (r"\s+\s*$", SMALL_WINDOW), (r"x.*y.*z", SMALL_WINDOW)]
)
def test_two_repetitions_of_the_same_characters_have_a_smaller_window(expression: str, window: int) -> None:
    assert window_of(compile_expression(expression)) == window


TRY_MANY = """
import random, sys
from penstock_redact.expressions import SMALL_WINDOW, compile_expression, sub_in_windows

def made(depth):
    kind = chance.random()
    if not depth or kind < 0.25:
        return chance.choice(["a", "b", "[ab]", ".", "(?:ab)", "c"])
    if kind < 0.5:
        return made(depth - 1) + made(depth - 1)
    if kind < 0.65:
        return f"(?:{made(depth - 1)}|{made(depth - 1)})"
    return f"(?:{made(depth - 1)})" + chance.choice(["*", "+", "?", "{2}", "{1,3}", "{12}"])

chance = random.Random(int(sys.argv[1]))
accepted = 0
while accepted < 150:
    expression = made(4) + "d"
    try:
        compiled = compile_expression(expression)
    except ValueError:
        continue
    accepted += 1
    print(expression, flush=True)
    for pumped in ("a", "b", "ab", "abc"):
        text = pumped * 40 + "e"
        assert sub_in_windows(compiled, lambda match: "#", text, SMALL_WINDOW) == text
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_no_expression_that_is_accepted_hangs(seed: int) -> None:
    # In a process of its own: no thread can end a match, and one that takes exponential time never comes to an end.
    try:
        done = subprocess.run(
            [sys.executable, "-c", TRY_MANY, str(seed)], capture_output=True, timeout=100, check=False
        )
    except subprocess.TimeoutExpired as expired:
        pytest.fail(f"never ends: {(expired.stdout or b'').split()[-1:]}")

    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.timeout(30)
def test_quadratic_patterns_are_bounded_by_windows() -> None:
    redactor = own(q=r"a+b+c")

    # Two windows take some 10⁷ steps; 60,000 characters at once would take some 10⁹.
    assert redactor.redact_text("a" * 10_000 + " " * 50_000) == "a" * 10_000 + " " * 50_000


@pytest.mark.parametrize("start", [0, WINDOW - 20, WINDOW - 10, WINDOW - 1, WINDOW, 3 * WINDOW - 5, 60_000])
def test_a_match_is_found_wherever_windows_meet(start: int) -> None:
    text = "-" * start + "ORD-1234567890" + "-" * (65_536 - start)

    assert own(order=r"ORD-\d+").redact_text(text) == text.replace("ORD-1234567890", "[redacted:order]")


def test_a_match_as_long_as_a_window_is_hidden_to_its_end() -> None:
    shown = own(digits=r"\d+").redact_text("x" * 100 + "7" * 20_000 + " end")

    assert "7" not in shown
    assert shown.startswith("x" * 100 + "[redacted:digits]")
    assert shown.endswith(" end")


@given(
    st.text(st.sampled_from("ab1 \n"), max_size=40).map(lambda text: text * 700),
    st.sampled_from(["a1", "b{1,9}1", "1 ?a"]),
)
def test_windows_change_nothing_for_short_matches(text: str, expression: str) -> None:
    compiled = re.compile(expression)

    assert sub_in_windows(compiled, lambda match: "#", text) == compiled.sub("#", text)
