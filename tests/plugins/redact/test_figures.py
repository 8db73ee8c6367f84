"""What the guide says of what is found, and of what is hidden by mistake, is what is measured here."""

from __future__ import annotations

from pathlib import Path

from penstock_redact.keys import KeyRedactor
from penstock_redact.patterns import PatternRedactor
from secret_formats import samples

PAGE = Path(__file__).parents[3] / "docs/guide/redaction.md"
KEYS, PATTERNS = KeyRedactor(), PatternRedactor()


def figure(text: str) -> str:
    """Return what the table of the page says of what begins with *text*."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if " | " in line]
    return next(row[1] for row in rows if row[0].startswith(text))


def redacted(text: str) -> str:
    return PATTERNS.redact_text(KEYS.redact_text(text))


def test_the_page_says_how_many_formats_are_found_and_it_is_nine_of_ten() -> None:
    names, missed = set(), set()
    for name, line, secret in samples():
        names.add(name)
        if secret in redacted(line):
            missed.add(name)

    assert figure("formats of credentials") == str(len(names))
    assert figure("of them always found") == str(len(names - missed))
    assert figure("not found") == ", ".join(sorted(missed))
    assert len(missed) <= len(names) / 10


def test_the_page_says_how_many_real_lines_are_changed_and_it_is_one_in_a_thousand_at_most(
    real_lines: list[str],
) -> None:
    changed = [line for line in real_lines if redacted(line) != line]

    assert len(real_lines) == int(figure("lines of real logs")) / 4
    assert len(changed) <= int(figure("of them changed")) <= len(real_lines) / 1_000
