"""Adding to a file of a transcript, which may not be there yet, and which another controller may be adding to."""

from __future__ import annotations

import os


def append(path: str, data: bytes | memoryview) -> int:
    """How many of the bytes the file took. Raises OSError when it took none."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        file = os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        file = os.open(path, flags, 0o600)
    try:
        return os.write(file, data)
    finally:
        os.close(file)
