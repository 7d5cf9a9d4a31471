"""The modes of a terminal that programs switch: one table of those that may pass, and their tracking through a stream.

A console tracks them so that leaving undoes exactly what was switched on: undoing blindly is no way, for leaving an
alternate screen that was never entered moves the cursor in some terminals. An agent tracks them so that a console which
comes late, and is shown only the end of the stream, begins it as the program has left the terminal.

Bytes without such sequences pass at memory speed; the state is a few hundred bytes however long the stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Private modes that are off until a program needs them, in the order of leaving; the screens come last.
_OFF_BY_DEFAULT = (
    *("?1", "?4", "?5", "?6", "?12", "?45", "?66", "?67", "?69", "?1034", "?1042", "?1043"),
    *("?9", "?1000", "?1002", "?1003", "?1005", "?1006", "?1015", "?1016", "?1004", "?1007"),  # mouse, focus
    *("?2004", "?2026", "?2027", "?2031", "?2048"),
)
_SCREENS = ("?47", "?1047", "?1049")
_ON_BY_DEFAULT = ("?7", "?8", "?25")  # wrapping, keys that repeat, the cursor
# Saves the cursor's place and puts it back: it passes, and leaves nothing to be undone.
_WITHOUT_STATE = ("?1048",)
PRIVATE_MODES = (*_OFF_BY_DEFAULT, *_SCREENS, *_ON_BY_DEFAULT, *_WITHOUT_STATE)
# What switches each on that has a state, for on is what is not usual.
_MADE = {kind: f"\x1b[{kind}h" for kind in (*_OFF_BY_DEFAULT, *_SCREENS)}
_MADE |= {kind: f"\x1b[{kind}l" for kind in _ON_BY_DEFAULT}

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
    rb"|(?P<set>[()*+])(?P<characters>[0-~])"  # a character set, such as that of lines
    rb"|(?P<reset>c|\[!p)"
    rb"|(?P<keypad>[=>]))"
)
# The longest sequence above but a link's, so that one cut by the end of a chunk is seen with the next.
_LONGEST_BYTES = 72
# The beginning of one, at the end.
_CUT = re.compile(rb"\x1b(?:\[[?<=>!]?[0-9;:]*+ ?|\](?:[45]?;?|1[0-9]?;?|8(?:;[^;\x07\x1b]*+;?)?)|[()*+])?\Z")
_SHIFT_OUT, _SHIFT_IN = b"\x0e", b"\x0f"  # to the second character set, and back
_LATIN = b"B"  # the character set of text
# Colours off, character set back to normal: harmless at any time.
_ALWAYS = "\x1b[0m\x0f\x1b(B"
# Titles and keyboards that a program left stacked; a terminal keeps few.
_MOST_STACKED = 16
# What sets a colour is undone by 100 more.
_RESET_COLOUR = 100
_UNDONE_SOFTLY = ("region", "keypad", "4", "?25")

# (what is switched, what switches it on or "" where that is not known, whether it is on now)
_Switch = tuple[str, str, bool]


class ModeTracker:
    """Feed it what is written to the terminal, in order."""

    def __init__(self) -> None:
        self._set: dict[str, str] = {}  # what is not as usual, with what makes it so
        self._titles = 0
        # Pushed on the normal screen, and on the alternate one: each has a stack.
        self._keyboards: tuple[list[int], list[int]] = [], []
        self._tail = b""
        self._written = False

    def feed(self, data: bytes) -> None:
        self._written = True
        self._shift(data)
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
        return any(screen in self._set for screen in _SCREENS)

    def is_on(self, mode: str) -> bool:
        """Whether one that is off by default is on: `?2004`."""
        return mode in self._set

    @property
    def cut(self) -> bytes:
        """The beginning of a sequence that is not complete, if there is one."""
        match = _CUT.search(self._tail)
        return match[0] if match else b""

    def enter(self) -> bytes:
        """What brings another terminal into the modes of this one, as far as what is drawn or typed depends on them."""
        normal, alternate = self._keyboards
        parts = [f"\x1b[>{flags}u" for flags in normal]
        parts += [self._set[kind] for kind in _SCREENS if kind in self._set]
        parts += [f"\x1b[>{flags}u" for flags in alternate]
        parts += [made for kind, made in self._set.items() if kind not in _SCREENS]
        return "".join(parts).encode()

    def restore(self) -> bytes:
        """What brings the terminal back; nothing when nothing was written since the last time."""
        if not self._written:
            return b""
        normal, alternate = self._keyboards
        parts = [f"\x1b[{kind}l" for kind in _OFF_BY_DEFAULT if kind in self._set]
        parts += [f"\x1b[<{len(alternate)}u"] * bool(alternate)
        parts += [f"\x1b[{kind}l" for kind in _SCREENS if kind in self._set]
        parts += [f"\x1b[<{len(normal)}u"] * bool(normal)
        parts += [f"\x1b[{kind}h" for kind in _ON_BY_DEFAULT if kind in self._set]
        parts += [_undo(kind) for kind in self._set if not kind.startswith("?")]
        parts += ["\x1b[23;0t"] * self._titles
        self._forget()
        self._titles, self._tail, self._written = 0, b"", False
        return ("".join(parts) + _ALWAYS).encode()

    def _forget(self) -> None:
        self._set.clear()
        self._keyboards = [], []

    def _keep(self, other: ModeTracker, seen: set[str]) -> None:
        """What another one knows of all but `seen`."""
        self._set |= {kind: made for kind, made in other._set.items() if kind not in seen}
        if "kitty" not in seen:
            self._keyboards = other._keyboards

    def _shift(self, data: bytes) -> None:
        out, back = data.rfind(_SHIFT_OUT), data.rfind(_SHIFT_IN)
        if out != back:
            self._switch("shift", _SHIFT_OUT.decode(), on=out > back)

    def _note(self, match: re.Match[bytes]) -> None:
        if match["kitty"] in (b">", b"<"):
            self._keyboard(match["kitty"], int(match["count"] or 0))
        elif match["title"] is not None:
            self._titles = min(max(0, self._titles + (1 if match["title"] == b"2" else -1)), _MOST_STACKED)
        elif match["reset"] is not None:
            self._reset(soft=match["reset"] != b"c")
        else:
            for kind, made, on in _switches(match):
                self._switch(kind, made, on=on)

    def _switch(self, kind: str, made: str, *, on: bool) -> None:
        self._set.pop(kind, None)  # the newest is last: what is set in its order is set again in it
        if on:
            self._set[kind] = made

    def _keyboard(self, what: bytes, count: int) -> None:
        stack = self._keyboards[self.full_screen]
        if what == b">":
            stack.append(count)
            del stack[:-_MOST_STACKED]
        else:
            del stack[-max(1, count) :]

    def _reset(self, *, soft: bool) -> None:
        """The terminal has undone it by itself; softly, not all of it: undoing twice does no harm."""
        for kind in _UNDONE_SOFTLY:
            self._set.pop(kind, None)
        if not soft:
            self._forget()


def modes_before(tail: bytes, after: bytes) -> bytes:
    """What brings a terminal into the modes in which `tail` begins, when what `after` makes are those behind it.

    What `tail` does not switch was the same before. What it does was the other way before its first switch.
    """
    found = ModeTracker()
    found.feed(after)
    before = ModeTracker()
    is_whole = True
    seen = {"shift"} if _SHIFT_OUT in tail or _SHIFT_IN in tail else set()
    for match in _SEQUENCE.finditer(tail):
        if match["reset"] is not None:
            is_whole = False  # what was before it cannot be told from what is behind it
            break
        if match["kitty"] is not None:
            seen.add("kitty")
        for kind, made, on in _switches(match):
            if kind not in seen and made and not on:
                before.feed(made.encode())
            seen.add(kind)
    if is_whole:
        before._keep(found, seen)
    return before.enter()


def _switches(match: re.Match[bytes]) -> Iterator[_Switch]:
    """What a sequence switches that has two states, of which one is usual."""
    if match["modes"] is not None:
        to = match["switch"].decode()
        for mode in match["modes"].decode().split(";"):
            if made := _MADE.get(f"?{mode}"):
                yield f"?{mode}", made, made.endswith(to)
    elif match["ansi"] is not None:
        mode = match["ansi"].decode()
        yield mode, f"\x1b[{mode}h", match["to"] == b"h"
    elif match["keypad"] is not None:
        yield "keypad", "\x1b=", match["keypad"] == b"="
    elif match["keys"] is not None:
        yield _whole("keys", match, on=match["keys"] not in (b"", b"0"))
    elif match["kitty"] == b"=":
        yield _whole("keyboard", match, on=int(match["count"] or 0) > 0)
    elif match["shape"] is not None:
        yield _whole("shape", match, on=match["shape"] not in (b"", b"0"))
    elif match["region"] is not None:
        yield _whole("region", match, on=bool(match["region"]))
    elif match["set"] is not None:
        yield _whole(match["set"].decode(), match, on=match["characters"] != _LATIN)
    elif match["colour"] is not None:
        yield f"colour {int(match['colour'])}", "", True
    elif match["link"] is not None:
        yield "link", "", match["to_link"] not in (b"\x07", b"\x1b")


def _whole(kind: str, match: re.Match[bytes], *, on: bool) -> _Switch:
    """One of many states, made by the sequence itself; which it was before it was undone is not known."""
    return kind, match[0].decode() if on else "", on


def _undo(kind: str) -> str:
    if kind.startswith("colour "):
        return f"\x1b]{_RESET_COLOUR + int(kind.removeprefix('colour '))}\x1b\\"
    return _UNDO[kind]


_UNDO = {
    "4": "\x1b[4l",
    "34": "\x1b[34l",
    "keypad": "\x1b>",
    "keys": "\x1b[>4m",
    "keyboard": "\x1b[=0u",
    "shape": "\x1b[0 q",
    "region": "\x1b7\x1b[r\x1b8",  # setting it moves the cursor, which is saved around it
    "link": "\x1b]8;;\x1b\\",
    "(": "",  # by what is always written
    "shift": "",
    ")": "\x1b)B",
    "*": "\x1b*B",
    "+": "\x1b+B",
}
