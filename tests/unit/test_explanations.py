"""Each explanation is whole; tests/project compares what its example prints with the documentation."""

from __future__ import annotations

import tomllib

import pytest

from penstock.assembly.explanations import EXPLANATIONS


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_an_explanation_has_a_name_a_sentence_a_reason_and_an_example(code: str) -> None:
    one = EXPLANATIONS[code]

    assert one.code == code
    assert one.code == one.code.lower()
    assert one.title.endswith(".")
    assert one.text.endswith(".")
    assert one.weight in ("error", "error if strict", "warning")


@pytest.mark.parametrize("code", [code for code in EXPLANATIONS if code != "toml-syntax"])
def test_an_example_is_toml(code: str) -> None:
    assert tomllib.loads(EXPLANATIONS[code].toml)


def test_errors_come_first() -> None:
    weights = [one.weight == "warning" for one in EXPLANATIONS.values()]

    assert weights == sorted(weights)
