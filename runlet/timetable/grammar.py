"""What people write in `every`, read into a trigger and written again: cron, a duration, or a phrase.

Its first characters tell which of the three a text is meant to be, so that a mistake is told in the right grammar.
"""

from __future__ import annotations

import re

from runlet.errors import InvalidInput
from runlet.model import duration
from runlet.timetable import cron, phrase
from runlet.timetable.refusal import refusal
from runlet.timetable.trigger import Cron, Interval, Trigger

# A phrase that needs more is not read by people either; `every` in the schema has the same bound.
MAX_CHARACTERS = 200

_DURATION = re.compile(r"[0-9]+[a-z]?", re.IGNORECASE)
_ALMOST_DURATION = re.compile(r"([0-9]{1,9})\s*(s|m|h|d|(?:sec|second|min|minute|hr|hour|day)s?)", re.IGNORECASE)
_CRON = re.compile(r"[0-9*?][0-9*?,/#-]*\s+\S")


def parse(every: str) -> Trigger:
    """The trigger that a text means. Raises InvalidInput, telling the column, for all that is not understood."""
    text = every.rstrip()
    if len(every) > MAX_CHARACTERS:
        raise refusal(MAX_CHARACTERS, f"this is longer than {MAX_CHARACTERS} characters")
    start = len(text) - len(text.lstrip())
    if text.startswith("@"):
        raise refusal(start, "words with @ are not supported; write 'hourly', 'daily at midnight'")
    if _DURATION.fullmatch(text, start):
        return _interval(text[start:], start)
    if match := _ALMOST_DURATION.fullmatch(text, start):
        raise refusal(start, f"this is not a duration; did you mean '{int(match[1])}{match[2][0].lower()}'?")
    if _CRON.match(text, start) and not re.match(r"[0-9]+ ?[a-z]", text[start:], re.IGNORECASE):
        return cron.parse(text)
    return phrase.parse(text)


def canonical(trigger: Trigger) -> str:
    """The one way to write a trigger; `parse` reads it back."""
    match trigger:
        case Interval(every):
            return duration.text(every)
        case Cron(fields):
            return " ".join(fields)
        case _:
            return phrase.written(trigger)


def _interval(text: str, start: int) -> Interval:
    try:
        every = duration.parse(text)
    except InvalidInput as error:
        raise refusal(start, f"{text!r}: {error.message}" + (f"; {error.hint}" if error.hint else "")) from None
    if not every:
        raise refusal(start, f"{text!r}: a run every 0 of anything cannot be")
    return Interval(every)
