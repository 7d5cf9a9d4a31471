"""Ansible and pyinfra as they come, told of fifty devices that are all the private ssh server."""

from __future__ import annotations

import getpass
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.sshd import LOOPBACK, Sshd

_ENVIRONMENT = Path(__file__).parent / ".venv-peers"  # made by bench/install-peers
PYTHON, ANSIBLE, PYINFRA = (str(_ENVIRONMENT / "bin" / name) for name in ("python", "ansible", "pyinfra"))


@dataclass(frozen=True, slots=True)
class Peers:
    """Commands that run `true` on every device, and their environment."""

    ansible: Sequence[str]
    pyinfra: Sequence[str]
    environment: dict[str, str]


@contextmanager
def told_of(names: Sequence[str], sshd: Sshd) -> Iterator[Peers]:
    """Inventories of these names, in a folder whose path is short enough for Ansible's sockets."""
    with tempfile.TemporaryDirectory(prefix="rb-") as name:
        folder = Path(name)
        (folder / "ansible.ini").write_text(_for_ansible(names, sshd))
        (folder / "pyinfra_inventory.py").write_text(_for_pyinfra(names, sshd))
        sockets = folder / "cp"
        environment = {
            **os.environ,
            "ANSIBLE_HOME": str(folder),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
            "ANSIBLE_LOCALHOST_WARNING": "False",
        }
        try:
            yield Peers(
                [ANSIBLE, "all", "-i", str(folder / "ansible.ini"), "-m", "raw", "-a", "true", "-f", str(len(names))],
                [PYINFRA, "-y", str(folder / "pyinfra_inventory.py"), "exec", "--", "true"],
                environment,
            )
        finally:
            for socket in sockets.glob("*"):  # its connections would stay for a minute
                subprocess.run(["ssh", "-S", socket, "-O", "exit", "bench"], stderr=subprocess.DEVNULL)


def _for_ansible(names: Sequence[str], sshd: Sshd) -> str:
    variables = {
        "ansible_host": LOOPBACK,
        "ansible_port": sshd.port,
        "ansible_user": getpass.getuser(),
        "ansible_ssh_private_key_file": sshd.key,
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={sshd.known_hosts} -o IdentitiesOnly=yes",
    }
    return "\n".join([*names, "[all:vars]", *(f"{key}={value}" for key, value in variables.items()), ""])


def _for_pyinfra(names: Sequence[str], sshd: Sshd) -> str:
    data = {
        "ssh_hostname": LOOPBACK,
        "ssh_port": sshd.port,
        "ssh_user": getpass.getuser(),
        "ssh_key": str(sshd.key),
        "ssh_known_hosts_file": str(sshd.known_hosts),
    }
    return f"devices = {[(name, data) for name in names]!r}\n"
