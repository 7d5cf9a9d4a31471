"""The words of a phrase, read one after the other, and the refusal of one that stands at the wrong place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from typing import NoReturn

from runlet.timetable.refusal import refusal
from runlet.timetable.trigger import MONTHS, WEEKDAYS

NTHS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
NAMED_TIMES = {"noon": time(12), "midnight": time(0)}
# What a misspelled word may have been.
WORDS = (
    *("every", "daily", "hourly", "day", "weekday", "weekend", "month", "year", "hour", "minute", "second", "hours"),
    *("minutes", "seconds", "days", "at", "on", "of", "the", "and", "last", *NTHS, *NAMED_TIMES, *WEEKDAYS, *MONTHS),
)
# What people try and a phrase does not say, with the way to say it.
ELSEWHERE = {
    "in": "a phrase names no time zone; set it with schedule.timezone",
    "between": "a phrase has no part of the day; set it with schedule.window",
    "from": "a phrase has no part of the day; set it with schedule.window",
    "other": "'every other' is not supported: a phrase does not know where to begin",
    "except": "exceptions are not supported; name the days that are meant",
    "weekly": "on which day? write 'every monday at 08:00'",
    "monthly": "on which day? write '1st of the month at 08:00'",
    "yearly": "on which day? write 'every year on 1 march at 08:00'",
}
_TOKEN = re.compile(
    r"(?P<time>[0-9]{1,2}(?::[0-9]{2})(?: ?[ap]m)?(?![\w:])|[0-9]{1,2} ?[ap]m(?![\w:]))"
    r"|(?P<nth>[0-9]+(?:st|nd|rd|th)(?!\w))|(?P<number>[0-9]+(?![\w:.]))|(?P<word>[a-z]+(?![^\s,]))|(?P<comma>,)"
    r"|(?P<odd>[^\s,]+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, time or comma, and the index at which it begins."""

    kind: str
    text: str
    start: int


class Reader:
    """The tokens of one phrase, and how far they are read. `here` is an empty token at the end."""

    def __init__(self, text: str) -> None:
        lower = text.lower()
        self._tokens = [Token(str(match.lastgroup), match[0], match.start()) for match in _TOKEN.finditer(lower)]
        self._end = Token("end", "", len(text.rstrip()))
        self._at = 0

    @property
    def here(self) -> Token:
        return self._peek(0)

    @property
    def next(self) -> Token:
        return self._peek(1)

    @property
    def at_start(self) -> bool:
        return self._at == 0

    def _peek(self, ahead: int) -> Token:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else self._end

    def take(self) -> Token:
        """What stands here; reading goes on after it."""
        token = self.here
        self._at += 1
        return token

    def accept(self, *words: str) -> bool:
        """Take the next words if they are these."""
        if any(self._peek(ahead).text != word for ahead, word in enumerate(words)):
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Take the next words, which must be these."""
        if not self.accept(*words):
            self.fail(f"'{' '.join(words)}' should stand here")

    def named(self, names: dict[str, int], what: str) -> int:
        """The number that the next word is the name of."""
        if self.here.text not in names:
            self.fail(f"{what} should stand here")
        return names[self.take().text]

    def fail(self, message: str) -> NoReturn:
        """Refuse what stands here."""
        token = self.here
        if token.text in ELSEWHERE:
            raise refusal(token.start, ELSEWHERE[token.text])
        found = f", not {token.text!r}" if token.text else ""
        close = difflib.get_close_matches(token.text, WORDS, n=1) if token.kind == "word" else []
        meant = f"; did you mean {close[0]!r}?" if close and close[0] != token.text else ""
        raise refusal(token.start, f"{message}{found}{meant}")

    def several(self, read: Callable[[], int]) -> tuple[int, ...]:
        """One or more that `read` reads, sorted and without doubles."""
        found = {read()}
        while self.joined():
            found.add(read())
        return tuple(sorted(found))

    def joined(self) -> bool:
        """Take a comma, 'and' or both, which announce one more."""
        if self.here.kind == "comma":
            self.take()
            self.accept("and")
            return True
        return self.accept("and")
