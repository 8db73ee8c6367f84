"""Mail servers with certificates made here, and a river that sends to them."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme

import penstock
from mail_servers import MailServer, RawServer

USER, PASSWORD = "canary-user@shop.example", "canary-p4ss word"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """An authority for certificates; its file; and contexts for servers that have one of it."""
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))

    def context(name: str = "127.0.0.1", of: Any = ca) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        of.issue_cert(name).configure_cert(made)
        return made

    return SimpleNamespace(file=path, context=context)


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Start a mail server, or one that does what a function says."""
    servers: list[MailServer | RawServer] = []

    def start(raw: Any = None, **options: Any) -> Any:
        servers.append(MailServer(**options) if raw is None else RawServer(raw))
        return servers[-1]

    yield start
    penstock.shutdown(1.0)
    for server in servers:
        server.close()
    for thread in threading.enumerate():
        if thread.name == "penstock-mail":  # its attempt ends with its connection
            thread.join(30)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, authority: SimpleNamespace) -> Callable[..., Any]:
    """Configure a river to a mail server, with standard error as its fallback."""
    monkeypatch.setenv("MAIL_USER", USER)
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)

    def run(
        server: Any,
        *,
        login: bool = False,
        ca_file: Path | None = None,
        delivery: dict[str, Any] | None = None,
        pipeline: dict[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        sink = {
            "type": "email",
            "host": "127.0.0.1",
            "port": server.port,
            "sender": "Shop <alerts@shop.example>",
            "to": ["oncall@shop.example"],
            "encryption": "none",
            "delivery": {"batch_wait": "5 ms", "timeout": "10 s", "fallback": "rest", **(delivery or {})},
            **options,
        }
        if sink["encryption"] != "none":
            sink["ca_file"] = str(ca_file or authority.file)
        if login:
            sink |= {"username": {"env": "MAIL_USER"}, "password": {"env": "MAIL_PASSWORD"}}
        return penstock.configure(
            {
                "level": "debug",
                "sink": {"mail": sink, "rest": {"type": "last-resort"}},
                "pipeline": {"all": {"sink": "mail", "match": ["app"], **(pipeline or {})}},
            },
            strict=True,
        )

    return run
