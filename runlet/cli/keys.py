"""What an operator types while attached: bytes for the program, and commands to the console behind the prefix key.

The prefix is Ctrl-], telnet's, since no shell, editor or full-screen program has a common use for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

PREFIX = b"\x1d"
# What terminals put around a paste when a program has asked for that.
PASTE_BEGIN, PASTE_END = b"\x1b[200~", b"\x1b[201~"
_MARK = re.compile(rb"\x1d|(?P<begins>\x1b\[200~)|\x1b\[201~")
_MARK_BYTES = 6
PREFIX_NAME = "Ctrl-]"
# A terminal sends a paste in one go: after this long without a byte the end of one does not come any more.
PASTE_SECONDS = 1.0


class Action(Enum):
    """A command to the console."""

    DETACH = auto()
    ASK_CANCEL = auto()  # the console asks "cancel? y/n"; the next key decides
    CANCEL = auto()
    KEEP = auto()  # ... and it was not y
    HELP = auto()
    ASK = auto()  # for the writer's lease
    GIVE = auto()
    TAKE = auto()
    NEXT = auto()
    PREVIOUS = auto()
    SWITCH_VIEW = auto()


@dataclass(frozen=True, slots=True)
class Choose:
    """The n-th device of the run, counted from 1."""

    number: int


Typed = bytes | Action | Choose

_COMMANDS: dict[bytes, Typed] = {
    b"d": Action.DETACH,
    b"c": Action.ASK_CANCEL,
    b"?": Action.HELP,
    b"a": Action.ASK,
    b"g": Action.GIVE,
    b"t": Action.TAKE,
    b"n": Action.NEXT,
    b"p": Action.PREVIOUS,
    b"m": Action.SWITCH_VIEW,
    b"z": Action.SWITCH_VIEW,
    PREFIX: PREFIX,
    **{b"%d" % number: Choose(number) for number in range(1, 10)},
}

HELP = (
    f"after {PREFIX_NAME}:",
    "  d       detach; the run goes on",
    "  c       cancel on this device",
    "  a, t    ask the writer to let you type; take it",
    "  g       let type who asked",
    "  n, p    next, previous device",
    "  1-9     choose a device",
    "  m, z    all devices' lines, or one device's screen",
    f"  {PREFIX_NAME}  type {PREFIX_NAME} itself",
)


class Keys:
    """Feed it what was typed, in order; commands may be cut anywhere."""

    def __init__(self) -> None:
        self._after_prefix = False
        self._after_ask = False
        self._is_pasting = False
        self._passed = b""  # the end of what was passed on: a paste's begin or end may be cut

    @property
    def is_pasting(self) -> bool:
        """Whether a paste waits for its end; `end_paste` after PASTE_SECONDS, or nobody could detach any more."""
        return self._is_pasting

    def end_paste(self) -> None:
        """Its end is lost."""
        self._is_pasting = False

    def feed(self, typed: bytes) -> Iterator[Typed]:
        """What was typed, in order. A key that is no command is dropped with its prefix, and help is given."""
        while typed:
            if self._after_ask:
                self._after_ask = False
                yield Action.CANCEL if typed[:1] in b"yY" else Action.KEEP
                typed = typed[1:]
            elif self._after_prefix:
                self._after_prefix = False
                command = _COMMANDS.get(typed[:1], Action.HELP)
                self._after_ask = command is Action.ASK_CANCEL
                yield command
                typed = typed[1:]
            else:
                plain, typed = self._until_prefix(typed)
                if plain:
                    yield plain

    def _until_prefix(self, typed: bytes) -> tuple[bytes, bytes]:
        """(what is passed on, what follows the prefix). Within a paste the prefix is text."""
        before = len(self._passed)
        seen = self._passed + typed
        for match in _MARK.finditer(seen):
            if match.end() <= before:
                continue
            if match[0] != PREFIX:
                self._is_pasting = match["begins"] is not None
            elif not self._is_pasting:
                self._after_prefix, self._passed = True, b""
                return seen[before : match.start()], seen[match.end() :]
        self._passed = seen[-_MARK_BYTES + 1 :]
        return typed, b""
