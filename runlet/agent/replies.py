"""What a terminal answers when a program asks where its cursor is, or what it can do, and no console is there for it.

Programs with an editor or a menu (irb, prompt_toolkit, readchar) ask, and wait. Only what reads key by key is answered:
anywhere else an answer would be taken for what a person types. Rules without I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runlet.agent.screen import Screen
from runlet.holder import waiting
from runlet.holder.keyboard import ANSWERS
from runlet.holder.wire import Look

# They are typed as from a console of this number, which no answer to a prompt draws.
SCREEN = ANSWERS
# A console that is there answers within this.
CONSOLE_SECONDS = 0.25
# One that was attached in the moment of an answer of ours may answer the same once more within this.
TWICE_SECONDS = 1.0

_QUESTION = re.compile(
    rb"\x1b\[(?:(?P<state>5)n|(?P<place>\??)6n|(?P<what>0?)c|(?P<which>>0?)c|(?P<name>>0?)q|(?P<mode>\??\d{1,5})\$p)"
)
# The longest of them, so that one cut by the end of what was printed is seen with the next.
_LONGEST_BYTES = 10
# A VT220 with colours; an xterm of no version.
_WHAT, _WHICH = b"\x1b[?62;22c", b"\x1b[>0;0;0c"
_NAME = b"\x1bP>|runlet\x1b\\"
_NOT_KNOWN = 0  # of a mode


def ends_in_question(recent: bytes) -> bool:
    """Whether the last that a program printed is for its terminal, not for a person."""
    last = recent.rfind(b"\x1b")
    return last >= 0 and _QUESTION.fullmatch(recent, last) is not None


class Replies:
    """The questions of one stream, each of which is answered once. `begun`: others have answered what came before."""

    def __init__(self, *, begun: bool = False) -> None:
        self._begun = begun
        self._answered = 0  # all before this place in the stream
        self._asked = 0  # the end of the newest
        self._tail = b""  # the end of what was printed
        self._at = -TWICE_SECONDS

    def printed(self, end: int, data: bytes) -> None:
        """The program printed this, the end of whose stream is `end`."""
        seen = self._tail + data
        for match in _QUESTION.finditer(seen):
            self._asked = end - len(seen) + match.end()
        self._tail = seen[-_LONGEST_BYTES + 1 :]

    def pending(self, look: Look) -> bool:
        """Whether the program waits for an answer."""
        if self._begun:
            self._begun = False
            self.leave(look.offset)
        return any(True for _ in self._open(look))

    def leave(self, end: int) -> None:
        """A console answers what was asked before this place."""
        self._answered = max(self._answered, end)

    def take(self, look: Look, now: float) -> list[tuple[int, bytes]]:
        """(the question's end in the stream, what the terminal types) of all that is open; `now` in seconds."""
        found = [(end, _answer(match, look)) for end, match in self._open(look)]
        if found:
            self.leave(found[-1][0])
            self._at = now
        return found

    def has_just_answered(self, now: float) -> bool:
        """Whether what a console answers now is to the same: nothing was asked since."""
        return self._asked <= self._answered and now < self._at + TWICE_SECONDS

    def _open(self, look: Look) -> Iterator[tuple[int, re.Match[bytes]]]:
        if look.lines or look.activity == waiting.BUSY:
            return
        begin = look.offset - len(look.recent)
        for match in _QUESTION.finditer(look.recent):
            if begin + match.end() > self._answered:
                yield begin + match.end(), match


def _answer(question: re.Match[bytes], look: Look) -> bytes:
    if question["state"]:
        return b"\x1b[0n"
    if question["place"] is not None:
        screen = Screen(look.columns, look.rows)
        screen.feed(look.recent[: question.start()])
        column = min(screen.column + 1, look.columns or screen.column + 1)
        return b"\x1b[%b%d;%dR" % (question["place"], screen.row + 1, column)
    if question["what"] is not None:
        return _WHAT
    if question["which"]:
        return _WHICH
    if question["name"]:
        return _NAME
    return b"\x1b[%b;%d$y" % (question["mode"], _NOT_KNOWN)
