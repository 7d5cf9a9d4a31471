"""The words of a phrase, read one after the other, and the refusal of one that stands at the wrong place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from typing import NoReturn

from runlet.timetable.refusal import refusal
from runlet.timetable.trigger import MONTHS, WEEKDAYS

NTHS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
NAMED_TIMES = {"noon": time(12), "midnight": time(0)}
# What a misspelled word may have been.
WORDS = (
    *("every", "each", "daily", "hourly", "day", "weekday", "weekend", "week", "month", "year", "hour", "minute"),
    *("second", "hours", "minutes", "seconds", "days", "weeks", "at", "on", "of", "in", "the", "and", "to", "last"),
    *(*NTHS, *NAMED_TIMES, *WEEKDAYS, *MONTHS),
)
# What people try and a phrase does not say, with the way to say it.
_NO_PART = "a phrase has no part of the day; set it with schedule.window"
_NO_END = "a phrase has no first and no last day; suspend the schedule with schedule.suspend"
_ONCE = "a schedule repeats; start a job once with: runlet run"
_NO_EXCEPTION = "exceptions are not supported; name the days that are meant, as in 'monday to saturday at 08:00'"
_NO_ZONE = "a phrase names no time zone; set it with schedule.timezone"
ELSEWHERE = {
    "utc": _NO_ZONE,
    "gmt": _NO_ZONE,
    "between": _NO_PART,
    "from": _NO_PART,
    "during": _NO_PART,
    "other": "'every other' is not supported: a phrase does not know where to begin; write '14d', or name the days",
    "except": _NO_EXCEPTION,
    "but": _NO_EXCEPTION,
    "excluding": _NO_EXCEPTION,
    "until": _NO_END,
    "till": _NO_END,
    "starting": _NO_END,
    "after": _NO_END,
    "before": _NO_END,
    "weekly": "on which day? write 'every monday at 08:00'",
    "week": "on which day? write 'every monday at 08:00'",
    "monthly": "on which day? write '1st of the month at 08:00'",
    "months": "months are not of one length; write '1st of january, april, july and october at 08:00'",
    "quarter": "on which day? write '1st of january, april, july and october at 08:00'",
    "quarterly": "on which day? write '1st of january, april, july and october at 08:00'",
    "yearly": "on which day? write 'every year on 1 march at 08:00'",
    "annually": "on which day? write 'every year on 1 march at 08:00'",
    "fortnight": "write '14d'",
    "tomorrow": _ONCE,
    "today": _ONCE,
    "next": _ONCE,
    "once": _ONCE,
    "now": _ONCE,
    "immediately": _ONCE,
    "twice": "at which times? write 'every day at 08:00 and 20:00'",
}
# How like a known word a misspelled one is, from 0 to 1: enough for slips, and not for "sixth" and "fifth".
ALIKE = 0.8
_MONTHS = {month[:3] for month in MONTHS}
_IN_MONTHS = "on which day? write 'every monday of november at 08:00', or '1st of november at 08:00'"
_IN_DAY = "at which time? write 08:00, 8am, noon or midnight"
_IN = {
    **dict.fromkeys(
        ("spring", "summer", "autumn", "fall", "winter"), "name the months, as in 'every day of june at 08:00'"
    ),
    "the": _IN_DAY,
}
# What a phrase that says no time may have meant.
SOME_TIME = " at 08:00"
_TOKEN = re.compile(
    r"(?P<time>[0-9]{1,2}(?::[0-9]{2})(?: ?[ap]m)?(?![\w:])|[0-9]{1,2} ?[ap]m(?![\w:]))"
    r"|(?P<nth>[0-9]+(?:st|nd|rd|th)(?!\w))|(?P<number>[0-9]+(?![\w:.]))|(?P<word>[a-z]+(?![^\s,-]))|(?P<dash>-(?=[a-z]))|(?P<comma>,)"
    r"|(?P<odd>[^\s,]+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, time or comma, and the index at which it begins."""

    kind: str
    text: str
    start: int


class Unread(Exception):  # never leaves the phrase's parser
    """A phrase that stops being one at a token. `message` is complete but for what may have been meant."""

    def __init__(self, token: Token, message: str) -> None:
        super().__init__(message)
        self.token, self.message = token, message


class Reader:
    """The tokens of one phrase, and how far they are read. `here` is an empty token at the end."""

    def __init__(self, text: str) -> None:
        self.times: tuple[time, ...] = ()  # those that stand before the days
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
        if token.text == "once" and self.next.text in ("a", "per") and (name := f"{self._peek(2).text}ly") in ELSEWHERE:
            raise refusal(token.start, ELSEWHERE[name])
        if token.text in ELSEWHERE:
            raise refusal(token.start, ELSEWHERE[token.text])
        if token.text == "in":
            raise refusal(
                token.start, _IN_MONTHS if self.next.text[:3] in _MONTHS else _IN.get(self.next.text, _NO_ZONE)
            )
        if "/" in token.text and token.start:
            raise refusal(token.start, _NO_ZONE)
        found = f", not {token.text!r}" if token.text else ""
        raise Unread(token, f"{message}{found}")

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
