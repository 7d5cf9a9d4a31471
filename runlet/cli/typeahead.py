"""What was typed and waits for a program that does not read as fast; and the ends of bracketed pastes. Without I/O.

A text with a hole is worse than its beginning: once something is lost, so is what waits behind it, and of a bracketed
paste all up to its end. The end itself is typed once more, or the program would take all that follows for pasted.
"""

from __future__ import annotations

from runlet.cli.keys import PASTE_BEGIN, PASTE_END

# More than anybody pastes. It is kept here so that keys for Runlet itself, which come behind it, are heard.
WAITING_BYTES = 16 * 1024 * 1024
# A refusal comes at once; that nothing was heard of the end of a paste, later: then it is typed once more.
REFUSAL_SECONDS = 5.0


class _Pastes:
    """The bracketed pastes in a stream, however it is cut. `ended` is the place behind the last end."""

    def __init__(self) -> None:
        self.length = 0
        self.ended = 0
        self.is_open = False
        self._tail = b""

    def feed(self, data: bytes) -> None:
        seen = self._tail + data
        self.length += len(data)
        begin, end = seen.rfind(PASTE_BEGIN), seen.rfind(PASTE_END)
        if begin >= 0 or end >= 0:
            self.is_open = begin > end
        if end >= 0:
            self.ended = self.length - len(seen) + end + len(PASTE_END)
        self._tail = seen[1 - len(PASTE_END) :]


class Typeahead:
    """Of one program."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._typed, self._sent = _Pastes(), _Pastes()
        self._skips = False  # the rest of a paste that has a hole
        self.is_full = False  # until all of what waits is typed, what else is typed is lost
        self._owes_end = False
        self._end_at = float("-inf")  # when an end was typed that had been owed; no paste was begun since

    def __bool__(self) -> bool:
        """Whether something waits."""
        return self._owes_end or bool(self._waiting)

    @property
    def size(self) -> int:
        return len(self._waiting)

    @property
    def is_pasting(self) -> bool:
        """Whether the program has the beginning of a paste, and not its end."""
        return self._sent.is_open

    def typed(self, data: bytes) -> bytes:
        """What of `data`, which comes next, is to be typed: not the rest of a paste with a hole."""
        begin = self._typed.length
        self._typed.feed(data)
        if not self._skips:
            return data
        if self._typed.ended <= begin:
            return b""
        self._skips = self._typed.is_open
        return b"" if self._skips else data[self._typed.ended - begin :]

    def end_paste(self) -> None:
        """The end of what is pasted does not come any more."""
        self._typed.is_open = self._skips = False

    def wait(self, data: bytes) -> bool:
        """Keep `data`; False where it does not fit: it is lost, and so is what follows until all has been typed."""
        if not self.is_full and len(self._waiting) + len(data) > WAITING_BYTES:
            self.is_full = True
            if self._stays_open():
                self._waiting += PASTE_END
        if self.is_full:
            self._skips = self._typed.is_open
            return False
        self._waiting += data
        return True

    def sent(self, data: bytes) -> bytes:
        """`data` is typed now."""
        self._sent.feed(data)
        if self._sent.is_open:
            self._end_at = float("-inf")
        return data

    def take(self, most: int, now: float) -> bytes:
        """So many bytes of what waits, which are typed now, in seconds."""
        if self._owes_end:
            self._owes_end, self._end_at = False, now
            return self.sent(PASTE_END)
        data = bytes(self._waiting[:most])
        del self._waiting[:most]
        self.is_full = self.is_full and bool(self._waiting)
        return self.sent(data)

    def lose(self, unconfirmed: int, now: float) -> int:
        """Something was lost, perhaps of the `unconfirmed` bytes typed last: so is what waits; how many bytes do."""
        size = len(self._waiting)
        self._waiting.clear()
        self.is_full = False
        self._skips = self._typed.is_open
        may_be_open = self._sent.is_open or 0 < self._sent.ended > self._sent.length - unconfirmed
        self._owes_end = self._owes_end or (may_be_open and now > self._end_at + REFUSAL_SECONDS)
        return size

    def _stays_open(self) -> bool:
        """Whether a paste is open behind all that waits."""
        if not self._waiting:
            return self._sent.is_open
        begin, end = self._waiting.rfind(PASTE_BEGIN), self._waiting.rfind(PASTE_END)
        return begin > end if begin >= 0 or end >= 0 else self._sent.is_open
