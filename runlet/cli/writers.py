"""Who may type, as a console is told it: kept for each execution, and put into words when it changes."""

from __future__ import annotations

import getpass
import os
import socket
from contextlib import suppress

from runlet.cli.inert import plain
from runlet.cli.keys import PREFIX_NAME
from runlet.protocol.chunk import MAX_WHO_CHARACTERS
from runlet.protocol.frames import WriterChanged
from runlet.protocol.messages import Cause

# An operator who goes on typing reads why it is refused once in so many seconds.
REFUSAL_SECONDS = 2.0
_HOW = f"{PREFIX_NAME} a asks for it, {PREFIX_NAME} t takes it"


def own_name() -> str:
    """Whose console this is, for those at other consoles: with its terminal, since one person may have several."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number without an account
        user = "somebody"
    place = _terminal()
    return f"{user}@{socket.gethostname().partition('.')[0]}"[: MAX_WHO_CHARACTERS - len(place)] + place


def _terminal() -> str:
    """ ":pts/3"; of what has no terminal, its process: ":4711"."""
    for file in (0, 1, 2):
        with suppress(OSError):
            return f":{os.ttyname(file).removeprefix('/dev/')}"
    return f":{os.getpid()}"


class Writers:
    """The state of the writer's lease on each execution that this console is attached to."""

    def __init__(self) -> None:
        self._known: dict[str, WriterChanged] = {}

    def take(self, now: WriterChanged) -> list[str]:
        """Note it; what to say of it."""
        before = self._known.get(now.execution)
        self._known[now.execution] = now
        if before is not None and before.attempt != now.attempt:
            before = None
        return [*_of_writer(before, now), *_of_asker(before, now)]

    def answers(self, execution: str) -> bool:
        """Whether this console's terminal is the one that answers what the program asks, as far as is known."""
        known = self._known.get(execution)
        return known is None or known.answers

    def other(self, execution: str) -> str:
        """Who else is the writer; empty when nobody is, as far as is known."""
        known = self._known.get(execution)
        return _name(known.who) if known and known.who and not known.is_you else ""

    def refusal(self, execution: str, words: str) -> str:
        """Why something was not typed, and what can be done."""
        return f"{words}; {_HOW}" if self.other(execution) else words

    def cannot_give(self, execution: str) -> str:
        """Why there is nothing to give; empty when there is."""
        known = self._known.get(execution)
        if known is None or not known.is_you:
            return "you are not the writer"
        return "" if known.asker else "nobody has asked to type"


def _of_writer(before: WriterChanged | None, now: WriterChanged) -> list[str]:
    who = _name(now.who)
    if before is None:
        return [f"{who} is typing; {_HOW}"] if now.who and not now.is_you else []
    if (before.who, before.is_you) == (now.who, now.is_you):
        return []
    if now.is_you:
        return [] if now.cause is Cause.TYPED else ["you type now"]
    if not now.who:
        return [] if before.is_you else [f"{_name(before.who)} does not type any more; who types next is the writer"]
    if before.is_you and now.cause is Cause.TAKEN:
        return [f"{who} has taken over typing; {_HOW}"]
    return [f"{who} types now"]


def _of_asker(before: WriterChanged | None, now: WriterChanged) -> list[str]:
    if not now.asker or (before and (before.asker, before.is_asking) == (now.asker, now.is_asking)):
        return []
    asker = _name(now.asker)
    if now.is_you:
        return [f"{asker} asks to type: {PREFIX_NAME} g gives"]
    if now.is_asking:
        return [f"asked {_name(now.who)} to let you type; {PREFIX_NAME} t takes it"]
    return [f"{asker} asks {_name(now.who)} to type"]


def _name(who: str) -> str:
    return plain(who) or "another console"
