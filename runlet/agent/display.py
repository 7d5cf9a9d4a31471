"""What programs have made of one terminal, for consoles that come late: its modes, followed from the first byte on.

An agent that is started anew knows nothing of what the one before has seen, and the holder keeps only what is not
stored. So the state is noted with the holder before bytes are let go, and the next agent goes on from there.
"""

from __future__ import annotations

from typing import Any

from runlet.modes import ModeTracker


class Display:
    """Of one execution."""

    def __init__(self) -> None:
        self._tracker = ModeTracker()
        self._seen = 0  # bytes of the stream, from its start
        self._noted = self._state()

    @property
    def is_noted(self) -> bool:
        """Whether the next agent would know the same: where a byte changed nothing, its number does not matter."""
        return self._state() == self._noted

    def printed(self, end: int, data: bytes) -> None:
        """`data` was printed, up to the byte `end`; what was seen before is passed over."""
        if end > self._seen:
            self._tracker.feed(data[-(end - self._seen) :])
            self._seen = end

    def note(self) -> dict[str, object]:
        """All of it, in JSON values."""
        self._noted = modes, cut = self._state()
        return {"seen": self._seen, "modes": modes, "cut": cut}

    def recall(self, noted: dict[str, Any]) -> None:
        """Go on from a note. Raises what comes of one that is none: KeyError, TypeError, ValueError, AttributeError."""
        seen, output = noted["seen"], noted["modes"] + noted["cut"]
        if not isinstance(seen, int):
            raise TypeError("no number of bytes")
        self._tracker.feed(output.encode("latin-1"))
        self._seen = seen
        self._noted = self._state()

    def told(self) -> tuple[int, str]:
        """(the length of the stream, what brings a terminal into the modes behind it)."""
        return self._seen, self._tracker.enter().decode()

    def _state(self) -> tuple[str, str]:
        return self._tracker.enter().decode(), self._tracker.cut.decode("latin-1")
