"""Output made inert: what a device sent may be read here, but cannot do anything to the terminal that shows it.

vt.py decides what gets through at all; this file, how much of that a reader's stdout is given.
"""

from __future__ import annotations

import json
import re
from typing import Any

from runlet.vt import Control, Csi, Escape, Text, Token, Tokenizer

_SGR_PARAMETERS = re.compile(r"[0-9;:]*")
SGR_RESET = "\x1b[0m"


def sgr(token: Csi) -> str:
    """The sequence when it only sets colours and weights, else nothing."""
    if token.final != "m" or not _SGR_PARAMETERS.fullmatch(token.parameters):
        return ""
    return f"\x1b[{token.parameters}m"


class InertFilter:
    """One stream's output as text for stdout, as it comes, unfinished lines too.

    `colours` lets SGR sequences through. `motion` lets a lone carriage return and backspaces through, for terminals;
    without it a progress line becomes one line per state.
    """

    def __init__(self, *, colours: bool, motion: bool) -> None:
        self._tokenizer = Tokenizer()
        self._colours = colours
        self._motion = motion
        self._returned = False  # a CR whose LF may follow
        self._coloured = False

    def feed(self, data: bytes) -> str:
        return "".join(self._show(token) for token in self._tokenizer.feed(data))

    def finish(self) -> str:
        """What the end of the stream leaves, with the colours switched off."""
        rest = "".join(self._show(token) for token in self._tokenizer.feed(b"", final=True))
        return rest + (SGR_RESET if self._coloured else "")

    def _show(self, token: Token) -> str:
        returned, self._returned = self._returned, False
        if isinstance(token, Control) and token.char == "\r":
            self._returned = True
            return ""
        before = ("\r" if self._motion else "\n") if returned and token != Control("\n") else ""
        match token:
            case Text(text):
                return before + text
            case Control("\b"):
                return before + ("\b" if self._motion else "")
            case Control(char):
                return before + char
            case Escape():
                return before
            case Csi():
                self._returned = returned  # it moves nothing: the LF may still follow
                if not self._colours or not (sequence := sgr(token)):
                    return ""
                self._coloured = True
                return sequence


def plain(text: str) -> str:
    """A name or a message from elsewhere on one line of ours: no controls, no invisible characters."""
    return "".join(char if char.isprintable() else " " for char in text)


def escaped(text: str) -> str:
    """A text from elsewhere with nothing lost: what cannot be seen is written as JSON writes it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def json_text(content: Any, indent: int | None = None) -> str:
    """`content` as JSON that can be read, and shown: what cannot be seen is escaped, also where JSON need not."""
    separators = None if indent else (",", ":")
    text = json.dumps(content, ensure_ascii=False, indent=indent, separators=separators)
    return "\n".join(map(escaped, text.split("\n")))


def _escape(char: str) -> str:
    """JSON's own escape; it has none for DEL."""
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]


def readable(text: str) -> str:
    """A text from elsewhere on lines of its own: no controls but line feeds and tabs."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)
