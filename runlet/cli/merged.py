"""The screen of a console attached to several devices, as strings to write: a model without I/O and without a clock.

Finished lines scroll as "pi-1 | text". The bottom line is the selected device's unfinished one, so that a question
without a line feed is visible, with the cursor where its program has it; behind it stand the others that wait for a
person, as their agents tell:

    pi-2 > Do you want to continue? [Y/n] y   [waiting too: pi-1 pi-3]

A program that draws a screen of its own cannot be shown in lines; the bottom line says so.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from runlet.cli.inert import SGR_RESET, plain
from runlet.cli.lines import LineAssembler, marked
from runlet.cli.prefix import Prefixes
from runlet.width import keep_end, text_width

# The unfinished line keeps at least this much of the bottom line; a hint that leaves less is cut to its number.
_LEAST_TEXT_COLUMNS = 24

_DIM = "\x1b[2m"
_ERASE = "\r\x1b[K"
BELL = "\a"


@dataclass(slots=True)
class _Stream:
    assembler: LineAssembler = field(default_factory=lambda: LineAssembler(colours=True))


class MergedView:
    """Every method returns what to write to a terminal in raw mode."""

    def __init__(self, prefixes: Prefixes, columns: int) -> None:
        self._prefixes = prefixes
        self._columns = columns
        self._streams: dict[str, _Stream] = {}
        self._selected: str | None = None
        self._waiting: Collection[str] = ()
        self._painted = ""

    def output(self, execution: str, data: bytes) -> str:
        """Bytes of one device's terminal."""
        stream = self._stream(execution)
        hidden = stream.assembler.full_screen
        lines = stream.assembler.feed(data)
        if hidden or stream.assembler.full_screen:
            lines = []
        return self._paint([self._prefixes.line(execution, marked(line)) for line in lines])

    def set_full_screen(self, execution: str, full_screen: bool) -> None:
        """What was learnt of the program elsewhere."""
        self._stream(execution).assembler.full_screen = full_screen

    def end(self, execution: str, told: list[str]) -> str:
        """The execution has ended and its output is complete; `told` is said of it."""
        stream = self._stream(execution)
        hidden = stream.assembler.full_screen
        last = [] if hidden else stream.assembler.finish()
        return self._paint([self._prefixes.line(execution, line) for line in [*last, *map(_dim, told)]])

    def begin_again(self, execution: str, told: list[str]) -> str:
        """What follows is no continuation, but a new start or behind a gap; `told` is said between the two."""
        last = self._stream(execution).assembler.finish()
        self._streams[execution] = _Stream()
        return self._paint([self._prefixes.line(execution, line) for line in [*last, *map(_dim, told)]])

    def select(self, execution: str | None) -> str:
        """Show this device's unfinished line at the bottom; None when no device can be typed to."""
        self._selected = execution
        return self._paint([])

    def say(self, *lines: str) -> str:
        """Words of the console itself."""
        return self._paint([_dim(f"-- {plain(line)}") for line in lines])

    def wait(self, executions: Collection[str]) -> str:
        """These, and no others, wait for a person. The bell tells of one that did not before: nobody may be looking."""
        bell = BELL if set(executions) - set(self._waiting) else ""
        self._waiting = executions
        return bell + self._paint([])

    def resize(self, columns: int) -> str:
        self._columns = columns
        self._painted = ""
        return self._paint([])

    def leave(self) -> str:
        """Erase the bottom line; the scrolled lines stay."""
        self._painted = ""
        return _ERASE

    def repaint(self) -> str:
        """The terminal shows something else at the bottom: begin there."""
        self._painted = ""
        return self._paint([])

    def _stream(self, execution: str) -> _Stream:
        return self._streams.setdefault(execution, _Stream())

    def _paint(self, lines: list[str]) -> str:
        bottom = self._bottom()
        if not lines and bottom == self._painted:
            return ""
        self._painted = bottom
        return _ERASE + "".join(f"{line}\r\n" for line in lines) + bottom

    def _bottom(self) -> str:
        waiting = [self._prefixes.name(execution) for execution in self._waiting if execution != self._selected]
        if self._selected is None:
            return ""
        name = self._prefixes.name(self._selected)
        assembler = self._stream(self._selected).assembler
        text, behind = assembler.pending, assembler.after_cursor
        if assembler.full_screen:
            text, behind = "(draws a screen of its own; Ctrl-] m shows it)", ""
        room = max(0, self._columns - 1 - text_width(f"{name} > "))  # the last column stays free: no wrapping
        hint = _hint(waiting, room - min(_LEAST_TEXT_COLUMNS, text_width(text)), bool(text.strip()))
        text = keep_end(text, room - text_width(hint))
        back = text_width(hint) + min(text_width(behind), text_width(text))
        shown = f"{self._prefixes.coloured_name(self._selected)} > {text}{_dim(hint) if hint else ''}"
        return shown + (f"\x1b[{back}D" if back else "")


def _hint(waiting: list[str], room: int, too: bool) -> str:
    if not waiting:
        return ""
    for hint in (f"   [waiting{' too' if too else ''}: {' '.join(waiting)}]", f" [+{len(waiting)}]"):
        if len(hint) <= room:
            return hint
    return ""


def _dim(text: str) -> str:
    return f"{_DIM}{text}{SGR_RESET}"
