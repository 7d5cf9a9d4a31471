"""A terminal's output as tokens: text, the controls that move within a line, and CSI sequences; nothing else gets out,
but for who draws a screen.

Strings addressed to the terminal itself (OSC, DCS, APC, PM, SOS: titles, clipboard, notifications), the other escapes
and the other controls, C1 included, are dropped here, once, for all that show output as text. Bytes are UTF-8; what is
not becomes U+FFFD. However the output is cut into chunks, the tokens, joined, are the same.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Characters without any control among them."""

    text: str


@dataclass(frozen=True, slots=True)
class Control:
    """One of LF, CR, TAB or BS; for a screen, also of SO and SI."""

    char: str


@dataclass(frozen=True, slots=True)
class Csi:
    """A control sequence: "\\x1b[1;31m" has the parameters "1;31" and the final "m"."""

    parameters: str
    final: str

    def number(self, default: int) -> int:
        """The first parameter, bounded; `default` when it is absent or not a number."""
        first = self.parameters.split(";", 1)[0]
        return min(int(first), MOST_PARAMETER) if first.isdecimal() and first.isascii() else default


@dataclass(frozen=True, slots=True)
class Escape:
    """Another escape: "\\x1b(0" has the intermediates "(" and the final "0"."""

    intermediates: str
    final: str


Token = Text | Control | Csi | Escape

# A sequence with more parameter characters is no terminal's: so many are dropped, and the rest is text.
MOST_PARAMETER_CHARACTERS = 200
MOST_INTERMEDIATES = 8
# No line is wider; a larger count in a sequence would only be an attempt to make us allocate.
MOST_PARAMETER = 10_000

_BODY = rf"[0-?]{{0,{MOST_PARAMETER_CHARACTERS}}}"
_INTERMEDIATES = rf"[ -/]{{0,{MOST_INTERMEDIATES}}}"
_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_SEQUENCE = re.compile(rf"(?:\x1b\[|\x9b)({_BODY})({_INTERMEDIATES})([@-~])")
_SEQUENCE_BROKEN = re.compile(rf"(?:\x1b\[|\x9b){_BODY}{_INTERMEDIATES}")
_ESCAPE = re.compile(
    rf"\x1b({_INTERMEDIATES})([0-~])"
)  # with intermediates: the choice of a character set and the like
_ESCAPE_BROKEN = re.compile(rf"\x1b{_INTERMEDIATES}")
# "k" begins a title, as screen and tmux have it.
_STRING = re.compile(r"\x1b[P\]X^_k]|[\x90\x98\x9d\x9e\x9f]")
# What ends such a string. A line feed is in none that is meant well: a program that forgot the end hides one line only.
_STRING_END = re.compile(r"\x1b\\|[\x07\x9c\x18\x1a]|(?=[\n\x1b])")
_KEPT_CONTROLS = "\n\r\t\b"
_SHIFTS = "\x0e\x0f"


class Tokenizer:
    """Feed it the bytes of one stream in order. For a screen, the other escapes and the controls that shift to another
    character set are kept.
    """

    def __init__(self, *, for_screen: bool = False) -> None:
        self._for_screen = for_screen
        self._controls = _KEPT_CONTROLS + _SHIFTS if for_screen else _KEPT_CONTROLS
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""  # the beginning of a sequence that the next chunk completes
        self._in_string = False

    def decode(self, data: bytes) -> str | None:
        """The text in `data` when it can hold no sequence and none is open; else None, and nothing was consumed.

        The way past the tokens for plain output, which is most of it. The caller looks at other controls itself.
        """
        if self._held or self._in_string or b"\x1b" in data or self._decoder.getstate()[0] or not data.isascii():
            return None
        return data.decode("ascii")

    def feed(self, data: bytes, *, final: bool = False) -> Iterator[Token]:
        """The tokens that `data` completes; with `final`, what was held back is given up."""
        text = self._held + self._decoder.decode(data, final)
        self._held = ""
        at = 0
        while at < len(text):
            if self._in_string:
                at = self._skip_string(text, at)
                continue
            token, end = self._next(text, at)
            if end is None:
                self._held = "" if final else text[at:]
                return
            if token is not None:
                yield token
            at = end

    def _next(self, text: str, at: int) -> tuple[Token | None, int | None]:
        """(the token at `at` if it is kept, where it ends); no end: the chunk is cut within it."""
        if match := _TEXT.match(text, at):
            return Text(match[0]), match.end()
        if (char := text[at]) in self._controls:
            return Control(char), at + 1
        if match := _STRING.match(text, at):
            self._in_string = True
            return None, match.end()
        if match := _SEQUENCE.match(text, at):
            return (None if match[2] else Csi(match[1], match[3])), match.end()
        if match := _SEQUENCE_BROKEN.match(text, at):
            return None, _end_unless_cut(match)
        if match := _ESCAPE.match(text, at):
            return Escape(match[1], match[2]) if self._for_screen else None, match.end()
        if match := _ESCAPE_BROKEN.match(text, at):
            return None, _end_unless_cut(match)
        return None, at + 1

    def _skip_string(self, text: str, at: int) -> int:
        """Where the string's end leaves us. An ESC at the very end of the chunk may be the first half of ESC \\."""
        match = _STRING_END.search(text, at)
        if match is None:
            return len(text)
        if text.startswith("\x1b", match.start()) and match.start() == len(text) - 1:
            self._held = "\x1b"
            return len(text)
        self._in_string = False
        return match.end()


def _end_unless_cut(match: re.Match[str]) -> int | None:
    """Where a broken sequence ends; None at the chunk's end, where it may only be cut."""
    return None if match.end() == len(match.string) else match.end()
