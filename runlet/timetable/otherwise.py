"""How a refused text is written here, when it means one thing only: habits of other programs, and plain English.

Each rewriting keeps the meaning; where none does, the text is refused with its own reason. `every second monday` is not
rewritten: it is the month's second to some, and every 14 days to others.
"""

from __future__ import annotations

import re
from datetime import timedelta

from runlet.model import duration
from runlet.timetable.trigger import MONTHS, WEEKDAYS

_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_MORE = {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "forty-five": 45, "sixty": 60, "ninety": 90}
_COUNTS = {word: number for number, word in enumerate(_NUMBERS, 2)} | _MORE | {"couple of": 2, "a couple of": 2}
_WEEKDAY = rf"(?:{'|'.join(f'{name}s?|{name[:3]}' for name in WEEKDAYS)})"
_MONTH = rf"(?:{'|'.join(f'{name}|{name[:3]}' for name in MONTHS)})"
_NTH = r"[0-9]{1,2}(?:st|nd|rd|th)"
_DATE = rf"(?:{_MONTH} (?:the )?[0-9]{{1,2}}(?:st|nd|rd|th)?|[0-9]{{1,2}}(?:st|nd|rd|th)? {_MONTH})"
_ORDINAL = rf"(?:{_NTH}|first|second|third|fourth|fifth|last)"
# Parts of an hour that divide it, so that `*/5` of cron is the same as every 5 minutes.
_DIVISOR = "(2|3|4|5|6|10|12|15|20|30)"
_PARTS = re.compile(r"(?:@every |every )?((?:[0-9]{1,6}(?:\.[0-9]{1,3})?[wdhms] ?)+)")
_PART = re.compile(r"([0-9.]+)([wdhms])")
_UNITS = duration.UNITS | {"w": timedelta(weeks=1)}

_REWRITINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^(['\"])(.*)\1$", r"\2"),
        (r"^(?:cron|schedule|every): ?", ""),
        (r"(?<=\w)[.;!]$", ""),
        (r"(?<= )([0-9]{1,2}:[0-9]{2}):00\b", r"\1"),
        # AWS's and Quartz's; they count the weekday's numbers from another day
        (r"^rate\(([^()]*)\)$", r"every \1"),
        (r"^cron\((\S+ \S+ \S+ \S+ [a-z?*,-]+) \*\)$", r"\1"),
        (r"^0 (\S+ \S+ \S+ \S+ [a-z?*,-]+)$", r"\1"),
        (r"^pt?([0-9]+)([hs])$", r"\1\2"),
        (r"^pt([0-9]+)m$", r"\1m"),
        (r"^p([0-9]+)([dw])$", r"\1\2"),
        # systemd's
        (r"^\*:0/([0-9]+)$", r"*/\1 * * * *"),
        (r"(^|^[a-z,.]+ )\*-\*-\* (?=[0-9])", r"\1"),
        (r"\b([a-z]{3,9})\.\.([a-z]{3,9})\b", r"\1-\2"),
        # times of day
        (r"\b([0-9]{1,2}(?::[0-9]{2})?) ?([ap])\.m\b\.?", r"\1\2m"),
        (r"(?<=at )([0-9]{1,2})[.h]([0-9]{2})\b", r"\1:\2"),
        (r"(?<=at )([0-9]{1,2})h\b", r"\1:00"),
        (r"(?<=at )([0-2][0-9])([0-5][0-9])$", r"\1:\2"),
        (r"^@?(?:every )?(noon|midnight)$", r"daily at \1"),
        (
            r"^(?:nightly|every (?:night|morning|afternoon|evening)) (?=at [0-9]{1,2}(?::[0-9]{2})? ?[ap]m)",
            "every day ",
        ),
        # what joins
        (r"(?<=[a-z]) ?[&+/] ?(?=[a-z])", " and "),
        (rf"(?<=[a-z0-9]) or (?={_WEEKDAY}\b|[0-9])", " and "),
        (r"(?<=[a-z]) ?[\u2013\u2014] ?(?=[a-z])|(?<=[a-z]) - (?=[a-z])", "-"),
        (rf"^(?:every day |daily )?from (?={_WEEKDAY} (?:to|through|thru|until)\b)", "every "),
        (rf"({_WEEKDAY}) until (?={_WEEKDAY}\b)", r"\1 to "),
        (rf"({_WEEKDAY}), (?=[0-9]|noon|midnight)", r"\1 at "),
        # days, months, years
        (r"\b(?:business|working|work)[ -]?day(s?)\b", r"weekday\1"),
        (r"^(?:once )?(?:a|an|per) (day|week|month|year|hour)\b", r"every \1"),
        (r"^once (?:every )?(?=daily|hourly|weekly|monthly|yearly|every)", ""),
        (r"^(?:all|any) (day|weekday|weekend)s?\b", r"every \1"),
        (r"^(day|weekday|weekend)(?= |$)", r"every \1"),
        (r"^every (?:second|2nd) (day|hour|minute|week)$", r"every 2 \1s"),
        (r"^every (?:third|3rd) (day|hour|minute|week)$", r"every 3 \1s"),
        (r"^(?:every )?(?:fortnight|fortnightly)$|^@fortnightly$", "14d"),
        (r"^([0-9]+) (weeks?)$", r"every \1 \2"),
        (r"^minutely$", "every minute"),
        (r"\bweds\b", "wednesday"),
        (r"^every (?:half hour|half an hour)$", "30m"),
        (r"^every quarter (?:hour|of an hour)$", "15m"),
        (rf"^every ({'|'.join(_COUNTS)}) ", lambda match: f"every {_COUNTS[match[1]]} "),
        (r"^(hourly|every hour),? on the hour$", "hourly"),
        (r"^(every hour|hourly),? (?:at )?:?([0-5]?[0-9])(?: minutes past)?$", r"every hour at minute \2"),
        (r"^([0-5]?[0-9]) minutes past every hour$", r"every hour at minute \1"),
        (r"^quarter past every hour$", "every hour at minute 15"),
        (r"^half past every hour$", "every hour at minute 30"),
        (r"^every (2|3|4|6|8|12) hours (?:at|on) minute ([0-5]?[0-9])$", r"\2 */\1 * * *"),
        (rf"^every {_DIVISOR} min(?:ute)?s (?:on |every )?weekdays?$", r"*/\1 * * * 1-5"),
        (rf"^every {_DIVISOR} min(?:ute)?s (?:on |every )?weekends?$", r"*/\1 * * * 0,6"),
        (r"^(?:hourly|every hour) (?:on |every )?weekdays?$", "0 * * * 1-5"),
        (r"^(?:hourly|every hour) (?:on |every )?weekends?$", "0 * * * 0,6"),
        (rf"^(?:weekly|every week) (?:on |at |every )?({_WEEKDAY})\b", r"every \1"),
        (rf"^(?:monthly|every month) (?:on )?(?:the )?({_ORDINAL} {_WEEKDAY})\b", r"\1 of the month"),
        (rf"^(?:monthly|every month) (?:on )?(?:the )?({_NTH}|last day)\b", r"every month on the \1"),
        (rf"^({_NTH}|last day) monthly\b", r"\1 of the month"),
        (r"^(on the |the |every )?first day of (?:the|every|each) year\b", "1st of january"),
        (r"^(on the |the |every )?last day of (?:the|every|each) year\b", "31st of december"),
        (rf"^(?:yearly|annually|every year|every|on)? ?(?:on )?(?:the )?(?=(?:{_DATE})(?: |$))", "every year on "),
        (rf"^(every year on {_MONTH}) the ", r"\1 "),
        (rf"^((?:on |every |at )?(?:noon |midnight )?(?:on )?(?:the )?{_NTH}(?: day)?)(?= at |$)", r"\1 of the month"),
        (rf"^((?:on )?(?:the )?{_ORDINAL} {_WEEKDAY})(?= at |$)", r"\1 of the month"),
        (rf"^(every (?:first|last|1st) {_WEEKDAY})(?= at |$)", r"\1 of the month"),
        (rf"^in ({_MONTH}) ((?:on )?(?:every )?{_WEEKDAY}) ", r"\2 in \1 "),
    )
)


def otherwise(text: str) -> str:
    """The text as it is written here; the same text if no habit is known. It may still not be understood."""
    changed = lower = " ".join(text.lower().split())
    for pattern, replacement in _REWRITINGS:
        changed = pattern.sub(replacement, changed)
    if changed != lower:
        changed = changed.replace("?", "*")
    return _total(changed) or changed


def _total(text: str) -> str:
    """A duration of several parts, of weeks, or with a fraction, in one unit. Empty if the text is none."""
    match = _PARTS.fullmatch(text)
    if match is None:
        return ""
    seconds = sum(float(number) * _UNITS[unit].total_seconds() for number, unit in _PART.findall(match[1]))
    return duration.text(timedelta(seconds=seconds)) if seconds == int(seconds) > 0 else ""
