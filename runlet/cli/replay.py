"""Stored output written to a terminal again: made safe to begin anywhere, and without its questions to the terminal.

A program may ask the terminal where the cursor is or what it can do, and the terminal answers as if typed. Replayed,
the question would be answered a second time, into a program that waits for no answer. Only what was there before the
console attached is touched; live bytes pass as they are.
"""

from __future__ import annotations

import re

# ENQ; device attributes; status and cursor reports; mode requests; window reports; name and version; keyboard state;
# colours and other OSC questions; DCS requests.
_QUESTIONS = re.compile(
    rb"\x05"
    rb"|\x1b\[[>=?]?[0-9;]*c"
    rb"|\x1b\[\??[0-9;]*n"
    rb"|\x1b\[\??[0-9;]*\$p"
    rb"|\x1b\[[0-9;]*t"
    rb"|\x1b\[>[0-9]*q"
    rb"|\x1b\[\?u"
    rb"|\x1b\[\?[0-9;]*m"
    rb"|\x1b\][0-9;]*;\?(?:\x07|\x1b\\)"
    rb"|\x1bP[+$]q[^\x1b\n]*\x1b\\"
)
_UNFINISHED = re.compile(rb"\x1b(?:[P\]][^\x07\x1b\n]*\x1b?|\[[0-?]*[ -/]*)?\Z")
# A question cut by the end of a chunk is no longer than this; what is held back reaches the screen with the next chunk.
_LONGEST_QUESTION_BYTES = 64
# A tail begins in the middle of a line, a sequence or a character; within so many bytes it comes to a safe place.
_MOST_SKIPPED_BYTES = 4096


class Replay:
    """One stream, from the first chunk a console gets. Output before `end` is replayed, the rest is live."""

    def __init__(self, end: int) -> None:
        self._end = end
        self._held = b""
        self._begun = False

    def feed(self, position: int, data: bytes) -> bytes:
        """What to write for `data`, which the stream holds from `position` on."""
        if not self._begun:
            self._begun = True
            if position:
                data, position = from_safe_place(data, position)
        if position >= self._end and not self._held:
            return data
        replayed = max(0, self._end - position)
        old, live = self._held + data[:replayed], data[replayed:]
        self._held = b""
        more = position + len(data) < self._end
        if more and (unfinished := _UNFINISHED.search(old, max(0, len(old) - _LONGEST_QUESTION_BYTES))):
            old, self._held = old[: unfinished.start()], unfinished[0]
        return _QUESTIONS.sub(b"", old) + live


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
