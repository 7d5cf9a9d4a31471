"""What a keyboard sends as the keys that were pressed, for a screen of our own.

A key is a character, or one of the names below. The Escape key sends what every sequence begins with: it is taken for
itself when nothing follows in the same read, since a terminal sends a sequence at once.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END = "up", "down", "page up", "page down", "home", "end"
ENTER, ESCAPE, BACKSPACE, ERASE_LINE, TAB, INTERRUPT, REDRAW = (
    "enter",
    "escape",
    "backspace",
    "erase line",
    "tab",
    "interrupt",
    "redraw",
)

_SEQUENCES = {
    "[A": UP,
    "OA": UP,
    "[B": DOWN,
    "OB": DOWN,
    "[5~": PAGE_UP,
    "[6~": PAGE_DOWN,
    "[H": HOME,
    "OH": HOME,
    "[1~": HOME,
    "[F": END,
    "OF": END,
    "[4~": END,
}
_CONTROLS = {
    "\r": ENTER,
    "\n": ENTER,
    "\x7f": BACKSPACE,
    "\b": BACKSPACE,
    "\x15": ERASE_LINE,
    "\t": TAB,
    "\x03": INTERRUPT,
    "\x0c": REDRAW,
}
_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|O[ -~])")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)\Z")
# A sequence is no longer; what goes on is none.
_LONGEST = 32


class Pressed:
    """Feed it what was read, in order. Sequences of no key here, and other controls, are dropped."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._held = ""

    def feed(self, data: bytes) -> Iterator[str]:
        text, self._held = self._held + self._decoder.decode(data), ""
        while text:
            if text[0] != "\x1b":
                if key := _CONTROLS.get(text[0], text[0] if text[0].isprintable() else ""):
                    yield key
                text = text[1:]
            elif match := _SEQUENCE.match(text):
                if key := _SEQUENCES.get(match[1], ""):
                    yield key
                text = text[match.end() :]
            elif _UNFINISHED.match(text) and len(text) < _LONGEST:
                self._held, text = text, ""
            else:
                yield ESCAPE
                text = text[1:]
