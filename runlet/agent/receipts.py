"""Telling consoles how far what they typed has come: soon after they typed, rarely while they go on. Without I/O.

A console that pastes waits for it, and one that types a key is told later if nothing was heard of it: so much is told
at once, a little after a while.
"""

from __future__ import annotations

from runlet.holder.keyboard import REMEMBERED_CONSOLES

# A quarter of what a console has under way: it never waits for a receipt that waits here.
RECEIPT_BYTES = 16 * 1024
# Of keys typed within this time, all are told at once; well within the time in which nothing is taken for lost.
RECEIPT_SECONDS = 1.0


class Receipts:
    """One session's. `due`: something is to be told by then, by the clock of `moved`."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[int, int]] = {}  # by console: (held, taken)
        self._moved: dict[int, tuple[int, int]] = {}
        self.due: float | None = None

    def moved(self, console: int, held: int, taken: int, now: float) -> None:
        """Its bytes are held up to here, and taken up to there, in seconds `now`."""
        if self._told.get(console) == (held, taken):
            return
        self._moved[console] = held, taken
        much = taken - self._told.get(console, (0, 0))[1] >= RECEIPT_BYTES
        due = now if much else now + RECEIPT_SECONDS
        self.due = due if self.due is None else min(self.due, due)

    def lost(self, console: int, held: int, taken: int, now: float) -> None:
        """It could not be told: it is tried again after a while, however much it is."""
        self._told.pop(console, None)
        self._moved.setdefault(console, (held, taken))
        self.due = now + RECEIPT_SECONDS

    def take(self) -> list[tuple[int, int, int]]:
        """What is to be told: (console, held, taken) of each that has moved."""
        moved, self._moved, self.due = self._moved, {}, None
        self._told |= moved
        for console in list(self._told)[: max(0, len(self._told) - REMEMBERED_CONSOLES)]:
            del self._told[console]
        return [(console, *places) for console, places in moved.items()]
