"""TOML is typed: nothing is coerced, and every mistake has its path."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from attrs import define, field, validators

from penstock.assembly.structure import UNRESOLVED, EnvironmentText, Structurer, without
from penstock.secret import Secret
from penstock.units import Duration, Level, Size


@define(kw_only=True)
class Inner:
    n: int


@define(kw_only=True)
class Options:
    """Options of every type that plugins use."""

    text: str = ""
    whole: int = 0
    number: float = 0.0
    flag: bool = False
    size: Size = Size(0)
    time: Duration = Duration(0)
    level: Level = Level(20)
    token: Secret = field(factory=lambda: Secret(""))
    path: Path = Path()
    choice: Literal["a", "bee", False] = "a"
    texts: list[str] = field(factory=list)
    table: dict[str, int] = field(factory=dict)
    maybe: int | None = None
    either: Size | Literal[False] = False
    small: int = field(default=0, validator=validators.le(9))
    inner: Inner | None = None
    inners: list[Inner] = field(factory=list)
    _private: int = field(default=7, init=False)


def structure(**table: object) -> tuple[Any, list[str]]:
    value, problems = Structurer(Path("/folder")).structure(table, Options, "sink", "x")
    return value, [str(problem) for problem in problems if not problem.warns]


@pytest.mark.parametrize(
    ("key", "given", "expected"),
    [
        ("text", "x", "x"),
        ("whole", 3, 3),
        ("number", 3, 3.0),
        ("number", 1.5, 1.5),
        ("flag", True, True),
        ("size", "2 kB", 2_000),
        ("time", "2 s", 2.0),
        ("level", "error", 40),
        ("token", "s3cr3t-token", Secret("s3cr3t-token")),
        ("path", "a/b", Path("/folder/a/b")),
        ("path", "/a/b", Path("/a/b")),
        ("choice", "bee", "bee"),
        ("choice", False, False),
        ("texts", ["a"], ["a"]),
        ("table", {"a": 1}, {"a": 1}),
        ("maybe", 3, 3),
        ("either", "1 kB", 1_000),
        ("either", False, False),
        ("inner", {"n": 1}, Inner(n=1)),
        ("inners", [{"n": 1}], [Inner(n=1)]),
    ],
)
def test_a_right_value_is_taken(key: str, given: object, expected: object) -> None:
    value, problems = structure(**{key: given})

    assert problems == []
    assert getattr(value, key) == expected
    assert type(getattr(value, key)) is type(expected) or key in ("size", "time", "level", "either")


@pytest.mark.parametrize(
    ("key", "given", "expected"),
    [
        ("text", 3, "sink.x.text: expected a text, got 3"),
        ("whole", "3", "sink.x.whole: expected a whole number, got '3'"),
        ("whole", 1.9, "sink.x.whole: expected a whole number, got 1.9"),
        ("whole", True, "sink.x.whole: expected a whole number, got True"),
        ("number", "1.5", "sink.x.number: expected a number, got '1.5'"),
        ("flag", "no", "sink.x.flag: expected true or false, got 'no'"),
        ("flag", 1, "sink.x.flag: expected true or false, got 1"),
        ("size", 10, 'sink.x.size: expected a size, got 10; write a number and a unit: "10 MB"'),
        ("size", "ten", "sink.x.size: expected a size, got 'ten'; write a number and a unit: \"10 MB\""),
        ("time", 5, 'sink.x.time: expected a duration, got 5; write a number and a unit: "5 s"'),
        ("level", "loud", "sink.x.level: expected a level, got 'loud'; one of trace, debug"),
        ("choice", "be", "sink.x.choice: expected one of 'a', 'bee', false, got 'be'; did you mean 'bee'?"),
        ("texts", "a", "sink.x.texts: "),
        ("texts", ["a", 3], "sink.x.texts[1]: expected a text, got 3"),
        ("table", {"a": "1"}, "sink.x.table.a: expected a whole number, got '1'"),
        ("maybe", "3", "sink.x.maybe: expected a whole number, got '3'"),
        ("either", True, "sink.x.either: expected a size or false, got True"),
        ("small", 10, "sink.x.small: must be <= 9, got 10"),
        ("inner", {}, "sink.x.inner: 'n' is missing; add n = …"),
        ("inner", {"n": 1, "m": 2}, "sink.x.inner.m: unknown option 'm'; did you mean 'n'?"),
        ("inner", 3, "sink.x.inner: expected a table, got 3"),
        ("inners", [{"n": 1}, {"n": "x"}], "sink.x.inners[1].n: expected a whole number, got 'x'"),
    ],
)
def test_a_wrong_value_is_a_problem_with_its_path(key: str, given: object, expected: str) -> None:
    _, problems = structure(**{key: given})

    assert len(problems) == 1
    assert problems[0].startswith(expected.replace("; did you mean 'n'?", ""))


def test_all_wrong_values_are_found_at_once() -> None:
    value, problems = structure(whole="x", flag="no", small=10, size=1, unknown=1)

    assert value is None
    assert len(problems) == 5


def test_an_unknown_option_can_be_done_without() -> None:
    value, problems = Structurer(Path()).structure({"txt": "x", "whole": 3}, Options, "sink", "x")

    assert value.whole == 3
    assert [(problem.code, problem.degrades, problem.hint) for problem in problems] == [
        ("unknown-key", True, "did you mean 'text'?")
    ]


def test_private_state_is_no_option() -> None:
    value, problems = structure(_private=3, private=3)

    assert value._private == 7
    assert len(problems) == 2


def test_a_reference_is_resolved_once_and_only_where_the_type_admits_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("from a file\n")
    monkeypatch.setenv("TOKEN", '{ env = "OTHER" }')

    value, problems = structure(token={"env": "TOKEN"}, text={"file": str(tmp_path / "token")})
    assert problems == []
    assert value.token.reveal() == '{ env = "OTHER" }'
    assert value.text == "from a file"

    _, problems = structure(whole={"env": "TOKEN"})
    assert problems == ["sink.x.whole: expected a whole number, got a reference"]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"env": "UNSET"}, "the environment variable 'UNSET' is not set; export UNSET=…"),
        ({"file": "/no/such/file"}, "cannot read '/no/such/file': FileNotFoundError; check the path"),
        ({"env": "A", "file": "b"}, "expected a text or a reference"),
        ({"en": "A"}, "expected a text or a reference"),
        ({"env": 3}, "expected a text or a reference"),
        (12345678, "expected a secret"),
    ],
)
def test_a_wrong_reference_says_what_to_do_and_never_the_value(reference: Any, expected: str) -> None:
    _, problems = structure(token=reference)

    assert problems[0].startswith(f"sink.x.token: {expected}")
    assert "12345678" not in problems[0]


def test_a_reference_can_have_a_default() -> None:
    value, problems = structure(token={"env": "UNSET", "default": "fallback"}, text={"file": "/no", "default": "x"})

    assert problems == []
    assert (value.token.reveal(), value.text) == ("fallback", "x")


def test_references_can_be_left_alone() -> None:
    value, problems = Structurer(Path(), resolve=False).structure({"token": {"env": "UNSET"}}, Options)

    assert problems == []
    assert value.token.reveal() == UNRESOLVED


def test_a_plugins_own_key_error_is_not_taken_for_a_missing_key() -> None:
    def broken(instance: object, attribute: Any, value: Any) -> None:
        raise KeyError("something of its own")

    @define
    class Bad:
        a: Any = field(validator=broken)

    _, problems = Structurer(Path()).structure({"a": 1}, Bad, "x")

    assert [problem.code for problem in problems] == ["invalid-value"]


def test_validators_are_not_asked_about_what_is_not_resolved() -> None:
    @define
    class Strict:
        url: str = field(validator=validators.matches_re("https://.*"))
        token: Secret = field(validator=validators.instance_of(Secret))

    table = {"url": {"env": "UNSET"}, "token": {"env": "UNSET"}}

    assert Structurer(Path(), resolve=False).structure(table, Strict, "x").problems == []


def test_what_is_wrong_can_be_left_out_to_judge_the_rest() -> None:
    table = {"a": {"b": 1, "c": 2}, "d": [1, 2], "e": 3}
    from penstock.errors import Problem

    problems = [Problem("x", ("a", "b"), ""), Problem("x", ("d", 1), ""), Problem("x", ("no", "such"), "")]

    assert without(table, problems) == {"a": {"c": 2}, "e": 3}
    assert table["d"] == [1, 2]


def from_environment(text: str, value: object) -> Any:
    return EnvironmentText(text, value)


@pytest.mark.parametrize(
    ("key", "text", "value", "expected"),
    [
        ("text", "-100123", -100123, "-100123"),
        ("text", "true", True, "true"),
        ("text", '"quoted"', "quoted", "quoted"),
        ("token", "90817263", 90817263, Secret("90817263")),
        ("path", "1", 1, Path("/folder/1")),
        ("whole", "3", 3, 3),
        ("number", "3", 3, 3.0),
        ("flag", "true", True, True),
        ("maybe", "3", 3, 3),
        ("choice", "bee", "bee", "bee"),
        ("choice", "false", False, False),
        ("either", "false", False, False),
        ("size", "1 kB", "1 kB", 1_000),
    ],
)
def test_what_an_option_of_the_environment_is_its_type_decides(
    key: str, text: str, value: object, expected: object
) -> None:
    made, problems = structure(**{key: from_environment(text, value)})

    assert problems == []
    assert getattr(made, key) == expected


def test_an_option_of_the_environment_may_stand_in_a_table_and_be_of_any_type() -> None:
    @define
    class Open:
        texts: dict[str, str]
        anything: dict[str, Any]
        one: Any

    given = from_environment("5", 5)
    table = {"texts": {"a": given}, "anything": {"a": given, "b": 6}, "one": given}
    value, problems = Structurer(Path()).structure(table, Open)

    assert problems == []
    assert value == Open({"a": "5"}, {"a": 5, "b": 6}, 5)


@pytest.mark.parametrize(
    ("key", "text", "value", "expected"),
    [
        ("whole", "true", True, "expected a whole number, got True"),
        ("texts", "5", 5, "expected an array, got 5"),
        ("size", "10", 10, "expected a size, got 10"),
        ("choice", "be", "be", "expected one of 'a', 'bee', false, got 'be'; did you mean 'bee'?"),
        ("small", "10", 10, "must be <= 9, got 10"),
    ],
)
def test_a_wrong_option_of_the_environment_is_shown_as_what_it_reads_as(
    key: str, text: str, value: object, expected: str
) -> None:
    _, problems = structure(**{key: from_environment(text, value)})

    assert [problem.removeprefix(f"sink.x.{key}: ").startswith(expected) for problem in problems] == [True]


def test_a_secret_that_is_written_out_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    @define
    class Many:
        inner: Options
        tokens: list[Secret]
        named: dict[str, Secret]
        maybe: Secret | None = None

    monkeypatch.setenv("TOKEN", "from the environment")
    fine: list[Any] = [{"env": "TOKEN"}, from_environment("t0ken-t0ken", "t0ken-t0ken"), Secret("t0ken-t0ken"), ""]
    table = {
        "inner": {"token": "written out"},
        "tokens": [*fine, "written out"],
        "named": {"a": "written out", "b": fine[0]},
        "maybe": "written out",
    }
    value, problems = Structurer(Path()).structure(table, Many, "sink", "x")

    assert value.maybe.reveal() == "written out"
    assert [(problem.code, problem.path, problem.warns) for problem in problems] == [
        ("literal-secret", "sink.x.inner.token", True),
        ("literal-secret", "sink.x.tokens[4]", True),
        ("literal-secret", "sink.x.named.a", True),
        ("literal-secret", "sink.x.maybe", True),
    ]
    assert "written out" not in "".join(str(problem).replace("a secret is written out", "") for problem in problems)


def test_a_class_that_refuses_its_options_beside_an_unknown_one_is_two_problems() -> None:
    @define
    class Cross:
        a: int = 0

        def __attrs_post_init__(self) -> None:
            raise ValueError("a and b exclude each other")

    value, problems = Structurer(Path()).structure({"a": 1, "zzz": 1}, Cross, "sink", "x")

    assert value is None
    assert [(problem.code, problem.path) for problem in problems] == [
        ("unknown-key", "sink.x.zzz"),
        ("invalid-value", "sink.x"),
    ]


@define
class First:
    """Takes its time to be made: until the second is being made too, or a little time is over."""

    being_made: ClassVar[threading.Event]

    def __attrs_post_init__(self) -> None:
        self.being_made.set()
        Second.being_made.wait(0.5)  # in vain, if the second one has to wait


@define
class Second:
    """Is not made before the first one is done."""

    being_made: ClassVar[threading.Event]
    first_is_done: ClassVar[threading.Event]
    without_validators: ClassVar[list[bool]]

    def __attrs_post_init__(self) -> None:
        self.being_made.set()
        self.first_is_done.wait(30)
        self.without_validators.append(validators.get_disabled())


def test_who_follows_no_references_is_not_disturbed_by_another_who_is_done_sooner() -> None:
    First.being_made, Second.being_made, Second.first_is_done = (threading.Event() for _ in range(3))
    Second.without_validators = []

    def second() -> None:
        First.being_made.wait(30)
        slow.structure({}, Second)

    slow = Structurer(Path(), resolve=False)
    thread = threading.Thread(target=second)
    thread.start()
    Structurer(Path(), resolve=False).structure({}, First)
    Second.first_is_done.set()
    thread.join()

    assert Second.without_validators == [True]
    assert not validators.get_disabled()
