"""What people write in `every`, read into a trigger and written again: cron, a duration, or a phrase.

Its first characters tell which of the three a text is meant to be, so that a mistake is told in the right grammar.
"""

from __future__ import annotations

import difflib
import re

from runlet.errors import InvalidInput
from runlet.model import duration
from runlet.timetable import cron, phrase
from runlet.timetable.otherwise import otherwise
from runlet.timetable.refusal import refusal
from runlet.timetable.trigger import Cron, Interval, Trigger
from runlet.timetable.words import ALIKE, ELSEWHERE, SOME_TIME

# A phrase that needs more is not read by people either; `every` in the schema has the same bound.
MAX_CHARACTERS = 200

_DURATION = re.compile(r"[0-9]+[a-z]?", re.IGNORECASE)
_ALMOST_DURATION = re.compile(r"([0-9]{1,9})\s*(s|m|h|d|(?:sec|second|min|minute|hr|hour|day)s?)", re.IGNORECASE)
_ZONE = re.compile(r"(?:CRON_TZ|TZ)=\S*\s*")
_CRON_FIELD = re.compile(r"[0-9*?LW#,/-]+|[A-Za-z]{3}([-,][A-Za-z]{3})*")
_ONCE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\b|in [0-9]+ [a-z]+$", re.IGNORECASE)
_JENKINS = re.compile(r"H(?:[/(]\S*)?\s+\S+\s+\S+\s+\S+\s+\S+$", re.IGNORECASE)
_WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_CRON = re.compile(r"[0-9*?][0-9*?,/#-]*\s+\S")


def parse(every: str) -> Trigger:
    """The trigger that a text means. Raises InvalidInput, telling the column, for all that is not understood."""
    if len(every) > MAX_CHARACTERS:
        raise refusal(MAX_CHARACTERS, f"this is longer than {MAX_CHARACTERS} characters")
    try:
        return _parse(every)
    except InvalidInput:
        start = len(every) - len(every.lstrip())
        meant = otherwise(every)
        if meant != every.strip().lower():
            if _is_read(meant):
                raise refusal(start, f"write '{meant}'") from None
            if _is_read(meant + SOME_TIME):
                raise refusal(start, f"at which time? write '{meant}{SOME_TIME}'") from None
        raise


def _parse(every: str) -> Trigger:
    text = every.rstrip()
    start = len(text) - len(text.lstrip())
    if text.startswith("@", start):
        return _word(text[start:].lower(), start)
    if zone := _ZONE.match(text, start):
        raise refusal(start, f"a text names no time zone; write {_said(text[zone.end() :])}, and set schedule.timezone")
    if _ONCE.match(text, start):
        raise refusal(start, ELSEWHERE["once"])
    if _JENKINS.match(text, start):
        raise refusal(start, "'H' is of another cron; write a number, and spread the devices with schedule.splay")
    if _DURATION.fullmatch(text, start):
        return _interval(text[start:], start)
    if match := _ALMOST_DURATION.fullmatch(text, start):
        meant = f"{int(match[1])}{match[2][0].lower()}"
        raise refusal(start, "this is not a duration" + (f"; did you mean '{meant}'?" if _is_read(meant) else ""))
    if _CRON.match(text, start) and not re.match(r"[0-9]+(,[0-9]+)* ?[a-z]", text[start:], re.IGNORECASE):
        _check_crontab(text)
        return cron.parse(text)
    return phrase.parse(text)


def _word(word: str, start: int) -> Trigger:
    """One of the words that crontab(5) has for five fields, or robfig's for a duration."""
    if word in _WORDS:
        return cron.parse(_WORDS[word])
    if word.startswith("@every ") and _is_read(word.removeprefix("@every ").strip()):
        raise refusal(start, f"write '{word.removeprefix('@every ').strip()}'")
    first = word.split(maxsplit=1)[0]
    if first in _WORDS and first != word:
        raise refusal(
            start + word.index(word.split()[1]), f"this is a command; put it into the job's script, and write '{first}'"
        )
    if word == "@reboot":
        raise refusal(start, "a controller does not know when a device starts; let the device's init start the program")
    close = difflib.get_close_matches(word, _WORDS, n=1, cutoff=ALIKE)
    raise refusal(start, f"{word!r} is not understood" + (f"; did you mean {close[0]!r}?" if close else ""))


def _check_crontab(text: str) -> None:
    """A line of a crontab has its command behind the five fields."""
    words = list(re.finditer(r"\S+", text))
    fields = text[: words[4].end()] if len(words) > 5 else ""
    # The sixth field of a cron with seconds or years is no command.
    if fields and _is_read(fields) and not _CRON_FIELD.fullmatch(words[5][0]):
        raise refusal(
            words[5].start(), f"this is a command; put it into the job's script, and write '{fields.strip()}'"
        )


def _said(text: str) -> str:
    return f"'{text.strip()}'" if _is_read(text) else "the rest"


def _is_read(text: str) -> bool:
    try:
        _parse(text)
    except InvalidInput:
        return False
    return True


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
