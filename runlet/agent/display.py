"""What programs have made of one terminal, for consoles that come late: its modes, followed from the first byte on.

An agent that is started anew knows nothing of what the one before has seen, and the holder keeps only what is not
stored. So the state is noted with the holder before bytes are let go, and the next agent goes on from there.
"""

from __future__ import annotations

import re
from typing import Any

from runlet.holder.wire import Look
from runlet.model.prompt import Kind, Prompt
from runlet.modes import ModeTracker

# Switches the form of these keys (DECCKM): arrows, Home, End.
_CURSOR_KEYS = "?1"
_KEY = re.compile(rb"\x1b\[([ABCDHF])")
# Switched on by readline and its like while they read a line.
_BRACKETED_PASTE = "?2004"
# To the end of the line, and erase it: Ctrl-E, Ctrl-U. Their insert mode of vi takes Ctrl-E for text, which goes too.
_EMPTY_LINE = b"\x05\x15"


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

    def typed(self, data: bytes, look: Look, prompt: Prompt) -> bytes:
        """An answer to `prompt` as the program wants it, on a terminal that was seen so.

        What edits a line may have filled it: a text takes the place of what stands there, Enter alone accepts it. Only
        who asks for bracketed pastes is known to edit; others may take the keys that empty a line for the answer.
        """
        if self._tracker.is_on(_CURSOR_KEYS):
            data = _KEY.sub(b"\x1bO\\1", data)
        edits = prompt.kind is Kind.PROMPT and not look.lines and self._tracker.is_on(_BRACKETED_PASTE)
        return _EMPTY_LINE + data if edits and data[:1] >= b" " else data

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
