"""Stored output written to a terminal again: made safe to begin anywhere, and without its questions to the terminal.

A program may ask the terminal where the cursor is or what it can do, and the terminal answers as if typed. Replayed,
the question would be answered a second time, into a program that waits for no answer.
"""

from __future__ import annotations

from runlet.cli.passage import Passage
from runlet.modes import modes_before

# A tail begins in the middle of a line, a sequence or a character; within so many bytes it comes to a safe place.
_MOST_SKIPPED_BYTES = 4096


class Replay:
    """One stream, from the first chunk a console gets. Output before `end` is replayed, the rest is live.

    `answering`: questions of the live part pass, for this terminal to answer.
    """

    def __init__(self, end: int, *, answering: bool = True) -> None:
        self._end = end
        self._passage = Passage()
        self._begun = False
        self.answering = answering

    @property
    def asked(self) -> int:
        """How many questions have reached the terminal."""
        return self._passage.asked

    def feed(self, position: int, data: bytes) -> bytes:
        """What to write for `data`, which the stream holds from `position` on."""
        if not self._begun:
            self._begun = True
            if position:
                data, position = from_safe_place(data, position)
        replayed = max(0, self._end - position)
        shown = b""
        if replayed:
            self._passage.answering = False
            shown = self._passage.feed(data[:replayed])
            data = data[replayed:]
        self._passage.answering = self.answering
        return shown + self._passage.feed(data) if data else shown


class LateTail:
    """The end of a stream up to `end`, kept until it is known in which modes it begins.

    That is told for a place in the stream, which may be behind `end`; then all before it is waited for. An agent has a
    bounded number of bytes that the controller has not, and so this keeps few beyond those up to `end`.
    """

    def __init__(self, end: int) -> None:
        self._end = end
        self._position: int | None = None
        self._data = bytearray()
        self._after = ""  # what makes the modes behind it
        self._is_told = False

    def take(self, position: int, data: bytes) -> None:
        """What the stream holds from `position` on, in order."""
        if self._position is None:
            self._position = position
        self._data += data

    def told(self, offset: int, modes: str) -> None:
        """The modes behind `offset` bytes."""
        self._is_told, self._after = True, modes
        self._end = max(self._end, offset)

    @property
    def is_complete(self) -> bool:
        return self._is_told and self._position is not None and self._position + len(self._data) >= self._end

    def release(self) -> tuple[bytes, int, bytes]:
        """(what brings a terminal into the modes in which it begins, as far as is known, its position, it)."""
        data, position = bytes(self._data), self._position or 0
        if position == 0:  # nothing was switched before
            return b"", 0, data
        passage = Passage()
        passage.answering = False
        return passage.feed(modes_before(data, self._after.encode())), position, data


def from_safe_place(data: bytes, position: int) -> tuple[bytes, int]:
    """The rest of a tail from its first line or sequence on."""
    head = data[:_MOST_SKIPPED_BYTES]
    feed, escape = head.find(b"\n"), head.find(b"\x1b")
    places = [place for place in (feed + 1 if feed >= 0 else -1, escape) if place >= 0]
    skipped = min(places, default=0)
    return data[skipped:], position + skipped


class CurrentLine:
    """One stream, of which only the line that is unfinished at `end` is wanted, and all that follows."""

    def __init__(self, end: int) -> None:
        self._end = end
        self._line = b""

    def feed(self, position: int, data: bytes) -> bytes:
        """What to show for `data`, which the stream holds from `position` on."""
        replayed = max(0, self._end - position)
        if not replayed:
            return data
        self._line = (self._line + data[:replayed]).rpartition(b"\n")[2]
        if position + len(data) < self._end:
            return b""
        line, self._line = self._line, b""
        return line + data[replayed:]
