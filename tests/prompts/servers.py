"""What the corpus connects to: an sshd that lets root in with a key, and a port that says nothing."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import wait_until
from tests.ports import spare_ports


@contextmanager
def sshd(home: Path) -> Iterator[tuple[int, Path]]:
    """(its port, the key that opens root's account)."""
    key, host = home / "key", home / "host"
    for path in (key, host):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    key.with_suffix(".pub").rename(home / "authorized")
    Path("/run/sshd").mkdir(exist_ok=True)  # sshd insists
    [port] = spare_ports(1)
    options = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": host,
        "AuthorizedKeysFile": home / "authorized",
        "StrictModes": "no",
        "PermitRootLogin": "yes",
        "PidFile": "none",
        "UsePAM": "no",
        "MaxStartups": 100,
        # A login shell reads files at home, and some of a developer's wait for a lock that a killed session left.
        "SetEnv": f"HOME={home}",
    }
    config = home / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    with (home / "sshd.log").open("wb") as log:
        process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        wait_until(lambda: _answers(port), "sshd")
        yield port, key
    finally:
        process.terminate()
        process.wait()


@contextmanager
def silent_port() -> Iterator[int]:
    """The kernel takes the connections; nobody reads."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server.getsockname()[1]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
