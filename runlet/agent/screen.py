"""What a terminal shows, from the end of what was printed on it: the text around the cursor, without a look at colours.

A grid of characters with a cursor, and what tells how it came to be: how much was drawn, and if the cursor is shown.
Where the text begins within a screen that was drawn before, that part is blank.
"""

from __future__ import annotations

from runlet.vt import Control, Csi, Escape, Text, Token, Tokenizer
from runlet.width import char_width

# A window beyond this is taken for one of this size: a hostile program may set any, and erase it all the time.
MOST_COLUMNS, MOST_ROWS = 300, 120
_TAB = 8
_HOME = ("", "1;1", ";", "1", "0;0")
_SCREEN_MODES = frozenset(("?47", "?1047", "?1049"))
# The character set of lines and corners, by which old programs draw their frames.
_LINES = str.maketrans("`afgjklmnqtuvwxy0z~", "◆▒°±┘┐┌└┼─├┤┴┬│≤█≥·")


class Screen:
    """Rows from the top; `row` and `column` are the cursor's, which is shown unless `is_hidden`.

    `moves` counts how often the cursor was sent to a place on the screen and left there, `erased` the rows whose rest
    was erased: what draws does so all over the screen. `drawn_from` is the first row of what is drawn in its place
    since the cursor was hidden, or by going up; None when nothing is.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self._columns = min(columns or 80, MOST_COLUMNS)
        self._rows = min(rows or 24, MOST_ROWS)
        self._reset()

    def feed(self, data: bytes) -> None:
        for token in Tokenizer(for_screen=True).feed(data):
            self._apply(token)

    @property
    def erased(self) -> int:
        return len(self._erased)

    @property
    def before_cursor(self) -> str:
        """The cursor's line up to the cursor; wrapped rows are one line."""
        return self._line_start() + "".join(self._cells[self.row][: self.column])

    @property
    def after_cursor(self) -> str:
        """The rest of the cursor's row."""
        return "".join(self._cells[self.row][self.column :]).rstrip()

    def lines(self, first: int = 0) -> list[str]:
        """The lines that are shown from this row on, without what is blank at their ends and below them; wrapped rows
        are one line.
        """
        shown = self._joined(range(first, self._rows))
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def lines_to_cursor(self) -> list[str]:
        """The lines down to the cursor's, all of it."""
        last = self.row
        while last + 1 in self._wrapped:
            last += 1
        return self._joined(range(last + 1))

    def lines_below(self) -> list[str]:
        """The lines behind the cursor's."""
        first = self.row + 1
        while first in self._wrapped:
            first += 1
        return self.lines(first)

    def _joined(self, rows: range) -> list[str]:
        joined: list[str] = []
        for row in rows:
            text = "".join(self._cells[row])
            if row in self._wrapped and joined:
                joined[-1] += text
            else:
                joined.append(text)
        return [line.rstrip() for line in joined]

    def _line_start(self) -> str:
        row, before = self.row, ""
        while row in self._wrapped and row > 0:
            row -= 1
            before = "".join(self._cells[row]) + before
        return before

    def _reset(self) -> None:
        self._clear()
        self.is_hidden = False
        self._sets = ["B", "B"]
        self._shifted = 0
        self._last = " "

    def _clear(self) -> None:
        self._cells = [[" "] * self._columns for _ in range(self._rows)]
        self._wrapped: set[int] = set()  # rows that go on with the line of the row above
        self.row = self.column = self.moves = 0
        self._erased: set[int] = set()
        self.drawn_from: int | None = None
        self._saved = 0, 0, 0
        self._top, self._bottom = 0, self._rows - 1  # of what scrolls

    def _apply(self, token: Token) -> None:
        match token:
            case Text(text):
                for char in text.translate(_LINES) if self._sets[self._shifted] == "0" else text:
                    self._put(char)
            case Control("\n"):
                self._feed()
            case Control("\r"):
                self.column = 0
            case Control("\b"):
                self.column = max(0, min(self.column, self._columns) - 1)
            case Control("\t"):
                self.column = min(self._columns - 1, (self.column // _TAB + 1) * _TAB)
            case Control(shift):
                self._shifted = int(shift == "\x0e")
            case Escape("(" | ")" as which, charset):
                self._sets[which == ")"] = charset
            case Escape("", final):
                self._escape(final)
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
        self._cells[self.row][self.column] = self._last = char
        if width == 2:
            self._cells[self.row][self.column + 1 : self.column + 2] = [""]
        self.column += width

    def _feed(self) -> None:
        if self.row == self._bottom:
            self._scroll(self._top, 1)
        elif self.row < self._rows - 1:
            self.row += 1
        self._wrapped.discard(self.row)

    def _scroll(self, first: int, count: int) -> None:
        """The rows from `first` to the end of what scrolls go up by `count`, or down."""
        blank = [[" "] * self._columns for _ in range(min(abs(count), self._bottom - first + 1))]
        kept = self._cells[first : self._bottom + 1]
        self._cells[first : self._bottom + 1] = (
            kept[len(blank) :] + blank if count > 0 else blank + kept[: len(kept) - len(blank)]
        )
        moved = {row - count for row in self._wrapped if first <= row <= self._bottom}
        self._wrapped = {row for row in self._wrapped if not first <= row <= self._bottom}
        self._wrapped |= {row for row in moved if first < row <= self._bottom}
        if self.drawn_from is not None and first <= self.drawn_from <= self._bottom:
            self.drawn_from = max(first, self.drawn_from - count)

    def _escape(self, final: str) -> None:
        match final:
            case "7":
                self._save()
            case "8":
                self._restore()
            case "D":
                self._feed()
            case "E":
                self.column = 0
                self._feed()
            case "M" if self.row == self._top:
                self._scroll(self._top, -1)
            case "M":
                self._go(self.row - 1, self.column)
            case "c":
                self._reset()

    def _obey(self, token: Csi) -> None:
        count = max(1, token.number(1))
        match token.final:
            case "A" | "F":
                self._go(self.row - count, 0 if token.final == "F" else self.column)
                self._draws()
            case "B" | "E":
                self._go(self.row + count, 0 if token.final == "E" else self.column)
            case "C" | "a":
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
                self._erased.add(self.row)
                self._erase_line(token.number(0))
            case "L" | "M" | "S" | "T" if token.parameters.isdecimal() or not token.parameters:
                down = token.final in "LT"
                if self._top <= self.row <= self._bottom or token.final in "ST":
                    self._scroll(self.row if token.final in "LM" else self._top, -count if down else count)
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
            case "b":
                for _ in range(min(count, self._columns)):
                    self._put(self._last)
            case "r":
                self._set_scrolled(token.parameters)
            case "s" if not token.parameters:
                self._save()
            case "u" if not token.parameters:
                self._restore()
            case "h" | "l" if token.parameters.startswith("?"):
                self._set_modes(token.parameters.split(";"), on=token.final == "h")

    def _set_modes(self, modes: list[str], *, on: bool) -> None:
        if "?25" in modes:
            self.is_hidden = not on
            self.drawn_from = None if on else self.row
        if not _SCREEN_MODES.isdisjoint(modes):
            self._clear()

    def _draws(self) -> None:
        self.drawn_from = self.row if self.drawn_from is None else min(self.row, self.drawn_from)

    def _set_scrolled(self, parameters: str) -> None:
        top, _, bottom = parameters.partition(";")
        self._top = max(0, min(_number(top), self._rows) - 1)
        self._bottom = max(self._top, min(_number(bottom) if bottom else self._rows, self._rows) - 1)
        self._go(0, 0)

    def _save(self) -> None:
        self._saved = self.row, self.column, self.moves

    def _restore(self) -> None:
        """Who comes back has drawn beside what is shown: how far it is, for instance."""
        row, column, self.moves = self._saved
        self._go(row, column)

    def _go(self, row: int, column: int) -> None:
        self.row = max(0, min(row, self._rows - 1))
        self.column = max(0, min(column, self._columns - 1))

    def _erase_screen(self, what: int) -> None:
        self._erase_line(what)
        rows = {0: range(self.row + 1, self._rows), 1: range(self.row)}.get(what, range(self._rows))
        for row in rows:
            self._cells[row] = [" "] * self._columns
            self._wrapped.discard(row)
        if what >= 2:
            self.drawn_from = None

    def _erase_line(self, what: int) -> None:
        self._blank(*{0: (self.column, self._columns), 1: (0, self.column + 1)}.get(what, (0, self._columns)))

    def _blank(self, start: int, end: int) -> None:
        end = min(end, self._columns)
        self._cells[self.row][start:end] = [" "] * max(0, end - start)


def _number(text: str) -> int:
    return min(int(text), MOST_ROWS + MOST_COLUMNS) if text.isdecimal() and text.isascii() and len(text) < 5 else 1
