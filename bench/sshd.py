"""A private ssh server on this machine: own keys, own settings, a free port on the loopback, gone at the end."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
_PROGRAM = "/usr/sbin/sshd"
# Debian's sshd wants this folder when root starts it; its service makes it, which is not there.
_EMPTY_FOLDER = Path("/run/sshd")
_START_SECONDS = 10.0
_STEP_SECONDS = 0.02

# MaxStartups: fifty sessions begin at once, and the default refuses some of them by chance.
_SERVER = """
Port {port}
ListenAddress {loopback}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
PrintMotd no
MaxStartups 200
MaxSessions 200
"""
_CLIENT = """
Host *
    HostName {loopback}
    Port {port}
    User {user}
    IdentityFile {folder}/key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    StrictHostKeyChecking yes
    LogLevel ERROR
"""


@dataclass(frozen=True, slots=True)
class Sshd:
    """A server that runs, and how clients reach it."""

    folder: Path
    port: int

    @property
    def config(self) -> Path:
        """For `ssh -F`: any host's name leads to the server."""
        return self.folder / "ssh_config"

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def command(self, command: str) -> list[str]:
        """`ssh` that runs `command` there in a terminal."""
        return ["ssh", "-tt", "-F", str(self.config), "bench", command]


@contextmanager
def private_sshd() -> Iterator[Sshd]:
    """A server as this user, without the system's settings."""
    with tempfile.TemporaryDirectory(prefix="runlet-bench-") as name, _empty_folder():
        sshd = Sshd(Path(name), _free_port())
        _write_files(sshd)
        log = (sshd.folder / "log").open("w")
        server = subprocess.Popen([_PROGRAM, "-D", "-e", "-f", sshd.folder / "sshd_config"], stderr=log)
        try:
            _until_listening(sshd.port, server)
            yield sshd
        finally:
            server.terminate()
            server.wait()
            log.close()


def _write_files(sshd: Sshd) -> None:
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", sshd.folder / name], check=True)
    host_key = (sshd.folder / "host_key.pub").read_text()
    sshd.known_hosts.write_text(f"[{LOOPBACK}]:{sshd.port} {host_key}")
    values = {"folder": sshd.folder, "port": sshd.port, "loopback": LOOPBACK, "user": getpass.getuser()}
    (sshd.folder / "sshd_config").write_text(_SERVER.format(**values))
    sshd.config.write_text(_CLIENT.format(**values))


@contextmanager
def _empty_folder() -> Iterator[None]:
    ours = os.geteuid() == 0 and not _EMPTY_FOLDER.exists()
    if ours:
        _EMPTY_FOLDER.mkdir(mode=0o755)
    try:
        yield
    finally:
        if ours:
            with suppress(OSError):  # somebody else's server uses it by now
                _EMPTY_FOLDER.rmdir()


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _until_listening(port: int, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        with suppress(OSError), socket.create_connection((LOOPBACK, port)):
            return
        time.sleep(_STEP_SECONDS)
    raise RuntimeError(f"{_PROGRAM} does not listen on port {port}")
