"""Real receivers of syslog: rsyslog, syslog-ng and journald, each started by hand with a configuration of its own; what
this machine does not have is a skip that says why, and is counted.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, Literal

import pytest

skipped: Final[Counter[str]] = Counter()
"""How many tests were skipped, by reason."""
PATIENCE: Final = 60.0
"""Seconds until something that takes milliseconds is given up."""
Kind = Literal["udp", "tcp", "tls", "unix"]


def need(*programs: str) -> None:
    """Skip the test unless *programs* are installed."""
    for program in programs:
        if not _found(program):
            skip(f"{program} is not installed")


def skip(reason: str) -> None:
    skipped[reason] += 1
    pytest.skip(reason)


@cache
def _found(program: str) -> str:
    places = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/lib/systemd:/usr/lib/systemd"
    return shutil.which(program, path=places) or ""


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < until, f"waited in vain for {what}"
        sleep(0.01)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Daemon:
    """A receiver that writes each message as a line of JSON.

    Args:
        folder: Of its own.
        kind: What it listens to.
        certificates: Folder of `make_certificates`, for ``tls``.
        client: Whether it wants to see a certificate of the client.
        as_it_comes: Whether it is to change control characters, as it does unless it is told not to.
    """

    program: str

    def __init__(
        self,
        folder: Path,
        kind: Kind,
        certificates: Path | None = None,
        *,
        client: bool = False,
        as_it_comes: bool = False,
    ) -> None:
        need(self.program)
        self.folder = folder
        self.kind = kind
        self.port = 0 if kind == "unix" else free_port(socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        self.socket = folder / "log"
        self.out = folder / "out.jsonl"
        self.certificates = certificates
        self.client = client
        self.as_it_comes = as_it_comes
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}" if self.kind == "unix" else f"{self.kind}://127.0.0.1:{self.port}"

    def start(self) -> None:
        (self.folder / "conf").write_text(self.configuration())
        with (self.folder / "err").open("ab") as err:
            self._process = subprocess.Popen(self.command(), stdout=err, stderr=err, stdin=subprocess.DEVNULL)
        wait_for(self._listens, f"{self.program}: {(self.folder / 'err').read_text()[-2000:]}")

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "err").read_text()
        if self.kind == "unix":
            return _answers(self.socket)
        table = Path("/proc/net/udp" if self.kind == "udp" else "/proc/net/tcp").read_text()
        listening = "07" if self.kind == "udp" else "0A"
        return any(
            row.split()[1].endswith(f":{self.port:04X}") and row.split()[3] == listening
            for row in table.splitlines()[1:]
        )

    def stop(self, how: int = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(PATIENCE)

    def freeze(self, frozen: bool) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def received(self) -> list[dict[str, Any]]:
        """Return what it has written so far, in order."""
        if not self.out.exists():
            return []
        whole = self.out.read_bytes().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Return what it has written when it is at least *count* messages."""
        wait_for(lambda: self.out.exists() and self.out.read_bytes().count(b"\n") >= count, f"{count} messages")
        return self.received()

    def command(self) -> list[str]:
        raise NotImplementedError

    def configuration(self) -> str:
        raise NotImplementedError


class Rsyslog(Daemon):
    """rsyslog as Debian has it."""

    program = "rsyslogd"

    def command(self) -> list[str]:
        return [_found(self.program), "-n", "-f", str(self.folder / "conf"), "-i", str(self.folder / "pid")]

    def configuration(self) -> str:
        properties = {
            "raw": "rawmsg",
            "pri": "pri",
            "time": "timestamp:::date-rfc3339,json",
            "host": "hostname",
            "app": "app-name",
            "pid": "procid",
            "msgid": "msgid",
            "data": "structured-data",
            "text": "msg",
        }
        line = ",".join(
            rf"\"{key}\":\"%{name if ':' in name else f'{name}:::json'}%\"" for key, name in properties.items()
        )
        keep = "" if self.as_it_comes else 'parser.escapeControlCharactersOnReceive="off"'
        tls = ""
        if self.kind == "tls":
            tls = (
                f'defaultNetstreamDriverCAFile="{self.certificates}/ca.pem" '
                f'defaultNetstreamDriverCertFile="{self.certificates}/server.pem" '
                f'defaultNetstreamDriverKeyFile="{self.certificates}/server.key" '
            )
        return f"""
global(workDirectory="{self.folder}" maxMessageSize="256k" parser.dropTrailingLFOnReception="off" {keep} {tls})
{self._input()}
template(name="out" type="string" string="{{{line}}}\\n")
action(type="omfile" file="{self.out}" template="out")
"""

    def _input(self) -> str:
        if self.kind == "unix":
            return (
                'module(load="imuxsock" SysSock.Use="off")\n'
                f'input(type="imuxsock" Socket="{self.socket}" UseSpecialParser="off" ParseHostname="on" '
                'RateLimit.Interval="0")'
            )
        if self.kind == "udp":
            return f'module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="{self.port}")'
        driver = ""
        if self.kind == "tls":
            mode = 'StreamDriver.AuthMode="x509/certvalid"' if self.client else 'StreamDriver.AuthMode="anon"'
            driver = f'StreamDriver.Name="gtls" StreamDriver.Mode="1" {mode}'
        return f'module(load="imtcp" {driver})\ninput(type="imtcp" address="127.0.0.1" port="{self.port}")'


class SyslogNg(Daemon):
    """syslog-ng as Debian has it."""

    program = "syslog-ng"

    def command(self) -> list[str]:
        places = {"-f": "conf", "-R": "persist", "-p": "pid", "-c": "ctl"}
        options = [part for option, name in places.items() for part in (option, str(self.folder / name))]
        return [_found(self.program), "-F", "--no-caps", *options]

    def configuration(self) -> str:
        names = {"raw": "RAWMSG", "pri": "PRI", "host": "HOST", "app": "PROGRAM", "pid": "PID", "msgid": "MSGID"}
        pairs = " ".join(f"{key}=${name}" for key, name in names.items())
        return f"""@version: 3.35
options {{ keep-hostname(yes); log-msg-size(262144); stats-freq(0); flush-lines(0); }};
source s {{ {self._source()} }};
destination d {{ file("{self.out}" template("$(format-json {pairs} data=$SDATA text=$MSG)\\n")); }};
log {{ source(s); destination(d); }};
"""

    def _source(self) -> str:
        if self.kind == "unix":
            return f'unix-dgram("{self.socket}" flags(syslog-protocol, store-raw-message));'
        tls = ""
        if self.kind == "tls":
            files = f'key-file("{self.certificates}/server.key") cert-file("{self.certificates}/server.pem")'
            tls = f"tls({files} peer-verify(optional-untrusted))"
        return f'syslog(ip("127.0.0.1") port({self.port}) transport("{self.kind}") flags(store-raw-message) {tls});'


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        return sock.connect_ex(str(path)) == 0


class Journal:
    """systemd-journald in a mount namespace of its own, so that its /run is not the machine's."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        root = Path(f"/proc/{process.pid}/root")
        self.socket = root / "run/systemd/journal/socket"
        self._folder = root / "run/log/journal"

    def entries(self, identifier: str) -> list[Mapping[str, Any]]:
        """Return the entries of a program, in order."""
        command = ["journalctl", "-D", str(self._folder), "-o", "json", "--all", "-t", identifier, "--no-pager", "-q"]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_for(self, count: int, identifier: str) -> list[Mapping[str, Any]]:
        wait_for(lambda: len(self.entries(identifier)) >= count, f"{count} entries")
        return self.entries(identifier)


@contextmanager
def journald() -> Iterator[Journal]:
    need("systemd-journald", "journalctl", "unshare")
    if sys.platform != "linux" or os.geteuid() != 0:
        skip("systemd-journald needs root to have a /run of its own")
    made = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal && exec"
    process = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", f"{made} {_found('systemd-journald')}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    try:
        journal = Journal(process)
        wait_for(lambda: process.poll() is not None or journal.socket.exists(), "systemd-journald")
        if process.poll() is not None:
            assert process.stderr is not None
            skip(f"systemd-journald does not start here: {process.stderr.read().decode().strip()[-200:]}")
        yield journal
    finally:
        process.terminate()
        process.wait(PATIENCE)
        if process.stderr is not None:
            process.stderr.close()


def make_certificates(folder: Path) -> Path:
    """Make an authority, and certificates of a server on this machine and of a client, signed by it."""
    need("openssl")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=PATIENCE)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for authority in ("ca", "stranger"):
        openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN={authority}", "-keyout", f"{authority}.key", "-out",
                f"{authority}.pem")  # fmt: skip
    names = {"server": "subjectAltName=DNS:localhost,IP:127.0.0.1", "client": "subjectAltName=DNS:client.example"}
    for name, alternative in names.items():
        (folder / "extensions").write_text(alternative)
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "extensions", "-out", f"{name}.pem")  # fmt: skip
    openssl("ec", "-in", "client.key", "-aes256", "-passout", "pass:obviously-fake-password", "-out", "locked.key")
    return folder
