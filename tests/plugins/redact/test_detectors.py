"""Each detector finds what it is for, in the middle of a sentence, and little else, in linear time."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_redact.detectors import BY_NAME, DEFAULT_NAMES, DETECTORS
from penstock_redact.patterns import PatternRedactor

README = Path(__file__).parents[3] / "plugins/redact/README.md"

# Made here and never written out: a scanner of repositories, rightly, knows no jokes.
RANDOM = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8cF0" * 4
BASE64 = base64.b64encode(bytes(range(48))).decode()


def b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


HEADER, CLAIMS = b64('{"alg":"HS256","typ":"JWT"}'), b64('{"sub":"1234567890"}')
LIVE, ZA = "live", "za"
PEM = f"-----BEGIN PRIVATE KEY-----\n{BASE64}\n{BASE64}\n-----END PRIVATE KEY-----"

# Name of the detector, what stands before the secret part, the secret part, what stands behind it.
FOUND = [
    ("jwt", "", f"{HEADER}.{CLAIMS}.{RANDOM[:43]}", ""),
    ("jwt", "", f"{HEADER}.{CLAIMS}.", ""),
    ("jwt", "", f"{HEADER}..{RANDOM[:16]}.{RANDOM[:30]}.{RANDOM[:22]}", ""),
    ("bearer", "Authorization: Bearer ", RANDOM[:32], ""),
    ("bearer", "authorization: bearer ", "abc.def-ghi_1~+/==", ""),
    ("basic", "Authorization: Basic ", base64.b64encode(b"bob:hunter2").decode(), ""),
    ("basic_auth_url", "postgres://bob:", "hunter2", "@db.example/orders"),
    ("basic_auth_url", "redis://:", "p@ss:w", "@cache:6379"),
    ("basic_auth_url", "amqp://bob:", "with/slash", "@mq/vhost"),
    ("aws_access_key", "", "AK" + "IA" + "ABCDEFGHIJKLMNOP", ""),
    ("aws_access_key", "", "AS" + "IA" + "2345672345672345", ""),
    *(("github_token", "", f"gh{kind}_{RANDOM[:36]}", "") for kind in "pousr"),
    ("github_token", "", f"github_pat_{RANDOM[:22]}_{RANDOM[:59]}", ""),
    ("gitlab_token", "", f"glpat-{RANDOM[:20]}", ""),
    ("gitlab_token", "", f"glagent-{RANDOM[:50]}", ""),
    ("aws_access_key", "", "AB" + "IA" + "ABCDEFGHIJKLMNOP", ""),
    ("square_token", "", f"sq0{'csp'}-{RANDOM[:43]}", ""),
    ("mailchimp_key", "", "0123456789abcdef" * 2 + "-us12", ""),
    ("slack_token", "", f"xoxb-123456789012-{RANDOM[:24]}", ""),
    ("slack_token", "", f"xoxe.xoxp-1-{RANDOM[:24]}", ""),
    ("slack_token", "", f"xapp-1-A0-{RANDOM[:24]}", ""),
    ("slack_webhook", "https://hooks.slack.com/services/", f"T0000/B0000/{RANDOM[:24]}", ""),
    ("telegram_token", "https://api.telegram.org/bot123456789:", f"AA{RANDOM[:33]}", "/sendMessage"),
    ("telegram_token", "token 123456:", f"AA{RANDOM[:33]}", ""),
    ("discord_webhook", "https://discord.com/api/webhooks/123456789012345678/", RANDOM[:68], ""),
    ("discord_webhook", "https://discordapp.com/api/v10/webhooks/123456789012345678/", RANDOM[:68], "?wait=true"),
    ("discord_token", f"Bot {b64('198622483471925248')}.", f"Cl2FMQ.{RANDOM[:27]}", ""),
    ("google_api_key", "", f"AI{ZA}{RANDOM[:35]}", ""),
    ("stripe_key", "", f"sk_{LIVE}_{RANDOM[:24]}", ""),
    ("stripe_key", "", f"rk_test_{RANDOM[:99]}", ""),
    ("stripe_key", "", f"whsec_{RANDOM[:32]}", ""),
    ("npm_token", "", f"npm_{RANDOM[:36]}", ""),
    ("pypi_token", "", f"pypi-{RANDOM[:100]}", ""),
    ("sendgrid_key", "", f"SG.{RANDOM[:22]}.{RANDOM[:43]}", ""),
    ("llm_key", "", f"sk-{RANDOM[:48]}", ""),
    ("llm_key", "", f"sk-proj-{RANDOM[:60]}", ""),
    ("llm_key", "", f"sk-ant-api03-{RANDOM[:90]}", ""),
    ("private_key_block", "", PEM, ""),
    ("private_key_block", "", PEM.replace("PRIVATE", "RSA PRIVATE"), ""),
    ("private_key_block", "", PEM.replace("PRIVATE KEY", "PGP PRIVATE KEY BLOCK"), ""),
    ("private_key_block", "", PEM.replace("\n", "\\n"), ""),
    ("private_key_block", "", PEM[:120], ""),
    ("credit_card", "", "4111111111111111", ""),
    ("credit_card", "", "4111 1111 1111 1111", ""),
    ("credit_card", "", "5500-0000-0000-0004", ""),
    ("credit_card", "", "2221000000000009", ""),
    ("credit_card", "", "340000000000009", ""),
    ("credit_card", "", "3400 000000 00009", ""),
    ("credit_card", "", "30000000000004", ""),
    ("credit_card", "", "6011000000000004", ""),
    ("credit_card", "", "3530111333300000", ""),
    ("email", "", "bob.o'neill+x@mail.example.org"[6:], ""),
    ("email", "<", "a_b-c%d@x.co", ">"),
    ("ipv4", "rhost=", "218.188.2.4", ""),
    ("ipv4", "[", "173.234.31.186", "]:22"),
    ("ipv4", "http://", "10.0.0.1", ":80/x"),
    ("ipv4", "client/", "255.255.255.255", "."),
    ("ipv4", "", "5.36.59.76", ".dynamic.example.net"),
    ("ipv4", "来自", "1.2.3.4", "的"),
    *(("ipv6", "", text, "") for text in ("::1", "fe80::1%eth0", "2001:db8::8:800:200c:417a", "::ffff:192.0.2.1")),
    *(("ipv6", "", text, "") for text in ("1:2:3:4:5:6:7:8", "2001:DB8::", "64:ff9b::192.0.2.33")),
    ("ipv6", "https://[", "2001:db8::1", "]:443/"),
    ("ipv6", "node:", "fe80::1", ": no route"),
    ("ipv6", "inet6 addr:", "fe80::1", "/64"),
]

LEFT = [
    ("jwt", "eyJhbGci is how they begin"),
    ("bearer", "Bearer authentication is required, Bearer Authentication"),
    ("bearer", "the bearer token. bearer"),
    ("basic", "Basic settings of basic knowledge"),
    ("basic_auth_url", "http://host:8080/a@b https://host/x:y@z ssh://git@host/x"),
    ("basic_auth_url", "http://[::1]:80/a@b"),
    ("aws_access_key", "XAKIAABCDEFGHIJKLMNOP AKIAABCDEFGHIJKLMNOPQ AKIA"),
    ("github_token", "ghp_short high_ghs_is_a_name ghs_some_very_long_function_name"),
    ("slack_token", "xoxo-hugs-and-kisses foxapp-1234567890"),
    ("telegram_token", "12:30:05 1234567:short 123456789:" + "a" * 36),
    ("discord_token", "averylongmodulenameindeed.module.functionwithalongnamehere123"),
    ("stripe_key", "task_test_abcdefghijklmnopqrst sk_live_short"),
    ("llm_key", "task-0123456789012345678901 sk-SK risk-averse-and-very-long-word-1"),
    ("sendgrid_key", "SG.short.one MSG.x"),
    ("private_key_block", "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"),
    ("private_key_block", "-----BEGIN PUBLIC KEY-----"),
    ("credit_card", "4111111111111112 1700000000000000000 0.4111111111111111 41111111111111111 x4111111111111111"),
    ("credit_card", "550e8400-e29b-41d4-a716-446655440000 +49 151 12345678"),
    ("email", "user@localhost @mention a@ b@.c git@github:x"),
    ("ipv4", "220-135-151-1.hinet-ip.hinet.net"),
    ("ipv4", "v1.2.3.4 version 1.2.3.4 version=1.2.3.4 Version: 10.0.0.1 1.2.3.4.5 1.2.3 256.1.1.1"),
    ("ipv6", "12:30:05 00:1a:2b:3c:4d:5e std::io::Error Foo::bar :: a:b 2017-05-16_13:53:08 1:2:3"),
    ("ipv6", "12345::1 1:2:3:4:5:6:7:8:9:10 10:20"),
]


@pytest.mark.parametrize(("name", "before", "secret", "behind"), FOUND)
def test_it_finds_what_it_is_for_and_leaves_the_words_around(name: str, before: str, secret: str, behind: str) -> None:
    redactor = PatternRedactor(detect=[name])

    shown = redactor.redact_text(f"Sent {before}{secret}{behind} to bob\nnext")

    assert shown == f"Sent {before}[redacted:{name}]{behind} to bob\nnext"
    assert redactor.redact_text(shown) == shown


@pytest.mark.parametrize(("name", "before", "secret", "behind"), FOUND)
def test_it_finds_it_in_quotes_json_and_at_the_ends_of_a_text(name: str, before: str, secret: str, behind: str) -> None:
    redactor = PatternRedactor(detect=[name])

    for frame in ("{}", "'{}'", '{{"a": "{}", "b": 1}}', "({})", "x={}", "a,{},b", "[{}]", "a\t{}\r\n", "{} {}"):
        text = frame.replace("{}", "\0").replace("{{", "{").replace("}}", "}").replace("\0", before + secret + behind)
        shown = redactor.redact_text(text)
        assert secret.strip("\n") not in shown, text
        assert shown == text.replace(secret, f"[redacted:{name}]"), text


@pytest.mark.parametrize(("name", "text"), LEFT)
def test_it_leaves_what_only_looks_alike(name: str, text: str) -> None:
    assert PatternRedactor(detect=[name]).redact_text(text) == text


def test_all_together_find_each_of_them() -> None:
    redactor = PatternRedactor(detect=list(BY_NAME))

    for _, before, secret, behind in FOUND:
        shown = redactor.redact_text(f"Sent {before}{secret}{behind} to bob")
        assert secret not in shown
        assert "[redacted:" in shown
        assert shown.startswith("Sent ")
        assert shown.endswith(" to bob")
        assert redactor.redact_text(shown) == shown


def test_a_key_in_prose_costs_no_more_than_its_first_line() -> None:
    text = "expected -----BEGIN PRIVATE KEY----- but found nothing of the kind, sorry"

    shown = PatternRedactor().redact_text(text)

    assert shown == "expected [redacted:private_key_block] but found nothing of the kind, sorry"


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_each_row_of_the_table_is_whole(detector: object) -> None:
    from penstock_redact.detectors import Detector

    assert isinstance(detector, Detector)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", detector.name)
    assert detector.doc
    assert detector.source.startswith("https://")
    assert {detector.name} & {name for name, *_ in FOUND}, "a row needs an example"
    re.compile(detector.expression, re.ASCII)


@pytest.mark.parametrize(("name", "before", "secret", "behind"), FOUND)
def test_what_a_row_needs_is_in_what_it_finds(name: str, before: str, secret: str, behind: str) -> None:
    needs = BY_NAME[name].needs

    assert not needs or any(need in f"{before}{secret}{behind} " for need in needs)


def test_credentials_are_found_by_default_and_personal_data_is_not() -> None:
    assert set(BY_NAME) - set(DEFAULT_NAMES) == {"email", "ipv4", "ipv6"}


def test_the_readme_lists_every_detector_with_its_default_and_its_source() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \| ([^|]+) \| <(\S+)> \|$", README.read_text(), re.MULTILINE)

    assert rows == [(d.name, "yes" if d.default else "no", d.doc, d.source) for d in DETECTORS]


# -- real logs --------------------------------------------------------------------------------------------------------


def test_real_logs_have_next_to_no_credentials_in_them(real_lines: list[str]) -> None:
    redactor = PatternRedactor()

    hits = [line for line in real_lines if redactor.redact_text(line) != line]

    assert len(hits) <= len(real_lines) / 1_000, hits[:5]


def test_no_address_is_left_in_real_logs(real_lines: list[str]) -> None:
    redactor = PatternRedactor(detect=["ipv4"])
    naive = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")

    found = 0
    for line in real_lines:
        shown = redactor.redact_text(line)
        assert not naive.search(shown), line
        assert naive.sub("[redacted:ipv4]", line) == shown
        found += shown != line
    assert found


def test_times_and_identifiers_in_real_logs_are_no_ipv6_addresses(real_lines: list[str]) -> None:
    redactor = PatternRedactor(detect=["ipv6"])

    assert [line for line in real_lines if redactor.redact_text(line) != line] == []


# -- time -------------------------------------------------------------------------------------------------------------

# Four times what the core lets through: quadratic time would be sixteen times as long and run into the limit.
LONG = 262_144
PIECES = [
    *(
        "a",
        "0",
        "4",
        ".",
        ":",
        "-",
        "@",
        "/",
        " ",
        "eyJ",
        "eyJaaaaaaaa.",
        "eyJaaaaaaaaaaaa",
        "Bearer ",
        "Bearer a",
        "://",
    ),
    *(
        "://a:",
        "://a:b",
        "://a:b/",
        "://:@",
        "Basic ",
        "AKIA",
        "ghp_",
        "xoxb-",
        "sk-",
        "pypi-",
        "discord.com/api/webhooks/1",
    ),
    *(
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\naaaaaaaaaaaaaaaa",
        "-----BEGIN ",
        "PRIVATE KEY",
        "\\n",
    ),
    *(
        "a.",
        "a@a.",
        "a@",
        "1.",
        "1.1.1.1.",
        "1:",
        "::",
        "f::",
        "abcd:",
        "4111 ",
        "4111-1111-1111-111",
        "123456:",
        "a" * 23 + ".",
    ),
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", PIECES)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    redactor = PatternRedactor(detect=list(BY_NAME))
    text = piece * (LONG // len(piece))

    redactor.redact_text(text)
    for detector in DETECTORS:  # also where it is not needed: needs are no excuse
        re.compile(detector.expression, re.ASCII).sub("", text)


@given(
    st.lists(
        st.sampled_from([before + secret + behind for _, before, secret, behind in FOUND])
        | st.sampled_from(list("aZ09.:-_@/ '\"=\n"))
        | st.text(max_size=3),
        max_size=12,
    ).map("".join)
)
def test_redacting_twice_is_redacting_once(text: str) -> None:
    redactor = PatternRedactor(detect=list(BY_NAME))
    once = redactor.redact_text(text)

    assert redactor.redact_text(once) == once
