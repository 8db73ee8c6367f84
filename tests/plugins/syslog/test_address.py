"""An address is understood or refused, and never repeated where it may hold a password."""

from __future__ import annotations

from typing import Any

import pytest

import penstock
from penstock.errors import ConfigError
from penstock_syslog.address import Address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("udp://logs.example", Address("udp", "logs.example", 514)),
        ("tcp://logs.example/", Address("tcp", "logs.example", 601)),
        ("tls://logs.example", Address("tls", "logs.example", 6514)),
        ("tls://[2001:db8::1]:1", Address("tls", "2001:db8::1", 1)),
        ("tcp://127.0.0.1:10514", Address("tcp", "127.0.0.1", 10514)),
        ("unix:///run/with%20blank", Address("unix", path="/run/with blank")),
        ("unix:/dev/log", Address("unix", path="/dev/log")),
    ],
)
def test_an_address_is_understood(url: str, expected: Address) -> None:
    assert Address.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "logs.example:514",
        "http://logs.example",
        "tcp://",
        "tcp://host:0",
        "tcp://host:70000",
        "tcp://host:port",
        "tcp://host/path",
        "tcp://host?tls=1",
        "tcp://host\n.example",
        "tls://user:hunter2-fake@host",
        "unix://relative",
        "unix:",
        "unix:///a%00b",
        "udp://hö.example",
    ],
)
def test_a_wrong_one_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="expected a URL such as tls://host:6514") as caught:
        Address.parse(url)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "url"),
        ({"url": "syslog://h"}, "expected a URL such as"),
        ({"url": "udp://h", "max_size": "100 B"}, "480 B or more"),
        ({"url": "tls://h", "server_name": ".example"}, "expected the name of a host"),
        ({"url": "tls://h", "server_name": "hö"}, "expected the name of a host"),
        ({"url": "tls://127.0.0.1", "key": "key.pem"}, "'key' is the key of a 'certificate'"),
        ({"url": "tls://127.0.0.1", "ca": "missing.pem"}, "cannot use .*missing.pem: No such file"),
    ],
)
def test_a_wrong_option_is_told_by_configure(options: dict[str, Any], problem: str) -> None:
    table = {"sink": {"logs": {"type": "syslog", **options}}, "pipeline": {"all": {"sink": "logs"}}}

    with pytest.raises(ConfigError, match=problem):
        penstock.configure(table, strict=True)
