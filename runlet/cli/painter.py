"""Drawing a screen of lines: only what has changed is written, in one piece, so that nothing flickers."""

from __future__ import annotations

from collections.abc import Sequence

ENTER = b"\x1b[?1049h\x1b[?25l\x1b[?7l"  # another screen, without a cursor and without wrapping
# A terminal that knows this shows the piece at once; others do not care.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"


class Painter:
    """Remembers what the terminal shows."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._cursor: tuple[int, int] | None = None

    def forget(self) -> None:
        """The terminal shows anything: another size, or somebody else wrote to it."""
        self._lines = []

    def paint(self, lines: Sequence[str], cursor: tuple[int, int] | None) -> str:
        """What makes the terminal show `lines`, with the cursor in a row and column from 0, or without one."""
        if len(lines) != len(self._lines):
            changed = "\x1b[H\x1b[2J"
            self._lines = [""] * len(lines)
        else:
            changed = ""
        for row, (before, after) in enumerate(zip(self._lines, lines, strict=True)):
            if before != after:
                changed += f"\x1b[{row + 1};1H{after}\x1b[0m\x1b[K"
        if not changed and cursor == self._cursor:
            return ""
        self._lines, self._cursor = list(lines), cursor
        place = _HIDE if cursor is None else f"\x1b[{cursor[0] + 1};{cursor[1] + 1}H{_SHOW}"
        return f"{_BEGIN}{changed}{place}{_END}"
