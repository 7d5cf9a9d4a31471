"""Files that hold secrets or tell others of us: private to their owner, and never seen half-written."""

from __future__ import annotations

import fcntl
import os
import time
from collections import deque
from pathlib import Path

_LOOK_AGAIN_SECONDS = 0.05


def make_private(folder: Path) -> Path:
    """The folder, made if missing, closed to others."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def write_private(path: Path, content: str, mode: int = 0o600) -> None:
    """Replace the file's content in one step; `mode` holds from the first byte on."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(content)
    new.replace(path)


def last_lines(path: Path, count: int, begin: int = 0) -> str:
    """The last lines of a log from byte `begin` on, empty ones left out.

    Empty when there is no log, or when it cannot be read now.
    """
    try:
        with path.open("rb") as file:
            file.seek(begin)
            return b"\n".join(deque((line.rstrip() for line in file if line.strip()), count)).decode(errors="replace")
    except OSError:
        return ""


class FolderLock:
    """One holder per folder. The kernel's lock on the folder itself: it ends with its holder and leaves no file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self, seconds: float = 0) -> bool:
        """Whether the lock could be had, waiting up to `seconds` for another holder to end."""
        deadline = time.monotonic() + seconds
        while not self._try():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_AGAIN_SECONDS)
        return True

    def _try(self) -> bool:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
