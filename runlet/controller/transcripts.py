"""Transcripts: the stored bytes of each execution's terminal, a file each, addressed by offset.

Writing is idempotent: of what arrives, the part beyond the end is taken. Nothing is ever overwritten.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

# Files kept open at once; a run on a large fleet writes to all of its transcripts in turn.
OPEN_FILES = 256


class Transcripts:
    """A folder of transcripts. An execution's id is a UUID that the controller made, so it is safe in a path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open: OrderedDict[tuple[str, int], int] = OrderedDict()

    def length(self, execution: str, attempt: int) -> int:
        """How many bytes are stored."""
        try:
            return self._path(execution, attempt).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, execution: str, attempt: int, data: bytes) -> None:
        """Put bytes at the end. Raises OSError, a full disk say; then nothing or a part of them was stored."""
        remaining = memoryview(data)
        file = self._file(execution, attempt)
        while remaining:
            remaining = remaining[os.write(file, remaining) :]

    def read(self, execution: str, attempt: int, offset: int, most: int) -> bytes:
        """Up to `most` bytes from `offset`; fewer at the end."""
        if (execution, attempt) not in self._open and not self._path(execution, attempt).exists():
            return b""
        return os.pread(self._file(execution, attempt), most, offset)

    def sync(self, execution: str, attempt: int) -> None:
        """Make what is stored survive a power cut. Slow, and safe to call from another thread."""
        try:
            file = os.open(self._path(execution, attempt), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # it printed nothing
        try:
            os.fdatasync(file)
        finally:
            os.close(file)

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def _file(self, execution: str, attempt: int) -> int:
        key = execution, attempt
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        if len(self._open) >= OPEN_FILES:
            os.close(self._open.popitem(last=False)[1])
        path = self._path(execution, attempt)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._open[key] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return self._open[key]

    def _path(self, execution: str, attempt: int) -> Path:
        return self._folder / execution[:2] / f"{execution}.{attempt}"
