"""Texts name their secrets themselves: key=value, headers, URLs, JSON, reprs, command lines, tracebacks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import traceback
from dataclasses import make_dataclass
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock_redact.keys import DEFAULT_KEYS, KeyRedactor

KEYS = KeyRedactor()
M = "[redacted]"


def wide(text: str) -> str:
    """Return *text* in full-width characters."""
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # key=value
        ("password=hunter2", f"password={M}"),
        ("login password=hunter2 user=bob", f"login password={M} user=bob"),
        ("password = hunter2 for bob", f"password = {M} for bob"),
        ("password= hunter2", f"password= {M}"),
        ("user=bob,password=hunter2,host=db", f"user=bob,password={M},host=db"),
        ("Server=db;Uid=bob;Pwd=hunter2;Port=1", f"Server=db;Uid=bob;Pwd={M};Port=1"),
        ("password=hun,ter;2&x more", f"password={M} more"),
        ("password=hun'ter)2\"x more", f"password={M} more"),
        ("(password=hunter2)", f"(password={M})"),
        ("f(user, password=hunter2) failed", f"f(user, password={M}) failed"),
        ("'password=hunter2'", f"'password={M}'"),
        ("password='correct horse' user=bob", f"password='{M}' user=bob"),
        ('password="it\'s" user=bob', f'password="{M}" user=bob'),
        (r"password='it\'s long' user=bob", f"password='{M}' user=bob"),
        ("password=b'hunter2', x", f"password=b'{M}', x"),
        ("password='never closed\nnext line", f"password='{M}\nnext line"),
        ("PGPASSWORD=hunter2 psql", f"PGPASSWORD={M} psql"),
        ("assert token == 'abc'", f"assert token == '{M}'"),
        ("DB_PASSWORD := hunter2", f"DB_PASSWORD := {M}"),
        # key: value
        ("password: hunter2", f"password: {M}"),
        ("token : abc, user : bob", f"token : {M}, user : bob"),
        ("X-Api-Key: abc\r\nHost: x", f"X-Api-Key: {M}\r\nHost: x"),
        # JSON, Python, PHP
        ('{"token": "abc", "user": "bob"}', f'{{"token": "{M}", "user": "bob"}}'),
        (r'{"token": "a\"b c", "user": "bob"}', f'{{"token": "{M}", "user": "bob"}}'),
        (r'"{\"token\": \"a b\", \"user\": 1}"', rf'"{{\"token\": \"{M}\", \"user\": 1}}"'),
        ('{"token": 12345, "user": 1}', f'{{"token": {M}, "user": 1}}'),
        ("{'tokens': ['a b', 'c'], 'user': 1}", f"{{'tokens': {M}, 'user': 1}}"),
        ('{"secret": {"a": [1, {"b": ")"}]}, "user": 1}', f'{{"secret": {M}, "user": 1}}'),
        ("config['password'] = 'x y'", f"config['password'] = '{M}'"),
        ("'password' => 'x y', 'a' => 1", f"'password' => '{M}', 'a' => 1"),
        ("User(name='bob', password='x y', age=3)", f"User(name='bob', password='{M}', age=3)"),
        ("User(token=Token(value='x y', n=1), age=3)", f"User(token={M}, age=3)"),
        ("<User token=<Token x y> age=3>", f"<User token={M} age=3>"),
        ("[('token', 'abc'), ('user', 'bob')]", f"[('token', '{M}'), ('user', 'bob')]"),
        ("[(b'cookie', b'sid=abc; x=1')]", f"[(b'cookie', b'{M}')]"),
        # headers
        ("Authorization: Bearer abc.def next", f"Authorization: Bearer {M} next"),
        ('curl -H "Authorization: Bearer abc" https://x', f'curl -H "Authorization: Bearer {M}" https://x'),
        ("{'Authorization': 'Bearer abc', 'a': 1}", f"{{'Authorization': '{M}', 'a': 1}}"),
        ('Authorization: Digest username="bob", response="abc" x', f"Authorization: Digest {M} x"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=A/1/s3, SignedHeaders=host;range, Signature=fe",
            f"Authorization: AWS4-HMAC-SHA256 {M}",
        ),
        ("Cookie: sid=abc; theme=dark\r\nHost: x", f"Cookie: {M}\r\nHost: x"),
        ("X-Auth-Token: Bearer abc x", f"X-Auth-Token: {M} x"),
        # URLs
        ("GET /cb?token=abc&x=1 HTTP/1.1", f"GET /cb?token={M}&x=1 HTTP/1.1"),
        ("to=%2Fcb%3Ftoken%3Dabc HTTP/1.1", f"to=%2Fcb%3Ftoken%3D{M} HTTP/1.1"),
        ("https://x/#access_token=abc&y=1", f"https://x/#access_token={M}&y=1"),
        # command lines
        ("mysql --password hunter2 db", f"mysql --password {M} db"),
        ("mysql --password=hunter2 db", f"mysql --password={M} db"),
        ("['mysql', '--password', 'x y', 'db']", f"['mysql', '--password', '{M}', 'db']"),
        # what others have escaped or coloured
        (r"GET / HTTP/1.1\r\ntoken=abc", rf"GET / HTTP/1.1\r\ntoken={M}"),
        (r"'a\x00password: abc'", rf"'a\x00password: {M}'"),
        (r"c:\token=abc x", rf"c:\token={M} x"),
        ("\x1b[36mtoken\x1b[0m=\x1b[35mabc\x1b[0m x", f"\x1b[36mtoken\x1b[0m=\x1b[35m{M}\x1b[0m x"),
        ("\x1b[1;36mtoken\x1b[0m: abc", f"\x1b[1;36mtoken\x1b[0m: {M}"),
        (json.dumps({wide("token"): "a b", "x": 1}), json.dumps({wide("token"): M, "x": 1})),
        (json.dumps(json.dumps({wide("token"): "a b"})), json.dumps(json.dumps({wide("token"): M}))),
        # other scripts
        (f"{wide('password')}=hunter2 ok", f"{wide('password')}={M} ok"),
        ("密码 token=abc 完", f"密码 token={M} 完"),
    ],
)
def test_the_value_goes_and_the_words_around_it_stay(text: str, shown: str) -> None:
    assert KEYS.redact_text(text) == shown
    assert KEYS.redact_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("", "=", ":", "password", "password=", "password: ", "password='' user=bob", "a=b", "time 12:30:05"),
        "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=218.188.2.4  user=root",
        "password= user=bob",
        "tokenizer=fast author: bob, keyboard=de",
        "jwt.exceptions.InvalidTokenError: Signature has expired",
        "usage: prompt_tokens=12 completion_tokens=7 total_tokens=19",
        "std::token::Kind",
        "['token', 'secret', 'user']",
        "Failed password for invalid user bob from 1.2.3.4 port 22 ssh2",
        "the token, it was said, expired",
        "--verbose --token",
        "x" * 100,
    ],
)
def test_a_text_without_secrets_is_left_as_it_is(text: str) -> None:
    assert KEYS.redact_text(text) is text or KEYS.redact_text(text) == text


def test_texts_are_left_alone_if_so_configured() -> None:
    assert KeyRedactor(text=False).redact_text("password=hunter2") == "password=hunter2"


def test_keep_last_shows_the_end_in_texts_too() -> None:
    redactor = KeyRedactor(keys=["card"], action="keep_last")

    shown = redactor.redact_text("card=4111111111111111 card='4111111111111112' card=123")

    assert shown == "card=[redacted]1111 card='[redacted]1112' card=[redacted]"
    assert redactor.redact_text(shown) == shown


def test_remove_masks_in_texts() -> None:
    assert KeyRedactor(action="remove").redact_text("token=abc x") == f"token={M} x"


# -- what programs really print ---------------------------------------------------------------------------------------

# No blanks: nobody can say where a value without quotes ends. No quotes or brackets at its ends: they are the text's.
# No ",name=" in it: that is where the next pair begins. In what quotes and escapes, anything goes.
HEAD, TAIL = "Q7head", "tail7Z"
bare = st.text(st.sampled_from("abzAZ09._~!@#$%^*+/|?=:-'\"`()[]{}<>"), max_size=20).map(lambda t: f"{HEAD}{t}{TAIL}")
quoted = st.text(st.characters(codec="ascii"), max_size=20).map(lambda t: f"{HEAD}{t}{TAIL}")
innocent = st.sampled_from(
    ["pass", "word", "tokens of joy", "uid=0", "a: b", "(", "'", "[x]", '"q"', "\n", ",", "&x=1"]
)
names = st.sampled_from([*DEFAULT_KEYS, "X-Auth-Token", "dbPassword", "API_KEYS", "Proxy-Authorization"])


def holder(name: str, secret: str) -> object:
    """Return an object whose printed form names its secret."""
    made = make_dataclass("Holder", [("other", int), ("x_" + re.sub(r"\W", "_", name), str), ("many", list[str])])
    return made(1, secret, ["a"])


def assert_hidden(text: str, before: str) -> None:
    shown = KEYS.redact_text(text)

    assert HEAD in text
    assert HEAD not in shown, text
    assert TAIL not in shown, text
    assert shown.startswith(before)
    assert KEYS.redact_text(shown) == shown


@given(name=names, secret=bare, before=innocent, after=innocent)
def test_no_part_of_a_planted_secret_is_left_where_nothing_is_quoted(
    name: str, secret: str, before: str, after: str
) -> None:
    assert_hidden(f"{before} {name}={secret} {after}", before)
    assert_hidden(f"{before} {name}: {secret}", before)
    assert_hidden(f"{before} prog --{name}={secret} {after}", before)
    assert_hidden(f"{before} prog --{name} {secret} {after}", before)


@given(name=names, secret=quoted, before=innocent, after=innocent)
def test_no_part_of_a_planted_secret_is_left_where_it_is_printed(
    name: str, secret: str, before: str, after: str
) -> None:
    assert_hidden(f"{before} {name}={secret!r} {after}", before)
    assert_hidden(f"{before} {json.dumps({'a': 1, name: secret, 'b': [2]})} {after}", before)
    assert_hidden(f"{before} {json.dumps(json.dumps({'a': 1, name: secret, 'b': 2}))} {after}", before)
    assert_hidden(f"{before} { {name: secret, 'b': 2}!r} {after}", before)
    assert_hidden(f"{before} { {name: [secret, {'x': (secret, b'y')}]}!r} {after}", before)
    assert_hidden(f"{before} {[(name, secret), ('b', 'c')]!r} {after}", before)
    assert_hidden(f"{before} {[(name.encode(), secret.encode())]!r} {after}", before)
    assert_hidden(f"{before} {holder(name, secret)!r} {after}", before)
    assert_hidden(f"{before} https://host/p?a=1&{urlencode({name: secret})}&b=2 {after}", before)
    assert_hidden(f"{before} https://host/p?to={quote_plus(f'/x?{name}={quote_plus(secret)}')} {after}", before)
    assert_hidden(f"{before} {['prog', f'--{name}', secret, 'x']!r} {after}", before)


@given(
    st.lists(
        innocent
        | st.text(max_size=5)
        | st.sampled_from(["token", "password", "Cookie", "Authorization", "--token", "Bearer", M, "[redacted]1234"])
        | st.sampled_from(list("=:'\"`()[]{}<>\\,;& %\n\r-.")),
        max_size=25,
    ).map("".join),
    st.sampled_from(["mask", "keep_last"]),
)
@example("token=" + "(" * 30 + " token=[redacted] x", "mask")
def test_redacting_twice_is_redacting_once(text: str, action: str) -> None:
    redactor = KeyRedactor(action=action)  # type: ignore[arg-type]
    once = redactor.redact_text(text)

    assert redactor.redact_text(once) == once


def test_a_traceback_shows_no_secret_and_every_frame() -> None:
    secret = "hunter2-" + "s3cr3t"  # the source line is in the traceback too, and must not be what is found

    def connect(password: str) -> None:
        raise ValueError(f"cannot log in with password={password}")

    try:
        try:
            connect(secret)
        except ValueError as error:
            error.add_note(f"Authorization: Bearer {secret}")
            raise RuntimeError({"token": secret}) from error
    except RuntimeError:
        text = traceback.format_exc()

    shown = KEYS.redact_text(text)

    assert secret in text
    assert secret not in shown
    assert len(shown.splitlines()) == len(text.splitlines())
    assert "ValueError: cannot log in with password=[redacted]\n" in shown
    assert shown.count('File "') == text.count('File "')


def test_a_failed_command_shows_no_secret() -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        subprocess.run([sys.executable, "-c", "raise SystemExit(3)", "--api-key", "hunter2 s3cr3t"], check=True)

    shown = KEYS.redact_text(str(raised.value))

    assert "hunter2" not in shown
    assert shown.endswith("returned non-zero exit status 3.")


# -- time -------------------------------------------------------------------------------------------------------------

# Four times what the core lets through: quadratic time would be sixteen times as long and run into the limit.
LONG = 262_144
PIECES = [
    *(
        "a",
        "=",
        ":",
        "token",
        "token=",
        "token='",
        'token="',
        "token=(",
        "token=[\n",
        "token=<",
        "token={'",
        "token=a((",
    ),
    *("token:", "token= ", "--token ", "--", "'token', ", "('token', '", "Authorization: ", "Authorization: a=", "a="),
    *("Cookie: a=b; ", "cookie=a=", "token=a,", "token=a,b", "token=\\", 'token=\\"', '\\"', "token=a'", "%3Dtoken"),
    *(
        "\\u0041",
        "\\\\u0041",
        "\\u0041-",
        "%41",
        "\\",
        "\x1b",
        "\x1b[",
        "token=\x1b[0m",
        "token\\",
        "token.",
        "token-",
        "token ",
        "password=x&",
        "token=Bearer ",
        'token=\\\\\\"a',
        " ",
        "\\",
        "'",
        '"',
    ),
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", PIECES)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    KEYS.redact_text(piece * (LONG // len(piece)))
    KEYS.redact_text("token=" + piece * (LONG // len(piece)))
    KEYS.redact_text("token=x " + piece * (LONG // len(piece)))
