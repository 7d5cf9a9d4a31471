"""What a terminal sends by itself, told apart from what its operator types. Without I/O and without a clock.

A terminal answers questions that programs put to it: what it is, where the cursor is, its colours, its modes, its
window, and tells when it gains or loses the focus. All of it arrives as if typed. An operator who looks on types
nothing, but their terminal would.

A few answers look like keys: the cursor's place in the first row is F3 with a modifier. Such are taken for answers only
while one is expected; then, too, the beginning of an answer waits a moment for its rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

# An answer comes in one piece, unless a slow line cuts it; an operator who pressed Escape waits this long at most.
HOLD_SECONDS = 0.05
# A terminal answers at once; one behind a slow line of its own may take a while.
EXPECT_SECONDS = 2.0
# No answer that a question of Passage can cause is longer.
_MOST_BYTES = 1024


class Sender(Enum):
    """Who is behind some bytes."""

    OPERATOR = auto()
    TERMINAL = auto()
    MOUSE = auto()  # caused by the operator, but hardly meant by one who looks on


@dataclass(frozen=True, slots=True)
class Sent:
    """Some bytes that the terminal sent."""

    data: bytes
    by: Sender = Sender.OPERATOR


_STRING = rb"[ -~]{0,%d}(?:\x07|\x1b\\)" % _MOST_BYTES
_ANSWER = re.compile(
    rb"(?P<mouse>\x1b\[<[0-9;]{1,20}[Mm]|\x1b\[M[ -\xff]{3})"
    rb"|(?P<paste>\x1b\[200~)"
    rb"|\x1b\[(?:"
    rb"[?>=]?[0-9;]{0,60}c"  # device attributes
    rb"|\??[0-9;]{1,20}n"  # status, colour scheme
    rb"|\?[0-9;]{1,20}R|(?P<cursor>[0-9]{1,5};[0-9]{1,5}R)"  # the cursor's place
    rb"|\??[0-9;]{1,20}\$y"  # modes
    rb"|\?[0-9]{0,5}u"  # keyboard
    rb"|>[0-9;]{1,20}m"
    rb"|[0-9;]{1,40}t"  # window
    rb"|[IO]"  # focus
    rb")"
    rb"|\x1b\][0-9]{1,4};" + _STRING + rb"|\x1bP[0-9>!]{0,3}[$+|]" + _STRING
)
_LIKE_A_KEY = re.compile(rb"1;(?:[2-9]|1[0-6])R")
_BEGUN = re.compile(rb"\x1b(?:\[[<?>=]?[0-9;]{0,60}\$?|\][ -~]{0,%d}\x1b?|P[ -~]{0,%d}\x1b?)?\Z" % ((_MOST_BYTES,) * 2))
_PASTED = b"\x1b[201~"


class Replies:
    """Feed it what the terminal sends, in order."""

    def __init__(self) -> None:
        self._held = b""
        self.is_pasting = False  # what comes is the operator's; `release` it when the paste's end does not come

    @property
    def holding(self) -> bool:
        """Whether something waits for its rest; `release` it after HOLD_SECONDS."""
        return bool(self._held)

    def feed(self, data: bytes, *, expecting: bool) -> Iterator[Sent]:
        """What was sent, in order. `expecting`: the program has asked the terminal something a moment ago."""
        data, self._held = self._held + data, b""
        at = begin = 0
        while (at := data.find(b"\x1b", at)) >= 0:
            if self.is_pasting:
                self.is_pasting = not data.startswith(_PASTED, at)
                at += 1
            elif match := _ANSWER.match(data, at):
                if match["paste"]:
                    self.is_pasting = True
                    at = match.end()
                elif match["cursor"] and _LIKE_A_KEY.fullmatch(match["cursor"]) and not expecting:
                    at = match.end()
                else:
                    if at > begin:
                        yield Sent(data[begin:at])
                    yield Sent(match[0], Sender.MOUSE if match["mouse"] else Sender.TERMINAL)
                    at = begin = match.end()
            elif expecting and _BEGUN.match(data, at):
                self._held = data[at:]
                break
            else:
                at += 1
        rest = data[begin : len(data) - len(self._held)]
        if rest:
            yield Sent(rest)

    def release(self) -> bytes:
        """What was held: its rest did not come, so it was typed. Nor does a paste go on that was begun."""
        held, self._held, self.is_pasting = self._held, b"", False
        return held
