"""A secret under a secret name, at any depth and in any text, is in no line that leaves a real river."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock
from penstock.event import Event
from penstock_redact.keys import DEFAULT_KEYS

SECRET = "hunter2-" + "s3cr3t"
RIVER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@dataclass
class Account:
    owner: str
    password: object


@attrs.define
class Client:
    api_key: object
    url: str = "https://x"


class Printed:
    """Known to no redactor: only its text says what it holds."""

    def __init__(self, name: str, secret: object) -> None:
        self.text = f"<Printed {name}={secret!r} ok>"

    def __repr__(self) -> str:
        return self.text


def wide(text: str) -> str:
    """Return *text* in full-width characters."""
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


names = st.sampled_from(
    [*DEFAULT_KEYS, "X-Auth-Token", "dbPassword", "APIKEY", "access-token", "Set-Cookie", "tokens", wide("TOKEN")]
)
secrets = st.sampled_from(
    [SECRET, f"{SECRET} two words", SECRET.encode(), [SECRET], {"a": SECRET}, (1, {"b": [SECRET]}), f"{SECRET}'\"\n\\"]
)
plain = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["fine", "a: b", "x=1"])
planted = (
    st.builds(lambda name, secret: {name: secret, "user": "bob"}, names, secrets)
    | st.builds(Account, st.just("bob"), secrets)
    | st.builds(Client, secrets)
    | st.builds(lambda name, secret: Printed(name, secret), names, secrets)
    | names.map(lambda name: f"{name}={SECRET}")
    | names.map(lambda name: json.dumps({"a": 1, name: SECRET}))
    | names.map(lambda name: ValueError(f"{name}: {SECRET}"))
)
values = st.recursive(
    planted | plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
        | st.builds(Account, st.just("bob"), inner)
        | st.builds(Client, inner)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("format", ["json", "plain"])
@pytest.mark.parametrize("action", ["mask", "remove"])
def test_by_field_context_message_metadata_and_exception(river: Callable[..., Any], format: str, action: str) -> None:
    out = river(format, keys={"type": "keys", "action": action})
    log = penstock.get_logger("app")

    @RIVER
    @given(name=names, secret=secrets, value=values)
    def emit(name: str, secret: object, value: object) -> None:
        out.lines.clear()
        before = copy.deepcopy(secret)
        log.info("signed in", user="bob", **{name: secret, "value": value})
        log.bind(**{name: secret}).info("bound")
        with penstock.context(**{name: secret, "other": value}):
            log.info("within")
        penstock.execute("db.query", {"rows": 1}, {name: secret, "value": value})
        log.info(f"connecting with {name}={SECRET} as bob")
        try:
            raise ValueError(f"{name}={SECRET}", {name: SECRET}) from RuntimeError(f"{name}: {SECRET}")
        except ValueError as error:
            error.add_note(f"{name} = {SECRET!r}")
            log.exception("failed", cause=error)

        assert secret == before
        assert len(out.lines) == 6
        for line in out.lines:
            assert SECRET not in line, line
            assert "redaction failed" not in line
        assert "signed in" in out.lines[0]
        assert "bob" in out.lines[0]
        assert "ValueError" in out.lines[-1]

    emit()


def test_by_the_message_of_a_captured_record_or_warning(river: Callable[..., Any]) -> None:
    out = river(sink="Events", capture=["logging", "warnings"], keys={"type": "keys"})
    logging.getLogger("lib").warning("login with password=%s for %s", SECRET, "bob")
    logging.getLogger("lib").warning("headers %s", {"Authorization": f"Bearer {SECRET}"})
    logging.getLogger("lib").warning("token %(token)s", {"token": SECRET})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"token={SECRET} is old", UserWarning, stacklevel=1)

    messages = [event.message for event in out.events]
    assert messages[0] == "login with password=[redacted] for bob"
    assert messages[1] == "headers {'Authorization': '[redacted]'}"
    assert SECRET not in str([event.merged() for event in out.events])
    assert messages[3].endswith("token=[redacted] is old")


def test_by_path_in_lists_and_under_dotted_keys(river: Callable[..., Any]) -> None:
    out = river(
        "json", places={"type": "paths", "paths": ["items.*.card", "**.ssn", r"http\.url", "user.*.email", "pair.1"]}
    )
    penstock.get_logger("app").info(
        "x",
        items=[{"card": SECRET, "n": 1}, {"card": SECRET}],
        deep={"er": [{"ssn": SECRET}]},
        ssn=SECRET,
        user={"home": {"email": SECRET}, "email": "kept"},
        pair=("kept", SECRET),
        **{"http.url": SECRET},
    )

    line = json.loads(out.lines[0])
    assert SECRET not in out.lines[0]
    assert line["items"] == [{"card": "[redacted]", "n": 1}, {"card": "[redacted]"}]
    assert line["user"]["email"] == "kept"
    assert line["pair"] == ["kept", "[redacted]"]


def test_by_pattern_wherever_it_stands(river: Callable[..., Any]) -> None:
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8cF0aB3dE5"
    out = river("json", shapes={"type": "patterns"}, names={"type": "keys"})
    log = penstock.get_logger("app")
    try:
        raise OSError(f"cannot reach https://bob:{SECRET}@host/x with {token}")
    except OSError:
        log.exception(f"using {token}", why=[{"note": f"is {token}!"}], **{token: 1})

    assert token not in out.lines[0]
    assert SECRET not in out.lines[0]
    assert "using [redacted:github_token]" in out.lines[0]
    assert "is [redacted:github_token]!" in out.lines[0]
    assert "https://bob:[redacted:basic_auth_url]@host/x" in out.lines[0]


def everything() -> dict[str, dict[str, object]]:
    return {
        "names": {"type": "keys", "action": "keep_last"},
        "shapes": {"type": "patterns", "detect": ["default", "email", "ipv4", "ipv6"]},
        "places": {"type": "paths", "paths": ["**.ssn", "value.*"]},
    }


def test_redacting_an_event_twice_is_redacting_it_once(river: Callable[..., Any]) -> None:
    out = river(sink="Events", **everything())
    log = penstock.get_logger("app")

    @RIVER
    @given(name=names, secret=secrets, value=values)
    def emit(name: str, secret: object, value: object) -> None:
        out.events.clear()
        log.info(f"{name}={SECRET} 10.0.0.1 a@b.org", ssn=1, value=value, **{name: secret})
        once: Event = out.events[-1]
        log.info(once.message, **dict(once.fields))
        twice: Event = out.events[-1]

        assert twice.message == once.message
        assert dict(twice.fields) == dict(once.fields)

    emit()


def test_no_object_of_the_caller_is_changed(river: Callable[..., Any]) -> None:
    river("json", **everything())
    log = penstock.get_logger("app")

    @RIVER
    @given(name=names, secret=secrets, value=values)
    def emit(name: str, secret: object, value: object) -> None:
        passed = {name: secret, "list": [secret, {name: secret}], "account": Account("bob", secret)}
        kept = copy.deepcopy(passed)
        log.info("x", value=value, **passed)

        assert passed == kept

    emit()
