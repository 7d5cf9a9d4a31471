"""What a terminal shows, from the end of what was printed on it: the text around the cursor, without a look at colours.

A grid of characters with a cursor and nothing else. Where the text begins within a screen that was drawn before, that
part is blank.
"""

from __future__ import annotations

import re

from runlet.vt import Control, Csi, Text, Token, Tokenizer
from runlet.width import char_width

# A window beyond this is taken for one of this size: a hostile program may set any, and erase it all the time.
MOST_COLUMNS, MOST_ROWS = 300, 120
_TAB = 8
_HOME = ("", "1;1", ";", "1", "0;0")
# Text in the character set of lines and corners, by which old programs draw their frames.
_DRAWN = re.compile(rb"\x1b\(0([^\x1b]*)|\x0e([^\x0f\x1b]*)")
_SCREEN_MODES = frozenset(("?47", "?1047", "?1049"))


class Screen:
    """Rows from the top; `row` and `column` are the cursor's.

    `moves` counts how often the cursor was sent to a place on the screen, `erased` how often the rest of a line was
    erased: what draws does so all the time.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self._columns = min(columns or 80, MOST_COLUMNS)
        self._rows = min(rows or 24, MOST_ROWS)
        self._clear()
        self.moves = self.erased = 0

    def feed(self, data: bytes) -> None:
        for token in Tokenizer().feed(_DRAWN.sub(lambda drawn: b" " * len(drawn[1] or drawn[2] or b""), data)):
            self._apply(token)

    @property
    def before_cursor(self) -> str:
        """The cursor's line up to the cursor; wrapped rows are one line."""
        return self._line_start() + "".join(self._cells[self.row][: self.column])

    def lines(self) -> list[str]:
        """The lines that are shown, without what is blank at their ends and below them; wrapped rows are one line."""
        joined: list[str] = []
        for row in range(self._rows):
            text = "".join(self._cells[row])
            if row in self._wrapped and joined:
                joined[-1] += text
            else:
                joined.append(text)
        shown = [line.rstrip() for line in joined]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def _line_start(self) -> str:
        row, before = self.row, ""
        while row in self._wrapped and row > 0:
            row -= 1
            before = "".join(self._cells[row]) + before
        return before

    def _clear(self) -> None:
        self._cells = [[" "] * self._columns for _ in range(self._rows)]
        self._wrapped: set[int] = set()  # rows that go on with the line of the row above
        self.row = self.column = 0

    def _apply(self, token: Token) -> None:
        match token:
            case Text(text):
                for char in text:
                    self._put(char)
            case Control("\n"):
                self._feed()
            case Control("\r"):
                self.column = 0
            case Control("\b"):
                self.column = max(0, min(self.column, self._columns) - 1)
            case Control("\t"):
                self.column = min(self._columns - 1, (self.column // _TAB + 1) * _TAB)
            case Csi():
                self._obey(token)

    def _put(self, char: str) -> None:
        width = char_width(char)
        if width == 0:
            return
        if self.column + width > self._columns:
            self.column = 0
            self._feed()
            self._wrapped.add(self.row)
        self._cells[self.row][self.column] = char
        if width == 2:
            self._cells[self.row][self.column + 1 : self.column + 2] = [""]
        self.column += width

    def _feed(self) -> None:
        if self.row < self._rows - 1:
            self.row += 1
        else:
            del self._cells[0]
            self._cells.append([" "] * self._columns)
            self._wrapped = {row - 1 for row in self._wrapped if row > 0}
        self._wrapped.discard(self.row)

    def _obey(self, token: Csi) -> None:
        count = max(1, token.number(1))
        match token.final:
            case "A" | "F":
                self._go(self.row - count, 0 if token.final == "F" else self.column)
            case "B" | "E":
                self._go(self.row + count, 0 if token.final == "E" else self.column)
            case "C":
                self._go(self.row, self.column + count)
            case "D":
                self._go(self.row, self.column - count)
            case "G" | "`":
                self._go(self.row, count - 1)
            case "d":
                self._go(count - 1, self.column)
                self.moves += 1
            case "H" | "f":
                row, _, column = token.parameters.partition(";")
                self._go(_number(row) - 1, _number(column) - 1)
                self.moves += token.parameters not in _HOME
            case "J":
                self._erase_screen(token.number(0))
            case "K":
                self.erased += 1
                self._erase_line(token.number(0))
            case "P":
                cells = self._cells[self.row]
                del cells[self.column : self.column + count]
                cells.extend([" "] * (self._columns - len(cells)))
            case "X":
                self._blank(self.column, self.column + count)
            case "@":
                cells = self._cells[self.row]
                cells[self.column : self.column] = [" "] * min(count, self._columns)
                del cells[self._columns :]
            case "h" | "l" if not _SCREEN_MODES.isdisjoint(token.parameters.split(";")):
                self._clear()
                self.moves = self.erased = 0

    def _go(self, row: int, column: int) -> None:
        self.row = max(0, min(row, self._rows - 1))
        self.column = max(0, min(column, self._columns - 1))

    def _erase_screen(self, what: int) -> None:
        self._erase_line(what)
        rows = {0: range(self.row + 1, self._rows), 1: range(self.row)}.get(what, range(self._rows))
        for row in rows:
            self._cells[row] = [" "] * self._columns
            self._wrapped.discard(row)

    def _erase_line(self, what: int) -> None:
        self._blank(*{0: (self.column, self._columns), 1: (0, self.column + 1)}.get(what, (0, self._columns)))

    def _blank(self, start: int, end: int) -> None:
        end = min(end, self._columns)
        self._cells[self.row][start:end] = [" "] * max(0, end - start)


def _number(text: str) -> int:
    return min(int(text), MOST_ROWS + MOST_COLUMNS) if text.isdecimal() and text.isascii() and len(text) < 5 else 1
