"""Keys are compared word by word, in any spelling."""

from __future__ import annotations

import pytest

import penstock
from penstock.plugin import MASK, REMOVE
from penstock_redact.keys import DEFAULT_KEYS, DEFAULT_SAFE, KeyRedactor
from penstock_redact.names import words_of


def wide(text: str) -> str:
    """Return *text* in full-width characters."""
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


def caught(key: str, **options: object) -> bool:
    return KeyRedactor(**options).redact_key(key) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("X-Auth-Token", ["x", "auth", "token"]),
        ("userAuthToken2", ["user", "auth", "token", "2"]),
        ("HTTPServerURL", ["http", "server", "url"]),
        ("API_KEY", ["api", "key"]),
        ("oauth2.token", ["oauth", "2", "token"]),
        (wide("AuthToken"), ["auth", "token"]),
        ("pass\u200bword", ["password"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("пароль_БД", ["пароль", "бд"]),
        ("--", []),
        ("a\ud800b", ["a", "b"]),
    ],
)
def test_a_key_is_split_into_its_words(key: str, words: list[str]) -> None:
    assert [word.text for word in words_of(key)] == words


@pytest.mark.parametrize(
    "key",
    [
        *("auth_token", "X-Auth-Token", "authToken", "AUTH_TOKEN", "user_auth_token_value", "auth.token", "auth token"),
        *("authtoken", "AuthToken", "xAuthtoken", "auth_tokens", "AUTHTOKENS", "b'auth_token'", wide("AUTH_TOKEN")),
    ],
)
def test_auth_token_is_caught_in_every_spelling(key: str) -> None:
    assert caught(key, keys=["auth_token"])
    assert caught(key, keys=["AuthToken"])


@pytest.mark.parametrize("key", ["auth", "token", "token_auth", "auth_my_token", "authtokenizer", "author_tokens"])
def test_auth_token_is_not_found_where_its_words_do_not_follow_one_another(key: str) -> None:
    assert not caught(key, keys=["auth_token"])


@pytest.mark.parametrize(
    "key", ["token", "access_token", "token2", "tokens", "TOKEN", "toKen", "x.token.y", "my-token"]
)
def test_one_word_catches_itself_its_plural_and_its_numbers(key: str) -> None:
    assert caught(key, keys=["token"])


@pytest.mark.parametrize("key", ["tokenizer", "tokenized", "accesstoken", "to_ken", "tok", "tokensize"])
def test_one_word_is_not_found_inside_another(key: str) -> None:
    assert not caught(key, keys=["token"])


@pytest.mark.parametrize("key", ["shipping", "pinned", "spin", "pi_n", "p-in", "opinion"])
def test_pin_is_not_in_shipping(key: str) -> None:
    assert not caught(key, keys=["pin"])
    assert caught("card_pin", keys=["pin"])


@pytest.mark.parametrize(
    "key", ["password", "PassWord", "passWord", "pAsSwOrD", "PASSWORD", "user_password", "userPassword1"]
)
def test_odd_case_hides_nothing_from_a_name_of_one_word(key: str) -> None:
    assert caught(key, keys=["password"])


@pytest.mark.parametrize(
    "key",
    [
        *("password", "DB_PASSWORD", "dbpassword", "PGPASSWORD", "client_secret", "clientSecret", "clientsecret"),
        *("api_key", "apikey", "X-Api-Key", "apiKeys", "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"),
        *("csrfmiddlewaretoken", "sessionid", "session_id", "private_key", "privateKey", "aws_secret_access_key"),
        *(
            "X-Amz-Security-Token",
            "X-Amz-Signature",
            "SharedAccessKey",
            "AccountKey",
            "refreshToken",
            "id_token",
            "jwt",
        ),
        *(
            "credentials",
            "pwd",
            "Pwd",
            "passwd",
            "passphrase",
            "otp",
            "card_number",
            "cvv",
            "secret",
            "SECRET_KEY_BASE",
        ),
    ],
)
def test_without_configuration_what_is_commonly_secret_is_caught(key: str) -> None:
    assert caught(key)


@pytest.mark.parametrize(
    "key",
    [
        *("user", "author", "authority", "secretary", "tokenizer", "keyboard", "monkey", "compass", "bypass", "path"),
        *(
            "public_key",
            "primary_key",
            "key",
            "id",
            "session",
            "auth_method",
            "pinned",
            "shipping",
            "card_type",
            "spin",
        ),
        *DEFAULT_SAFE,
        *("maxTokens", "usage.total_tokens", "tokenType"),
    ],
)
def test_without_configuration_innocent_names_are_left(key: str) -> None:
    assert not caught(key)


def test_a_safe_name_is_spared_as_a_whole_and_in_any_spelling() -> None:
    redactor = KeyRedactor(keys=["token"], safe=["token_count"])

    assert redactor.redact_key("tokenCount") is None
    assert redactor.redact_key("usage.token-count") is None
    assert redactor.redact_key("token_count_secret_token") is not None
    assert redactor.redact_key("my_token_count") is not None


def test_extra_keys_are_secret_besides_the_default_ones() -> None:
    redactor = KeyRedactor(extra_keys=["pin"])

    assert redactor.redact_key("card_pin") is not None
    assert redactor.redact_key("password") is not None
    assert redactor.redact_text("pin=1234") == "pin=[redacted]"


def test_keys_replace_the_default_ones() -> None:
    assert not caught("password", keys=["pin"])


def test_no_default_name_is_covered_by_another() -> None:
    for name in DEFAULT_KEYS:
        rest = [other for other in DEFAULT_KEYS if other != name]
        spellings = (name, name.replace("_", ""))
        assert not all(caught(spelling, keys=rest, safe=[]) for spelling in spellings), name


@pytest.mark.parametrize("value", ["s3cr3t", 12345, 1.5, True, None, ["s3cr3t"], {"a": "s3cr3t"}, ""])
def test_mask_hides_any_value(value: object) -> None:
    action = KeyRedactor().redact_key("token")

    assert action is not None
    assert action(value) == MASK


def test_remove_leaves_the_key_out() -> None:
    action = KeyRedactor(action="remove").redact_key("token")

    assert action is not None
    assert action("s3cr3t") is REMOVE


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("4111111111111111", "[redacted]1111"),
        (4111111111111111, "[redacted]1111"),
        ("elevenchars", MASK),
        ("twelve.chars", "[redacted]hars"),
        ('ends in a quote"x', MASK),
        (True, MASK),
        (None, MASK),
        (["4111111111111111"], MASK),
        (MASK, MASK),
        ("[redacted:credit_card]", MASK),
        ("[redacted]1111", "[redacted]1111"),
    ],
)
def test_keep_last_shows_the_end_of_what_is_long_enough(value: object, shown: str) -> None:
    action = KeyRedactor(action="keep_last").redact_key("card_number")

    assert action is not None
    assert action(value) == shown
    assert action(action(value)) == shown


@pytest.mark.parametrize("keep", range(1, 17))
def test_keep_last_done_twice_is_done_once(keep: int) -> None:
    action = KeyRedactor(action="keep_last", keep_last=keep).redact_key("token")

    assert action is not None
    for length in range(60):
        once = action("x" * length)
        assert action(once) == once


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"keys": ["--"]}, "'--' has no letter or digit"),
        ({"action": "hide"}, "'mask', 'remove', 'keep_last', 'hash'"),
        ({"keep_last": 0}, "expected a number from 1 to 16"),
        ({"keep_last": 17}, "expected a number from 1 to 16"),
        ({"keys": "token"}, "expected an array"),
        ({"kesy": ["token"]}, "did you mean 'keys'?"),
    ],
)
def test_a_wrong_option_is_told_by_its_place(options: dict[str, object], text: str) -> None:
    with pytest.raises(penstock.ConfigError) as raised:
        penstock.configure(
            {
                "redact": {"r": {"type": "keys", **options}},
                "sink": {"out": {"type": "stderr"}},
                "pipeline": {"all": {"sink": "out"}},
            },
            strict=True,
        )

    assert text in str(raised.value)
    assert "redact.r" in str(raised.value)
