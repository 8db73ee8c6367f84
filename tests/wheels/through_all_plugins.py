"""Run a TOML through every plugin, in an environment that has only their wheels; exit 1 with what is wrong.

Run by ``nox -s wheels``. It needs no network: the chats are a local server.
"""

from __future__ import annotations

import gzip
import json
import socket
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import penstock
from penstock import tooling

SECRET = "s3cr3t-canary"

TOML = """
level = "info"

[redact.secrets]
type = "keys"
keys = ["token"]

[emit.calm]
type = "throttle"
[emit.alike]
type = "group"

[sink.console]
type = "stderr"

[sink.file]
type = "file-rotate"
path = "out/app.jsonl"
max_size = "2 kB"
compress = "gzip"
keep = 50

[sink.phone]
type = "telegram"
token = {{ env = "TELEGRAM_TOKEN" }}
chat_id = "1"
api = "{url}"

[sink.room]
type = "discord"
webhook = {{ env = "DISCORD_WEBHOOK" }}

[sink.logs]
type = "syslog"
url = "udp://127.0.0.1:{port}"

[sink.page]
type = "pager"
gateway = "out/pages.txt"
number = "+1"

[sink.unpackaged]
type = "python:acme_pager.sink:PagerSink"
gateway = "out/unpackaged.txt"
number = "+2"

[pipeline.console]
sink = "console"
level = "warning"
[pipeline.file]
sink = "file"
[pipeline.phone]
sink = "phone"
level = "error"
emit = ["alike", "calm"]
[pipeline.room]
sink = "room"
level = "error"
emit = ["calm"]
[pipeline.logs]
sink = "logs"
level = "error"
[pipeline.page]
sink = "page"
level = "error"
format = "json"
[pipeline.unpackaged]
sink = "unpackaged"
level = "error"
"""


class Chats(BaseHTTPRequestHandler):
    """Answers as both chats do when all is well, and remembers what it was told."""

    told: list[bytes] = []  # noqa: RUF012, one list for all requests is the point

    def do_POST(self) -> None:
        """Take a message."""
        self.told.append(self.rfile.read(int(self.headers["Content-Length"])))
        body = b'{"ok": true, "result": {"message_id": 1}, "id": "1"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: what is on standard error is looked at."""


def main() -> int:
    """Run, and return the exit code."""
    import os

    source_tree = [path for path in sys.path if "/src" in path.replace("\\", "/")]
    assert not source_tree, source_tree
    assert "site-packages" in str(penstock.__file__), penstock.__file__
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chats)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    os.environ["TELEGRAM_TOKEN"] = "1:AAAA-local-token"
    os.environ["DISCORD_WEBHOOK"] = f"{url}/webhooks/1/local-token"
    logs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    logs.bind(("127.0.0.1", 0))
    logs.settimeout(10)
    with logs, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "out").mkdir()
        file = Path(folder) / "penstock.toml"
        file.write_text(TOML.format(url=url, port=logs.getsockname()[1]))
        check_run(file)
        check_outputs(Path(folder) / "out")
        message = logs.recv(65_536)
        assert message.startswith(b"<11>1 "), message
        assert message.endswith(b" an error"), message
        assert SECRET.encode() not in message
    server.shutdown()
    check_distributions()
    print("wheels: every plugin delivered, every account balances")
    return 0


def check_run(file: Path) -> None:
    """Emit a hundred events and an error, and look at the ledger."""
    problems = tooling.check(file)
    assert not problems, problems
    penstock.configure(file, strict=True)
    log = penstock.get_logger("wheels")
    for number in range(100):
        log.info("an event", number=number, token=SECRET)
    log.error("an error", token=SECRET)
    assert penstock.shutdown(10)
    ledger = penstock.ledger()
    assert ledger.balanced, ledger
    expected = {"console": 1, "file": 101, "phone": 1, "room": 1, "logs": 1, "page": 1, "unpackaged": 1}
    assert {name: account.delivered for name, account in ledger.items()} == expected, ledger


def check_outputs(out: Path) -> None:
    """Look for every line once, and for the secret nowhere."""
    archives = sorted(out.glob("app*.gz"))
    assert archives, list(out.iterdir())
    text = b"".join(gzip.decompress(path.read_bytes()) for path in archives)
    text += b"".join(path.read_bytes() for path in sorted(out.glob("app*.jsonl")))
    lines = [json.loads(line) for line in text.splitlines()]
    assert sorted(line["number"] for line in lines if "number" in line) == list(range(100))
    everything = text + (out / "pages.txt").read_bytes() + (out / "unpackaged.txt").read_bytes() + b"".join(Chats.told)
    assert SECRET.encode() not in everything
    assert everything.count(b"an error") == 5, everything
    assert len(Chats.told) == 2, Chats.told


def check_distributions() -> None:
    """Look at what was installed: each with its types, and found by entry point."""
    ours = [found for found in metadata.distributions() if found.metadata["Name"].startswith("penstock")]
    assert len(ours) >= 13, ours
    for found in ours:
        assert any(str(path).endswith("py.typed") for path in found.files or ()), found.metadata["Name"]
    types = {listing.type for listing in tooling.list_installed()}
    assert types >= {
        "json",
        "stderr",
        "stdout",
        "console",
        "file-rotate",
        "keys",
        "patterns",
        "paths",
        "telegram",
        "email",
    }, types
    for listing in tooling.list_installed():
        verification = tooling.verify(listing)
        assert not verification.error, (listing, verification)
        assert set(verification.kinds) == {"sink", "format"} & set(verification.kinds) | set(verification.kinds)


if __name__ == "__main__":
    sys.exit(main())
