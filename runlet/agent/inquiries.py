"""What a program asks its terminal about settings and capabilities, and what a terminal of today answers. Without I/O.

Such questions (DECRQSS, XTGETTCAP) do not reach the terminals of consoles: some of those have been talked into typing
commands by them. The answers are the same for all, whether or not a console is attached, since 256 colours and true
colours pass to every console. Neovim and vim ask so whether they may use those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_QUESTION = re.compile(rb"\x1bP(?:\$q(?P<setting>[ -~]{1,4})|\+q(?P<names>[0-9A-Fa-f;]{1,400}))\x1b\\")
# Colours and weights are told as they were set within so many bytes before the question: who asks has just set them.
_STYLE_BYTES = 256
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
    """The questions of one stream. Its place in that numbers each answer, so that none is typed twice."""

    def __init__(self) -> None:
        self._before = b""

    def answers(self, end: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(the question's end in the stream, what the terminal types), of `data`, the end of whose stream is `end`."""
        seen = self._before + data
        for match in _QUESTION.finditer(seen):
            if match.end() > len(self._before):  # else it was answered
                yield end - len(seen) + match.end(), _answer(match, seen[: match.start()])
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
    for match in _STYLE.finditer(before[-_STYLE_BYTES:]):
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
