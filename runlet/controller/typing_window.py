"""What one console has typed for one execution and has not been told of yet: rules without I/O."""

from __future__ import annotations

from collections import OrderedDict

from runlet.protocol.chunk import INPUT_WINDOW_BYTES
from runlet.protocol.messages import CONTROL_TTL_SECONDS

# Of what the broker drops nobody hears. A device that got it in time says so within some seconds more.
LOST_SECONDS = CONTROL_TTL_SECONDS + 5.0


class TypingWindow:
    """Its pieces, from when they are sent to the device until it tells that the program's terminal has taken them.

    `number` counts the bytes typed, the last piece's included; `freed` those that are no longer under way, and of which
    the console has not been told.
    """

    def __init__(self) -> None:
        self.number = 0
        self.freed = 0
        self._pieces: OrderedDict[int, tuple[int, float | None]] = OrderedDict()  # (where it begins, when it was sent)

    def fits(self, size: int) -> bool:
        """Whether so many bytes more may be under way."""
        first = next(iter(self._pieces.values()), None)
        return size <= INPUT_WINDOW_BYTES - (self.number - first[0] if first else 0)

    def send(self, size: int, now: float) -> int:
        """A piece is sent; its number."""
        begin, self.number = self.number, self.number + size
        self._pieces[self.number] = begin, now
        return self.number

    def refused(self, number: int) -> None:
        """A piece is not typed, and that is told."""
        piece = self._pieces.pop(number, None)
        if piece is not None:
            self.freed += number - piece[0]

    def moved(self, held: int, taken: int) -> None:
        """The device has what comes before `held`, its terminal what comes before `taken`."""
        for number, (begin, since) in list(self._pieces.items()):
            if number <= taken:
                self.refused(number)
                continue
            self.freed += max(0, taken - begin)
            self._pieces[number] = max(begin, taken), None if number <= held else since

    def lost(self, now: float) -> int:
        """How many bytes nothing was heard of for too long; they are no longer waited for."""
        due = now - LOST_SECONDS
        lost = [number for number, (_, since) in self._pieces.items() if since is not None and since < due]
        before = self.freed
        for number in lost:
            self.refused(number)
        return self.freed - before
