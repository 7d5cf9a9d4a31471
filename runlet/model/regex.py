"""Regular expressions that strangers write: compiled only when no name can keep the matcher busy.

Python's matcher tries one way after another, and an expression such as `(a+)+` has more ways than there are seconds.
So the ways are counted before anything is compiled: a choice (`?`, `*`, `+`, `{m,n}`, `|`) multiplies them, and the
product has a bound. Inside what is repeated without a bound no choice is allowed at all. What would escape the count is
not supported: references back, looking around, flags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# What is matched are names of devices and groups.
NAME_CHARACTERS = 63
# Two repetitions without a bound and a few small choices. A name takes a few milliseconds then, at the very worst.
MAX_WAYS = 10_000
# Each level is a level of recursion here and in Python's compiler.
MAX_DEPTH = 10

_QUANTIFIER = re.compile(r"(?:(?P<sign>[*+?])|\{(?P<exactly>[0-9]+)\}|\{(?P<least>[0-9]*),(?P<most>[0-9]*)\})[?+]?")
_KINDS = "dDwWsSbBAZ"
# Inside [...]: Python warns that these may come to mean operations on sets.
_DOUBLED = ("--", "&&", "~~", "||")


@dataclass(frozen=True, slots=True)
class Subject:
    """What expressions are matched against: `what` it is called, how long it is at most, in how many ways they may."""

    what: str
    characters: int
    ways: int
    never: str = ""  # a character that it never holds, and what to do instead of writing that
    instead: str = ""


NAME = Subject(
    "a name",
    NAME_CHARACTERS,
    MAX_WAYS,
    never=",",
    instead="no name holds a ','; write what follows before the '~', or as an item of its own",
)


class RefusedRegex(ValueError):
    """The expression is wrong or could run away; `position` counts from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


def compile_bounded(text: str, subject: Subject = NAME, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """The compiled expression. Raises RefusedRegex."""
    counter = _Counter(text, subject)
    counter.alternatives()
    if counter.at < len(text):
        raise RefusedRegex("this ')' closes nothing", counter.at)
    try:
        return re.compile(text, flags)
    except re.error as error:
        raise RefusedRegex(error.msg, error.pos or 0) from None


class _Counter:
    """Walks over an expression and counts the ways in which it can match."""

    def __init__(self, text: str, subject: Subject) -> None:
        self.at = 0
        self._text = text
        self._subject = subject
        self._depth = 0

    def alternatives(self) -> int:
        ways = self._sequence()
        while self._next() == "|":
            self.at += 1
            ways += self._sequence()
        return ways

    def _next(self) -> str:
        return self._text[self.at : self.at + 1]

    def _sequence(self) -> int:
        ways = 1
        while self._next() not in ("", "|", ")"):
            start = self.at
            ways *= self._repeated(self._atom())
            if ways > self._subject.ways:
                raise RefusedRegex("too many ways to match; use fewer of * + ? {} and |", start)
        return ways

    def _repeated(self, ways: int) -> int:
        found = _QUANTIFIER.match(self._text, self.at)
        if not found:
            return ways
        start, self.at = self.at, found.end()
        least = int(found["exactly"] or found["least"] or 0)
        longest = self._subject.characters
        most = int(found["exactly"] or found["most"] or longest)
        if max(least, most) > longest:
            raise RefusedRegex(f"{self._subject.what} has {longest} characters at most", start)
        if found["sign"] == "?":
            return ways + 1
        if found["sign"] or (found["exactly"] is None and not found["most"]):
            if ways > 1:
                raise RefusedRegex("a repetition of something with * + ? {} or | in it can take forever", start)
            return longest + 1
        return int((max(most - least, 0) + 1) * ways**most)

    def _atom(self) -> int:
        start, character = self.at, self._next()
        if character == "(":
            return self._group()
        if character == "[":
            self._set()
        elif character == "\\":
            self._escape()
        elif character in "*+?{":
            raise RefusedRegex(f"'{character}' repeats nothing here; write \\{character} for the character", start)
        elif character == self._subject.never:
            raise RefusedRegex(self._subject.instead, start)
        else:
            self.at += 1
        return 1

    def _group(self) -> int:
        start = self.at
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RefusedRegex(f"nested deeper than {MAX_DEPTH} levels", start)
        if self._text.startswith("(?", start) and not self._text.startswith("(?:", start):
            raise RefusedRegex("'(?' is not supported, but for '(?:'", start)
        self.at += 3 if self._text.startswith("(?:", start) else 1
        ways = self.alternatives()
        if self._next() != ")":
            raise RefusedRegex("this '(' is not closed", start)
        self.at += 1
        self._depth -= 1
        return ways

    def _set(self) -> None:
        start = self.at
        self.at += 2 if self._text.startswith("[^", start) else 1
        first = self.at
        while self._next() != "]" or self.at == first:
            if not self._next():
                raise RefusedRegex("this '[' is not closed", start)
            if self._next() == "[" or self._text.startswith(_DOUBLED, self.at):
                raise RefusedRegex(f"write \\{self._next()} for the character", self.at)
            if self._next() == "\\":
                self._escape()
            else:
                self.at += 1
        self.at += 1

    def _escape(self) -> None:
        character = self._text[self.at + 1 : self.at + 2]
        if not character:
            raise RefusedRegex("nothing stands behind '\\'", self.at)
        if character.isalnum() and character not in _KINDS:
            raise RefusedRegex(f"'\\{character}' is not supported", self.at)
        self.at += 2
