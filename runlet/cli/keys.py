"""What an operator types while attached: bytes for the program, and commands to the console behind the prefix key.

The prefix is Ctrl-], telnet's, since no shell, editor or full-screen program has a common use for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

PREFIX = b"\x1d"
PREFIX_NAME = "Ctrl-]"


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
                plain, prefix, typed = typed.partition(PREFIX)
                self._after_prefix = bool(prefix)
                if plain:
                    yield plain
