"""A program's screen in a window that is smaller than the program's: the upper left part, and words that say so.

What is drawn for another window's size goes wrong where lines wrap and where the last row scrolls. So while a program
has a screen of its own, wrapping is off, a line feed above its last row only moves, and the window's last row, where
all that is further down would end up, holds words of ours. Lines that scroll by are left alone: they wrap as lines do.
"""

from __future__ import annotations

import re

from runlet.protocol.messages import TerminalSize
from runlet.width import keep_start

_STEP = re.compile(
    rb"[\n\x0b\x0c]|\x1b[MDE78c]"
    rb"|\x1b\[(?P<row>[0-9]{0,5})(?:;(?P<second>[0-9]{0,5}))?(?P<final>[HfdABEFrsu])"
    rb"|\x1b\[\?(?P<modes>[0-9;]+)(?P<switch>[hl])"
)
_SCREENS = {b"47", b"1047", b"1049"}
_NO_WRAP, _WRAP = b"\x1b[?7l", b"\x1b[?7h"


class Clipping:
    """Feed it all that is shown, in whole sequences. `full_screen`: the program has a screen of its own now."""

    def __init__(self, theirs: TerminalSize, ours: TerminalSize, words: str, *, full_screen: bool) -> None:
        self.sizes = theirs, ours
        self._theirs = theirs
        self._ours = ours
        self._words = keep_start(words, max(1, ours.columns - 1)).encode()
        self._full = full_screen
        self._row = self._saved = 1  # the cursor's, in the program's window
        self._bottom = theirs.rows  # of its scroll region

    def begin(self) -> bytes:
        """What is to be shown at once."""
        return self._tell() if self._full else b""

    def end(self) -> bytes:
        """What undoes it; the words make place for what the program draws next."""
        return self._in_last_row(b"\x1b[0m") + _WRAP if self._full else b""

    def feed(self, data: bytes) -> bytes:
        if not self._full and b"\x1b[?" not in data:
            return data
        parts, at = [], 0
        for match in _STEP.finditer(data):
            parts += [data[at : match.start()], self._take(match)]
            at = match.end()
        parts.append(data[at:])
        return b"".join(parts) + (self._tell() if self._full else b"")

    def _take(self, match: re.Match[bytes]) -> bytes:
        if match["modes"] is not None:
            return self._switch(match)
        if not self._full:
            return match[0]
        below = self._row < self._bottom
        count = int(match["row"] or b"1") if match["row"] is not None else 1
        match match["final"] or match[0][-1:]:
            case b"H" | b"f" | b"d":
                self._go(count)
            case b"A" | b"F":
                self._go(self._row - count)
            case b"B":
                self._go(self._row + count)
            case b"E" if match["final"]:
                self._go(self._row + count)
            case b"r":
                self._bottom = min(int(match["second"] or b"0") or self._theirs.rows, self._theirs.rows)
                self._go(1)
            case b"s" | b"7":
                self._saved = self._row
            case b"u" | b"8":
                self._row = self._saved
            case b"M":
                self._go(self._row - 1)
            case b"c":
                self._bottom = self._theirs.rows
                self._go(1)
            case end if below:  # a line feed in one of its forms, which does not scroll there
                self._go(self._row + 1)
                return (b"\r" if end == b"E" else b"") + b"\x1b[B"
        return match[0]

    def _switch(self, match: re.Match[bytes]) -> bytes:
        if _SCREENS.isdisjoint(match["modes"].split(b";")):
            return match[0]
        was, self._full = self._full, match["switch"] == b"h"
        if self._full:
            self._row, self._bottom = 1, self._theirs.rows
        return (_WRAP if was and not self._full else b"") + match[0]

    def _go(self, row: int) -> None:
        self._row = max(1, min(row, self._theirs.rows))

    def _tell(self) -> bytes:
        return _NO_WRAP + self._in_last_row(b"\x1b[0;7m" + self._words)

    def _in_last_row(self, words: bytes) -> bytes:
        if self._theirs.rows == self._ours.rows:
            return b""  # the program's last row is worth more
        place = min(self._theirs.rows + 1, self._ours.rows)
        return b"\x1b7\x1b[%d;1H%b\x1b[K\x1b8" % (place, words)
