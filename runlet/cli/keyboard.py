"""Keys by their names, as the bytes that a terminal sends for them."""

from __future__ import annotations

from runlet.errors import InvalidInput

ENTER = b"\r"

_NAMED = {
    "enter": ENTER,
    "tab": b"\t",
    "space": b" ",
    "escape": b"\x1b",
    "backspace": b"\x7f",
    "delete": b"\x1b[3~",
    "insert": b"\x1b[2~",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~",
    **{f"f{number}": b"\x1bO" + b"PQRS"[number - 1 : number] for number in range(1, 5)},
    **{f"f{number}": b"\x1b[%d~" % code for number, code in enumerate((15, 17, 18, 19, 20, 21, 23, 24), start=5)},
    **{f"ctrl-{chr(code + 0x60)}": bytes([code]) for code in range(1, 27)},
    "ctrl-\\": b"\x1c",
    "ctrl-]": b"\x1d",
}
KNOWN = (
    "Enter, Tab, Space, Escape, Backspace, Delete, Up, Down, Left, Right, Home, End, PageUp, PageDown, F1-F12, Ctrl-A"
)


def key(name: str) -> bytes:
    """The bytes of a key: of one by its name, or of a character. Raises InvalidInput."""
    if found := _NAMED.get(name.lower()):
        return found
    if len(name) == 1 and name.isprintable():
        return name.encode()
    raise InvalidInput(f"{name!r} is no key", f"known are a single character, {KNOWN} and their like")
