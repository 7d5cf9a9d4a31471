"""Which modes of the operator's terminal a program has switched on, so that leaving undoes exactly those.

Undoing blindly is no way: leaving an alternate screen that was never entered moves the cursor in some terminals.
A raw console's bytes pass here untouched, at memory speed unless they hold such sequences.
"""

from __future__ import annotations

import re

# Private modes that are off until a program needs them, in the order of leaving; the screens come last.
_OFF_BY_DEFAULT = (
    *("1", "4", "5", "6", "12", "45", "66", "67", "69", "1034", "1042", "1043"),
    *("9", "1000", "1001", "1002", "1003", "1005", "1006", "1015", "1016", "1004", "1007"),  # mouse, focus
    *("2004", "2026", "2027", "2031", "2048"),
)
_SCREENS = ("47", "1047", "1049")
_ON_BY_DEFAULT = ("7", "8", "25")  # wrapping, keys that repeat, the cursor
_SEQUENCE = re.compile(
    rb"\x1b(?!\[[0-9;:]*+[A-HJKm])"  # most are colours and moves: not one of the following, without trying each
    rb"(?:\[\?(?P<modes>[0-9;]{1,64})(?P<switch>[hl])"
    rb"|\[(?P<ansi>4|34)(?P<to>[hl])"  # inserting; a cursor that is seen well
    rb"|\[>4;?(?P<keys>\d?)m"  # xterm's modifyOtherKeys
    rb"|\[(?P<kitty>[><=])(?P<count>\d{0,3})(?:;\d?)?u"  # kitty's keyboard protocol, pushed, popped and set
    rb"|\[(?P<shape>\d?) q"  # the cursor's shape
    rb"|\[(?P<region>\d{0,5};?\d{0,5})r"
    rb"|\[2(?P<title>[23])(?:;\d?){0,2}t"  # the stack of titles
    rb"|\](?P<colour>4|5|1[0-9]);[^?\x07\x1b]"
    rb"|\](?P<link>8);[^;\x07\x1b]*;(?P<to_link>.)"
    rb"|(?P<reset>c|\[!p)"
    rb"|(?P<keypad>[=>]))"
)
# The longest sequence above but a link's, so that one cut by the end of a chunk is seen with the next.
_LONGEST_BYTES = 72
# Colours off, character set back to normal: harmless at any time.
_ALWAYS = "\x1b[0m\x0f\x1b(B"
# Titles and keyboards that a program left stacked; a terminal keeps few.
_MOST_STACKED = 16
# What sets a colour is undone by 100 more.
_RESET_COLOUR = 100


class ModeTracker:
    """Feed it what is written to the terminal, in order."""

    def __init__(self) -> None:
        self._on: set[str] = set()
        self._off: set[str] = set()
        self._undo: dict[str, str] = {}  # what else is to be undone, by kind
        self._titles = 0
        self._keyboards = [0, 0]  # pushed on the normal screen, and on the alternate one: each has a stack
        self._tail = b""
        self._written = False

    def feed(self, data: bytes) -> None:
        self._written = True
        if b"\x1b" not in data and b"\x1b" not in self._tail:
            self._tail = b""
            return
        seen = self._tail + data
        end = 0
        for match in _SEQUENCE.finditer(seen):
            self._note(match)
            end = match.end()
        self._tail = seen[max(end, len(seen) - _LONGEST_BYTES) :]

    @property
    def full_screen(self) -> bool:
        """Whether the program is on an alternate screen."""
        return not self._on.isdisjoint(_SCREENS)

    def enter(self) -> bytes:
        """What brings another terminal into the modes of this one, as far as a program that draws depends on them."""
        parts = [f"\x1b[?{mode}h" for mode in (*_SCREENS, *_OFF_BY_DEFAULT) if mode in self._on]
        parts += [f"\x1b[?{mode}l" for mode in _ON_BY_DEFAULT if mode in self._off]
        return ("".join(parts) + "\x1b=" * ("keypad" in self._undo)).encode()

    def restore(self) -> bytes:
        """What brings the terminal back; nothing when nothing was written since the last time."""
        if not self._written:
            return b""
        parts = [f"\x1b[?{mode}l" for mode in _OFF_BY_DEFAULT if mode in self._on]
        normal, alternate = self._keyboards
        parts += [f"\x1b[<{alternate}u"] * bool(alternate)
        parts += [f"\x1b[?{mode}l" for mode in _SCREENS if mode in self._on]
        parts += [f"\x1b[<{normal}u"] * bool(normal)
        parts += [f"\x1b[?{mode}h" for mode in _ON_BY_DEFAULT if mode in self._off]
        parts += self._undo.values()
        parts += ["\x1b[23;0t"] * self._titles
        self._forget()
        self._tail, self._written = b"", False
        return ("".join(parts) + _ALWAYS).encode()

    def _forget(self) -> None:
        self._on.clear()
        self._off.clear()
        self._undo.clear()
        self._titles, self._keyboards = 0, [0, 0]

    def _note(self, match: re.Match[bytes]) -> None:
        if match["modes"] is not None:
            self._switch(match["modes"].decode().split(";"), on=match["switch"] == b"h")
        elif match["ansi"] is not None:
            mode = match["ansi"].decode()
            self._remember(f"ansi {mode}", f"\x1b[{mode}l", on=match["to"] == b"h")
        elif match["keys"] is not None:
            self._remember("keys", "\x1b[>4m", on=match["keys"] not in (b"", b"0"))
        elif match["kitty"] is not None:
            self._keyboard(match["kitty"], int(match["count"] or 0))
        elif match["shape"] is not None:
            self._remember("shape", "\x1b[0 q", on=match["shape"] not in (b"", b"0"))
        elif match["region"] is not None:
            # Setting the region moves the cursor, so the cursor is saved around it.
            self._remember("region", "\x1b7\x1b[r\x1b8", on=bool(match["region"]))
        elif match["title"] is not None:
            self._titles = min(max(0, self._titles + (1 if match["title"] == b"2" else -1)), _MOST_STACKED)
        elif match["colour"] is not None:
            colour = int(match["colour"])
            self._remember(f"colour {colour}", f"\x1b]{_RESET_COLOUR + colour}\x1b\\", on=True)
        elif match["link"] is not None:
            self._remember("link", "\x1b]8;;\x1b\\", on=match["to_link"] not in (b"\x07", b"\x1b"))
        elif match["reset"] is not None:
            self._reset(soft=match["reset"] != b"c")
        else:
            self._remember("keypad", "\x1b>", on=match["keypad"] == b"=")

    def _switch(self, modes: list[str], *, on: bool) -> None:
        for mode in modes:
            if mode in _SCREENS or mode in _OFF_BY_DEFAULT:
                (self._on.add if on else self._on.discard)(mode)
            elif mode in _ON_BY_DEFAULT:
                (self._off.discard if on else self._off.add)(mode)

    def _keyboard(self, what: bytes, count: int) -> None:
        screen = int(self.full_screen)
        if what == b">":
            self._keyboards[screen] = min(self._keyboards[screen] + 1, _MOST_STACKED)
        elif what == b"<":
            self._keyboards[screen] = max(0, self._keyboards[screen] - max(1, count))
        elif not self._keyboards[screen]:  # else popping undoes it
            self._remember("keyboard", "\x1b[=0u", on=count > 0)

    def _reset(self, *, soft: bool) -> None:
        """The terminal has undone it by itself; softly, not all of it: undoing twice does no harm."""
        self._undo.pop("region", None)
        self._undo.pop("keypad", None)
        self._undo.pop("ansi 4", None)
        self._off.discard("25")
        if not soft:
            titles = self._titles
            self._forget()
            self._titles = titles

    def _remember(self, kind: str, undo: str, *, on: bool) -> None:
        if on:
            self._undo[kind] = undo
        else:
            self._undo.pop(kind, None)
