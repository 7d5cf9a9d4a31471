"""What a typed key will look like, shown before its echo has come: underlined, until that confirms it. Without I/O.

Nothing is shown unless an echo was seen: after each Enter, arrow or other control, the first characters wait for
theirs, and only those behind a confirmed one are shown at once. So nothing is shown of what a program reads without an
echo. A line that comes back in any other way than was expected takes what was shown away, and it begins anew.

Only at the end of a line, and only within the width of the terminal: elsewhere nobody knows what the program makes of
a key.
"""

from __future__ import annotations

from runlet.cli.lines import LineAssembler
from runlet.width import text_width

_UNDERLINED, _NOT_UNDERLINED = "\x1b[4m", "\x1b[24m"


class Prediction:
    """Of one terminal, `columns` wide."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._lines = LineAssembler(colours=False)
        self._base = ""  # the line as it was before `_expected` was typed
        self._expected = ""  # typed, and not confirmed
        self._trusted = False  # an echo was seen since the last control
        self._shown = ""

    def typed(self, data: bytes) -> bytes:
        """What to write when this was typed."""
        text = data.decode(errors="replace")
        if self._lines.full_screen or not text.isprintable() or "\ufffd" in text:
            return self.withdraw()
        if not self._expected:
            self._base = self._lines.pending
        self._expected += text
        return self._hide() + self._show()

    def printed(self, output: bytes) -> bytes:
        """What to write for the program's output: that, with what is not confirmed yet behind it."""
        hidden = self._hide()
        self._lines.feed(output)
        confirmed = self._confirmed()
        if confirmed is None or self._lines.full_screen:
            self._expected, self._trusted = "", False
        elif confirmed:
            self._trusted = True
            self._base += self._expected[:confirmed]
            self._expected = self._expected[confirmed:]
        return hidden + output + self._show()

    def withdraw(self) -> bytes:
        """Take away what is shown: what was typed shows by its echo alone, and so does what follows."""
        hidden = self._hide()
        self._expected, self._trusted = "", False
        return hidden

    def interrupted(self) -> bytes:
        """Take it away: lines that are not the program's follow."""
        hidden = self.withdraw()
        self._lines.feed(b"\r\n")
        return hidden

    def _confirmed(self) -> int | None:
        """How many characters the line shows of what was expected; None when it shows something else."""
        line = self._lines.pending
        if not line.startswith(self._base):
            return None if self._expected else 0
        echoed = line[len(self._base) :]
        return len(echoed) if self._expected.startswith(echoed) else None

    def _show(self) -> bytes:
        room = self.columns - 1 - text_width(self._lines.pending) % self.columns
        if not self._trusted or self._lines.after_cursor or text_width(self._expected) > room:
            return b""
        self._shown = self._expected
        return f"{_UNDERLINED}{self._shown}{_NOT_UNDERLINED}".encode() if self._shown else b""

    def _hide(self) -> bytes:
        width, self._shown = text_width(self._shown), ""
        return f"\x1b[{width}D\x1b[{width}X".encode() if width else b""
