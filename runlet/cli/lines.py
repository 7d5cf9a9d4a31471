"""One stream's output as finished lines, each in the last state it had on a terminal, and the line still unfinished.

A line is a row of cells with a cursor, so that progress lines, line editors and erased characters read as they looked.
Sequences that move to another row end the line: what follows is text of its own. Colours are kept when asked for, and
end with their line. However the output is cut into chunks, the lines are the same.
"""

from __future__ import annotations

from itertools import groupby

from runlet.cli.inert import SGR_RESET, sgr
from runlet.vt import Control, Csi, Text, Token, Tokenizer
from runlet.width import char_width

# An unfinished line longer than this comes in parts: output without line feeds must not fill the memory.
MOST_CELLS = 64 * 1024
# What is shown behind a part where lines of others may come before the next.
_GOES_ON = " [runlet: this line goes on]"
# Colours set and never reset add up; a style longer than this begins again with the newest.
_MOST_STYLE_CHARACTERS = 128
_MOST_CELL_CHARACTERS = 8  # a character and what combines with it; the rest is dropped

_ROW_MOVES = frozenset("ABEFHdf")
_FULL_SCREEN_MODES = frozenset(("?47", "?1047", "?1049"))


class Part(str):
    """A part of a line, which goes on with the next that comes."""

    __slots__ = ()


def marked(line: str) -> str:
    """A line to stand among those of others."""
    return f"{line}{_GOES_ON}" if isinstance(line, Part) else line


def ended(line: str) -> str:
    """A line with its line feed, if it has ended."""
    return line if isinstance(line, Part) else f"{line}\n"


class LineAssembler:
    """Feed it the bytes of one stream in order. `full_screen` tells that the program has drawn a screen of its own.

    A line longer than MOST_CELLS comes as one or more Parts and its end, which may be empty.
    """

    def __init__(self, *, colours: bool) -> None:
        self._tokenizer = Tokenizer()
        self._colours = colours
        self._cells: list[str] = []  # a wide character is followed by an empty cell
        self._styles: list[str] = []
        self._style = ""
        self._cursor = 0
        self._finished: list[str] = []
        self._in_parts = False  # the line that is unfinished has been told in part
        self.full_screen = False

    @property
    def pending(self) -> str:
        """The unfinished line, without colours."""
        return "".join(self._cells).replace("\t", " ")

    @property
    def after_cursor(self) -> str:
        """The part of `pending` behind the cursor."""
        return "".join(self._cells[self._cursor :]).replace("\t", " ")

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` finishes."""
        if self._cells or self._cursor or self._in_parts:
            head, feed, data = data.partition(b"\n")
            self._take(head + feed)
        plain = None if self._style or self._cells or self._cursor or self._in_parts else self._tokenizer.decode(data)
        if plain is None:
            self._take(data)
        else:
            self._take_plain(plain)
        finished, self._finished = self._finished, []
        return finished

    def finish(self) -> list[str]:
        """The last line, when the stream ended within it."""
        for token in self._tokenizer.feed(b"", final=True):
            self._apply(token)
        if self._cells or self._in_parts:
            self._end_line()
        finished, self._finished = self._finished, []
        return finished

    def _take_plain(self, text: str) -> None:
        *lines, rest = text.split("\n")
        for line in (one.rstrip("\r") for one in lines):
            if line.replace("\t", " ").isprintable() and len(line) < MOST_CELLS:
                self._finished.append(line)
            else:
                self._take(f"{line}\n".encode())
        self._take(rest.encode())

    def _take(self, data: bytes) -> None:
        for token in self._tokenizer.feed(data):
            self._apply(token)

    def _apply(self, token: Token) -> None:
        match token:
            case Text(text):
                self._put(text)
            case Control("\n"):
                self._end_line()
            case Control("\r"):
                self._cursor = 0
            case Control("\b"):
                self._cursor = max(0, self._cursor - 1)
            case Control(tab):
                self._put(tab)
            case Csi(_, final) if final in _ROW_MOVES:
                if self._cells or self._in_parts:
                    self._end_line()
            case Csi(parameters, "h" | "l" as final) if not _FULL_SCREEN_MODES.isdisjoint(parameters.split(";")):
                self.full_screen = final == "h"
            case Csi(_, "m"):
                self._set_style(token)
            case Csi():
                self._edit(token)

    def _put(self, text: str) -> None:
        while text:
            room = MOST_CELLS - self._cursor
            part, text = text[:room], text[room:]
            if part.isascii() and self._cursor == len(self._cells):
                self._cells.extend(part)
                self._styles.extend([self._style] * len(part))
                self._cursor += len(part)
                self._end_line_if_full()
            else:
                for char in part:
                    self._put_char(char)
                    self._end_line_if_full()

    def _put_char(self, char: str) -> None:
        width = 1 if char == "\t" else char_width(char)
        if width == 0:
            if 0 < self._cursor <= len(self._cells) and len(self._cells[self._cursor - 1]) < _MOST_CELL_CHARACTERS:
                self._cells[self._cursor - 1] += char
            return
        self._reach(self._cursor + width)
        self._cells[self._cursor] = char
        self._styles[self._cursor] = self._style
        if width == 2:
            self._cells[self._cursor + 1] = ""
            self._styles[self._cursor + 1] = self._style
        self._cursor += width

    def _reach(self, length: int) -> None:
        missing = length - len(self._cells)
        if missing > 0:
            self._cells.extend(" " * missing)
            self._styles.extend([""] * missing)

    def _edit(self, token: Csi) -> None:
        count = token.number(1) or 1
        match token.final:
            case "C":
                self._cursor = min(self._cursor + count, MOST_CELLS - 2)
            case "D":
                self._cursor = max(0, self._cursor - count)
            case "G" | "`":
                self._cursor = count - 1
            case "K" | "J":
                self._erase(token.number(0))
            case "P":
                del self._cells[self._cursor : self._cursor + count]
                del self._styles[self._cursor : self._cursor + count]
            case "X":
                self._blank(self._cursor, min(self._cursor + count, len(self._cells)))
            case "@" if self._cursor < len(self._cells):
                count = min(count, MOST_CELLS - len(self._cells))
                self._cells[self._cursor : self._cursor] = " " * count
                self._styles[self._cursor : self._cursor] = [""] * count

    def _erase(self, what: int) -> None:
        if what == 0:
            del self._cells[self._cursor :]
            del self._styles[self._cursor :]
        elif what == 1:
            self._blank(0, min(self._cursor + 1, len(self._cells)))
        else:
            self._cells.clear()
            self._styles.clear()

    def _blank(self, start: int, end: int) -> None:
        for cell in range(start, end):
            self._cells[cell] = " "
            self._styles[cell] = ""

    def _set_style(self, token: Csi) -> None:
        sequence = sgr(token) if self._colours else ""
        if not sequence:
            return
        if not token.parameters.strip("0"):
            self._style = ""
        elif token.parameters.startswith("0;") or len(self._style) > _MOST_STYLE_CHARACTERS:
            self._style = sequence
        else:
            self._style += sequence

    def _end_line_if_full(self) -> None:
        if self._cursor >= MOST_CELLS:
            self._end_line(Part)

    def _end_line(self, kind: type[str] = str) -> None:
        self._finished.append(kind(self._render()))
        self._in_parts = kind is Part
        self._cells.clear()
        self._styles.clear()
        self._cursor = 0

    def _render(self) -> str:
        if not any(self._styles):
            return "".join(self._cells)
        shown, at = [], 0
        for style, cells in groupby(self._styles):
            length = sum(1 for _ in cells)
            text = "".join(self._cells[at : at + length])
            shown.append(f"{style}{text}{SGR_RESET}" if style else text)
            at += length
        return "".join(shown)
