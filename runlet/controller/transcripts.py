"""Transcripts: the stored bytes of each execution's terminal, addressed by offset, and a bounded number of them.

    <execution>.<attempt>                  the head
    <execution>.<attempt>.tail/<offset>    the segments of the tail, once the head is full (see pieces.py)
    <execution>.<attempt>.times            when they were printed (see timings.py)

The files are all there is to know: their names say which bytes they hold, so that nothing else must be in step with
them, after a crash or while another controller writes. They grow, at the end of the last of them, until they are
removed. Writing is idempotent: of what arrives, the part beyond the end is taken. No file stays open between two calls:
that costs some microseconds, and what is removed leaves the disk whoever removes it.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runlet.controller import timings
from runlet.controller.appending import append
from runlet.controller.pieces import Piece, kept, place
from runlet.errors import Unavailable
from runlet.protocol.moment import Moment

# A failure counts this long: what failed is tried again within it, so that one that lasts is told without a break.
FAILURE_SECONDS = 30.0


class Transcripts:
    """A folder of transcripts. An execution's id is a UUID that the controller made, so it is safe in a path.

    Its methods raise Unavailable where the disk fails, is full, or may not be written, or no file can be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._failure = ""
        self._failed_at = float("-inf")

    @property
    def failure(self) -> str:
        """Why one could not be used of late; empty when all could."""
        return self._failure if time.monotonic() - self._failed_at < FAILURE_SECONDS else ""

    def check(self) -> None:
        """Raises Unavailable when nothing could be stored now."""
        path = f"{self._folder}/.check-{uuid.uuid4()}"  # in containers all controllers have the same process id
        with self._usable(), open(path, "xb", opener=_private) as file:
            try:
                file.write(b"x")
                file.flush()
            finally:
                os.unlink(path)

    def length(self, execution: str, attempt: int) -> int:
        """How long the stored stream is, with what of it is no longer kept."""
        with self._usable():
            return self._pieces(execution, attempt)[-1].end

    def append(self, execution: str, attempt: int, offset: int, data: bytes, limit: int) -> int:
        """Store bytes that the stream has from `offset` on, keeping `limit` bytes at most; the stream's length then.

        Those before its end are there already; if they begin behind it, nothing is stored. When it raises Unavailable,
        nothing or a part of them was stored.
        """
        with self._usable():
            return self._append(execution, attempt, offset, data, limit)

    def leave_out(self, execution: str, attempt: int, offset: int) -> None:
        """What it lacks before `offset` was stored and removed, by hand say: a gap, and the stream goes on there."""
        with self._usable():
            append(self._path(execution, attempt, offset), b"")

    def _append(self, execution: str, attempt: int, offset: int, data: bytes, limit: int) -> int:
        pieces = self._pieces(execution, attempt)
        end = pieces[-1].end
        remaining = memoryview(data)[end - offset :] if offset <= end else memoryview(b"")
        while remaining:
            here = place(pieces, limit)
            for piece in here.leaving:
                os.unlink(self._path(execution, attempt, piece.begin))
            written = append(self._path(execution, attempt, here.begin), remaining[: here.room])
            remaining, end = remaining[written:], end + written
            staying = [piece for piece in pieces if piece.begin != here.begin and piece not in here.leaving]
            pieces = [*staying, Piece(here.begin, end)]
        return end

    def read(self, execution: str, attempt: int, offset: int, most: int) -> tuple[int, bytes]:
        """Up to `most` bytes from `offset` on, or from the first behind it that is kept: (their offset, bytes).

        Fewer before bytes that are not kept, and at the end.
        """
        with self._usable():
            return self._read(execution, attempt, offset, most)

    def _read(self, execution: str, attempt: int, offset: int, most: int) -> tuple[int, bytes]:
        while True:
            parts = kept(self._pieces(execution, attempt), offset, most)
            try:
                data = [
                    _read(self._path(execution, attempt, piece.begin), part.begin - piece.begin, part.length)
                    for piece, part in parts
                ]
            except FileNotFoundError:
                continue  # another controller has removed it since
            return parts[0][1].begin if parts else offset, b"".join(data)

    def note(self, execution: str, attempt: int, moments: Iterable[Moment]) -> None:
        """When bytes were printed that are stored next."""
        with self._usable():
            timings.append(self._times(execution, attempt), moments)

    def moments(self, execution: str, attempt: int) -> list[Moment]:
        """When its bytes were printed, in order; empty where no agent has told that."""
        with self._usable():
            return timings.read(self._times(execution, attempt))

    def sync(self, execution: str, attempt: int) -> None:
        """Make what is stored survive a power cut. Slow, and safe to call from another thread."""
        with self._usable():
            for piece in self._pieces(execution, attempt):
                with suppress(FileNotFoundError):  # it printed nothing
                    file = os.open(self._path(execution, attempt, piece.begin), os.O_RDWR | os.O_CLOEXEC)
                    try:
                        os.fdatasync(file)
                    finally:
                        os.close(file)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failure = f"the transcripts cannot be used: {error.strerror or error}"
            self._failed_at = time.monotonic()
            raise Unavailable(self._failure) from error

    def _pieces(self, execution: str, attempt: int) -> list[Piece]:
        """The head, which may be empty, and the segments, as they are on the disk now."""
        pieces = [Piece(0, 0)]
        begins: list[int] = []
        with suppress(FileNotFoundError):  # nothing is printed yet, or it was removed
            pieces = [Piece(0, os.stat(self._path(execution, attempt, 0)).st_size)]
        with suppress(FileNotFoundError):
            begins = sorted(map(int, os.listdir(self._tail(execution, attempt))))
        for begin in begins:
            with suppress(FileNotFoundError):  # another controller has removed it since
                pieces.append(Piece(begin, begin + os.stat(self._path(execution, attempt, begin)).st_size))
        return pieces

    def _path(self, execution: str, attempt: int, begin: int) -> str:
        return f"{self._tail(execution, attempt)}/{begin}" if begin else self._head(execution, attempt)

    def _head(self, execution: str, attempt: int) -> str:
        return f"{self._folder}/{execution[:2]}/{execution}.{attempt}"

    def _times(self, execution: str, attempt: int) -> str:
        return f"{self._head(execution, attempt)}.times"

    def _tail(self, execution: str, attempt: int) -> str:
        return f"{self._head(execution, attempt)}.tail"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _read(path: str, offset: int, length: int) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(file, length, offset)
    finally:
        os.close(file)
