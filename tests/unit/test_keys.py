"""What a key is for, what it takes and what it is; tests/plugins/cli asks for it as a person does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from penstock.assembly.config import Document, read_document
from penstock.assembly.keys import describe_key, type_in_words
from penstock.assembly.plugins import Plugins
from penstock.plugin import Duration, Level, Secret, Size


@define(kw_only=True)
class Pager:
    """A sink with options of several types."""

    delivery = {"mode": "inline"}  # noqa: RUF012, as a plugin may write it

    token: Secret | None = field(default=None, metadata={"doc": "What opens the door."})
    sizes: list[Size] = field(factory=lambda: [Size("1 MB")])
    nothing: Path | None = None

    def write(self, batch: Any, /) -> None:
        """Take anything."""


def document(**options: object) -> Document:
    found = read_document({"sink": {"pager": {"type": f"python:{__name__}:Pager", **options}}}, None)
    assert found is not None
    return found


def test_a_secret_is_never_shown_but_its_reference_is() -> None:
    written = describe_key(document(token="hush-hush"), Plugins(), ("sink", "pager", "token"))
    referenced = describe_key(
        document(token={"env": "TOKEN", "default": "hush-hush"}), Plugins(), ("sink", "pager", "token")
    )

    assert written.value == "[redacted]"
    assert referenced.value == '{ env = "TOKEN", default = [redacted] }'
    assert (written.doc, written.default) == ("What opens the door.", "none")


def test_a_default_is_that_of_the_class() -> None:
    assert describe_key(document(), Plugins(), ("sink", "pager", "sizes")).default == '["1 MB"]'
    assert describe_key(document(), Plugins(), ("sink", "pager", "delivery", "mode")).default == '"inline"'


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (("sink", "pager", "tokne"), "there is no key sink.pager.tokne; did you mean sink.pager.token?"),
        (("sink", "pager", "xyz"), "known: type, level, token, sizes, nothing"),
        (("sink", "pager", "delivery", "mod"), "did you mean sink.pager.delivery.mode?"),
        ((), "a key is written as"),
        (("sink", "last-resort", "x"), "the class of sink.last-resort has no options"),
    ],
)
def test_a_key_that_is_none_is_a_lookup_error_with_the_nearest(keys: tuple[str, ...], told: str) -> None:
    with pytest.raises(LookupError) as caught:
        describe_key(document(), Plugins(), keys)

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (str, "a text"),
        (Level | None, "a level"),
        (Duration | float, 'a duration, such as "5 s" or a number'),
        (dict[str, int], "a table: each a whole number"),
        (list[Secret], 'an array: each a secret: { env = "NAME" } or { file = "…" }'),
        (Pager, "a table"),
    ],
)
def test_a_type_is_told_in_words(kind: Any, words: str) -> None:
    assert type_in_words(kind) == words
