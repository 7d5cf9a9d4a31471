"""Which modes of the operator's terminal a program has switched on, so that leaving undoes exactly those.

Undoing blindly is no way: leaving an alternate screen that was never entered moves the cursor in some terminals.
A raw console's bytes pass here untouched, at memory speed unless they hold such sequences.
"""

from __future__ import annotations

import re

# Private modes and how each is left; the order is the order of leaving: the screen last but for the cursor.
_LEAVE = {
    "1": "\x1b[?1l",  # application cursor keys
    "9": "\x1b[?9l",  # mouse reports, five kinds and three encodings
    "1000": "\x1b[?1000l",
    "1001": "\x1b[?1001l",
    "1002": "\x1b[?1002l",
    "1003": "\x1b[?1003l",
    "1005": "\x1b[?1005l",
    "1006": "\x1b[?1006l",
    "1015": "\x1b[?1015l",
    "1004": "\x1b[?1004l",  # focus reports
    "2004": "\x1b[?2004l",  # bracketed paste
    "2026": "\x1b[?2026l",  # synchronized output
    "47": "\x1b[?47l",  # alternate screens
    "1047": "\x1b[?1047l",
    "1049": "\x1b[?1049l",
}
_ON_BY_DEFAULT = {
    "7": "\x1b[?7h",  # wrapping
    "25": "\x1b[?25h",  # the cursor
}
_SEQUENCE = re.compile(
    rb"\x1b(?:\[\?(?P<modes>[0-9;]{1,64})(?P<switch>[hl])"
    rb"|\[>4;?(?P<keys>\d?)m"  # xterm's modifyOtherKeys
    rb"|\[(?P<kitty>[><])\d{0,3}u"  # kitty's keyboard protocol, pushed and popped
    rb"|\[(?P<shape>\d?) q"  # the cursor's shape
    rb"|\[(?P<region>\d{0,5};?\d{0,5})r"
    rb"|(?P<keypad>[=>]))"
)
# The longest sequence above, so that one cut by the end of a chunk is seen with the next.
_LONGEST_BYTES = 72
# Colours off, character set back to normal: harmless at any time.
_ALWAYS = "\x1b[0m\x0f\x1b(B"


class ModeTracker:
    """Feed it what is written to the terminal, in order."""

    def __init__(self) -> None:
        self._on: set[str] = set()
        self._off: set[str] = set()
        self._undo: dict[str, str] = {}  # what else is to be undone, by kind
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
        return not self._on.isdisjoint(("47", "1047", "1049"))

    def restore(self) -> bytes:
        """What brings the terminal back; nothing when nothing was written since the last time."""
        if not self._written:
            return b""
        parts = [leave for mode, leave in _LEAVE.items() if mode in self._on]
        parts += [enter for mode, enter in _ON_BY_DEFAULT.items() if mode in self._off]
        parts += self._undo.values()
        self._on.clear()
        self._off.clear()
        self._undo.clear()
        self._tail, self._written = b"", False
        return ("".join(parts) + _ALWAYS).encode()

    def _note(self, match: re.Match[bytes]) -> None:
        if match["modes"] is not None:
            self._switch(match["modes"].decode().split(";"), on=match["switch"] == b"h")
        elif match["keys"] is not None:
            self._remember("keys", "\x1b[>4m", on=match["keys"] not in (b"", b"0"))
        elif match["kitty"] is not None:
            self._remember("kitty", "\x1b[<u", on=match["kitty"] == b">")
        elif match["shape"] is not None:
            self._remember("shape", "\x1b[0 q", on=match["shape"] not in (b"", b"0"))
        elif match["region"] is not None:
            # Setting the region moves the cursor, so the cursor is saved around it.
            self._remember("region", "\x1b7\x1b[r\x1b8", on=bool(match["region"]))
        else:
            self._remember("keypad", "\x1b>", on=match["keypad"] == b"=")

    def _switch(self, modes: list[str], *, on: bool) -> None:
        for mode in modes:
            if mode in _LEAVE:
                (self._on.add if on else self._on.discard)(mode)
            elif mode in _ON_BY_DEFAULT:
                (self._off.discard if on else self._off.add)(mode)

    def _remember(self, kind: str, undo: str, *, on: bool) -> None:
        if on:
            self._undo[kind] = undo
        else:
            self._undo.pop(kind, None)
