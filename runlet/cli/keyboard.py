"""Keys by their names, as the bytes that a terminal sends for them; and back, to tell what was typed."""

from __future__ import annotations

import re

from runlet.cli.inert import escaped
from runlet.errors import InvalidInput

ENTER = b"\r"

_NAMED = {
    "Enter": ENTER,
    "Tab": b"\t",
    "Space": b" ",
    "Escape": b"\x1b",
    "Backspace": b"\x7f",
    "Delete": b"\x1b[3~",
    "Insert": b"\x1b[2~",
    "Up": b"\x1b[A",
    "Down": b"\x1b[B",
    "Right": b"\x1b[C",
    "Left": b"\x1b[D",
    "Home": b"\x1b[H",
    "End": b"\x1b[F",
    "PageUp": b"\x1b[5~",
    "PageDown": b"\x1b[6~",
    **{f"F{number}": b"\x1bO" + b"PQRS"[number - 1 : number] for number in range(1, 5)},
    **{f"F{number}": b"\x1b[%d~" % code for number, code in enumerate((15, 17, 18, 19, 20, 21, 23, 24), start=5)},
    **{f"Ctrl-{chr(code + 0x40)}": bytes([code]) for code in range(1, 27)},
    "Ctrl-\\": b"\x1c",
    "Ctrl-]": b"\x1d",
}
_BYTES = {name.lower(): data for name, data in _NAMED.items()}
# The first name of what has two: Tab, not Ctrl-I.
_NAMES = {data.decode(): name for name, data in reversed(_NAMED.items()) if data != b" "}
_KEY = re.compile("|".join(re.escape(one) for one in sorted(_NAMES, key=len, reverse=True)))
KNOWN = (
    "Enter, Tab, Space, Escape, Backspace, Delete, Up, Down, Left, Right, Home, End, PageUp, PageDown, F1-F12, Ctrl-A"
)


def key(name: str) -> bytes:
    """The bytes of a key: of one by its name, or of a character. Raises InvalidInput."""
    if found := _BYTES.get(name.lower()):
        return found
    if len(name) == 1 and name.isprintable():
        return name.encode()
    raise InvalidInput(f"{name!r} is no key", f"known are a single character, {KNOWN} and their like")


def told(text: str) -> str:
    """What was typed, for people: keys as `(Up)`, and nothing else that a terminal would take for one."""
    if text.isprintable():
        return text
    told, at = [], 0
    for found in _KEY.finditer(text):
        told += [escaped(text[at : found.start()]), f"({_NAMES[found[0]]})"]
        at = found.end()
    return "".join([*told, escaped(text[at:])])
