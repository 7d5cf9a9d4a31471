"""What a program asks its terminal about settings and capabilities, and what a terminal of today answers. Without I/O.

Such questions (DECRQSS, XTGETTCAP) do not reach the terminals of consoles: some of those have been talked into typing
commands by them. The answers are the same for all, whether or not a console is attached, since 256 colours and true
colours pass to every console. Neovim and vim ask so whether they may use those.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from runlet.holder import waiting
from runlet.holder.keyboard import ANSWERS
from runlet.holder.wire import Look

# They are typed as from a console of this number, which no answer to a prompt draws.
SETTINGS = ANSWERS + 1

_QUESTION = re.compile(rb"\x1bP(?:\$q(?P<setting>[ -~]{1,4})|\+q(?P<names>[0-9A-Fa-f;]{1,400}))\x1b\\")
# Colours and weights are told as they were set within so many bytes before the question: who asks has just set them.
_STYLE_BYTES = 256
# Questions that wait for their program to read; the oldest go first.
_MOST_OPEN = 16
# A question that is cut by the end of what was printed is looked at with the next, and what is before it.
_REMEMBERED_BYTES = 410 + _STYLE_BYTES
_STYLE = re.compile(rb"\x1b\[([0-9:;]{0,60})m")
# The foreground, the background, underlines; and how much follows the kind of their colour: an index, red green blue.
_COLOURS = ("38", "48", "58")
_COLOUR_PARAMETERS = {"5": 1, "2": 3}

# XTGETTCAP, by names of termcap and terminfo; an empty one is a flag.
_CAPABILITIES = {
    "Co": "256",
    "colors": "256",
    "RGB": "8/8/8",
    "Tc": "",
    "setrgbf": "\\E[38:2:%p1%d:%p2%d:%p3%dm",
    "setrgbb": "\\E[48:2:%p1%d:%p2%d:%p3%dm",
}
# DECRQSS, but for colours and weights: the level of conformance, the cursor's shape as the terminal has it.
_SETTINGS = {b'"p': b'64;1"p', b" q": b"0 q"}


class Inquiries:
    """The questions of one stream. Its place in that numbers each answer, so that none is typed twice.

    Only what reads key by key is answered: anywhere else an answer would be taken for what a person types.
    """

    def __init__(self) -> None:
        self._before = b""
        self._open: deque[tuple[int, bytes]] = deque(maxlen=_MOST_OPEN)

    def printed(self, end: int, data: bytes) -> None:
        """The program printed this, the end of whose stream is `end`."""
        self._open += self.answers(end, data)

    def take(self, look: Look) -> list[tuple[int, bytes]]:
        """What is to be typed now, by what the terminal is like."""
        if not self._open or (look.activity == waiting.BUSY and not look.lines):
            return []
        found = [] if look.lines else list(self._open)
        self._open.clear()
        return found

    def answers(self, end: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(the question's end in the stream, what the terminal types), of `data`, the end of whose stream is `end`."""
        seen = self._before + data
        for match in _QUESTION.finditer(seen):
            if match.end() > len(self._before):  # else it was answered
                yield (
                    end - len(seen) + match.end(),
                    _answer(match, seen[max(0, match.start() - _STYLE_BYTES) : match.start()]),
                )
        self._before = seen[-_REMEMBERED_BYTES:]


def _answer(question: re.Match[bytes], before: bytes) -> bytes:
    if question["names"] is not None:
        return b"".join(_capability(name) for name in question["names"].split(b";") if name)
    setting = question["setting"]
    value = _style(before) if setting == b"m" else _SETTINGS.get(setting)
    return b"\x1bP0$r\x1b\\" if value is None else b"\x1bP1$r%b\x1b\\" % value


def _capability(name: bytes) -> bytes:
    """The answer to one name; both are hexadecimal."""
    try:
        value = _CAPABILITIES.get(bytes.fromhex(name.decode()).decode())
    except ValueError:
        value = None
    if value is None:
        return b"\x1bP0+r%b\x1b\\" % name
    return b"\x1bP1+r%b%b\x1b\\" % (name, b"=" + value.encode().hex().encode() if value else b"")


def _style(before: bytes) -> bytes:
    """What is in force behind `before`, with the parts of each colour joined by colons, as xterm tells it."""
    style: dict[str, str] = {}
    for match in _STYLE.finditer(before):
        parameters = match[1].decode().split(";")
        while parameters:
            first = parameters.pop(0)
            if first in ("", "0"):
                style.clear()
                continue
            if first in _COLOURS and parameters:
                count = 1 + _COLOUR_PARAMETERS.get(parameters[0], 0)
                first, parameters = ":".join([first, *parameters[:count]]), parameters[count:]
            style[first.partition(":")[0]] = first
    return ";".join(["0", *style.values()]).encode() + b"m"
