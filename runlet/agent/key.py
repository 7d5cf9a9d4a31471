"""The device's key: operators seal secrets for it, and nobody else opens them.

The file has the private key and the public one behind it. It is made at the agent's first start, by a process of its
own: cryptography takes 10 MB, which an agent that is never sent a secret is not to carry.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from runlet import sealing
from runlet.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """`public` is in Base64, as it is told."""

    private: bytes
    public: str


def load(path: Path) -> DeviceKey:
    """The device's key, made now if there is none. Raises InvalidInput when there is none in the end."""
    if not path.exists():
        made = subprocess.run([sys.executable, "-P", "-m", "runlet.agent.key", path], check=False)
        if made.returncode:
            raise InvalidInput(f"{path} cannot be made", "the log says why; cryptography must be installed")
    content = path.read_bytes()
    if len(content) != 2 * sealing.KEY_BYTES:
        raise InvalidInput(f"{path} is not a device's key", "remove it: the agent makes another one")
    private, public = content[: sealing.KEY_BYTES], content[sealing.KEY_BYTES :]
    return DeviceKey(private, base64.b64encode(public).decode())


def make(path: Path) -> None:
    """Write a new key, whole or not at all, and for this user only."""
    private = sealing.make_key()
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private + sealing.public_key(private))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
