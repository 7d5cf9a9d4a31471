"""English phrases for triggers: a small grammar that takes a text whole or refuses it.

    phrase   = "every" number unit                          | "hourly" [minutes] | "every hour" [minutes]
             | "daily" at | "every" ("day" | "weekday" | "weekend" | weekdays) at
             | "every month on" ["the"] days at             | "every year on" date at
             | ["on" | "every"] ["the"] (days | nths weekday) "of" ("the month" | "every month" | months) at
    minutes  = "at minute" numbers
    at       = "at" times
    days     = (1st ... 31st | "last day"), several
    nths     = ("first" ... "fourth" | "last" | 1st ... 4th), several
    date     = number month | month number | nth "of" month
    time     = "08:00" | "8am" | "8:30 pm" | "noon" | "midnight"
    unit     = "seconds" | "minutes" | "hours" | "days", or without the "s"

Several are joined by commas, by "and", or by both. Every word has one meaning; a time of day is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta

from runlet.model.duration import LONGEST
from runlet.timetable.refusal import refusal
from runlet.timetable.trigger import (
    LAST,
    LONGEST_MONTHS,
    MONTHS,
    WEEKDAYS,
    WEEKEND,
    WORKDAYS,
    Calendar,
    Hourly,
    Interval,
    Trigger,
)
from runlet.timetable.words import NAMED_TIMES, NTHS, Reader, Token

_MOST_NTH_WEEKDAY = 4
_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_WEEKDAY_NUMBERS = {name[:length]: number for number, name in enumerate(WEEKDAYS) for length in (3, len(name))}
_MONTH_NUMBERS = {name[:length]: number for number, name in enumerate(MONTHS, 1) for length in (3, len(name))}
_BEGINNINGS = "a phrase should begin with 'every', 'daily', 'hourly', 'first', '1st' or 'last'"
_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))? ?([ap]m)?")


def parse(text: str) -> Trigger:
    """Raises InvalidInput, telling the column."""
    reader = Reader(text)
    trigger = _phrase(reader)
    if reader.here.kind != "end":
        reader.fail("the phrase should end here")
    return trigger


def _phrase(reader: Reader) -> Trigger:
    if reader.accept("hourly"):
        return _hourly(reader)
    if reader.accept("daily"):
        return Calendar(_at(reader))
    if not reader.accept("every"):
        reader.accept("on")
        return _of_the_month(reader)
    if reader.here.kind == "number":
        return _interval(reader)
    if reader.here.text == "second" and reader.next.kind == "end":
        reader.accept("second")
        return Interval(_UNITS["second"])
    if reader.accept("minute"):
        return Interval(_UNITS["minute"])
    if reader.accept("hour"):
        return _hourly(reader)
    if reader.accept("day"):
        return Calendar(_at(reader))
    if reader.accept("weekday"):
        return Calendar(_at(reader), weekdays=WORKDAYS)
    if reader.accept("weekend"):
        return Calendar(_at(reader), weekdays=WEEKEND)
    if reader.accept("month"):
        reader.expect("on")
        reader.accept("the")
        nths = _nths(reader)
        _must_be_days(reader, nths)
        return Calendar(_at(reader), days=_numbers(nths))
    if reader.accept("year"):
        reader.expect("on")
        return _yearly(reader)
    if reader.here.text in _WEEKDAY_NUMBERS:
        weekdays = reader.several(lambda: reader.named(_WEEKDAY_NUMBERS, "a weekday"))
        return Calendar(_at(reader), weekdays=() if len(weekdays) == len(WEEKDAYS) else weekdays)
    return _of_the_month(reader)


def _interval(reader: Reader) -> Interval:
    number = reader.take()
    unit = _UNITS.get(reader.here.text.removesuffix("s"))
    if unit is None:
        reader.fail("seconds, minutes, hours or days should stand here")
    reader.take()
    if int(number.text) == 0:
        raise refusal(number.start, "a run every 0 of anything cannot be")
    if int(number.text) > LONGEST // unit:
        raise refusal(number.start, f"this is longer than {LONGEST.days} days")
    if reader.here.text in ("at", "on"):
        raise refusal(reader.here.start, "a stretch of time has no time of day")
    return Interval(int(number.text) * unit)


def _hourly(reader: Reader) -> Hourly:
    if reader.here.kind == "end":
        return Hourly((0,))
    reader.expect("at", "minute")

    def minute() -> int:
        if reader.here.kind != "number" or int(reader.here.text) > 59:
            reader.fail("a minute from 0 to 59 should stand here")
        return int(reader.take().text)

    return Hourly(reader.several(minute))


def _yearly(reader: Reader) -> Calendar:
    """A date, then times."""
    reader.accept("the")
    if reader.here.text in _MONTH_NUMBERS:
        month = reader.named(_MONTH_NUMBERS, "a month")
        token, day = _day_number(reader)
    else:
        token, day = _day_number(reader)
        reader.accept("of")
        month = reader.named(_MONTH_NUMBERS, "a month")
    _must_exist(token, (day,), (month,))
    return Calendar(_at(reader), days=(day,), months=(month,))


def _day_number(reader: Reader) -> tuple[Token, int]:
    if reader.here.kind not in ("number", "nth"):
        reader.fail("a day of the month should stand here")
    token = reader.take()
    return token, _day(token)


def _day(token: Token) -> int:
    number = int(token.text.rstrip("stndrh"))
    if not 1 <= number <= max(LONGEST_MONTHS):
        raise refusal(token.start, f"{token.text!r} is not a day of the month")
    if token.kind == "nth" and token.text != _nth(number):
        raise refusal(token.start, f"{token.text!r} is not a word; did you mean {_nth(number)!r}?")
    return number


def _of_the_month(reader: Reader) -> Calendar:
    """Days, or first, second... weekdays, of a month."""
    reader.accept("the")
    nths = _nths(reader)
    weekday = None
    if reader.here.text in _WEEKDAY_NUMBERS and not nths[-1].with_day:
        weekday = reader.named(_WEEKDAY_NUMBERS, "a weekday")
    else:
        _must_be_days(reader, nths)
    if not reader.accept("of"):
        reader.fail("'of the month' should stand here")
    if reader.accept("the", "month") or reader.accept("every", "month"):
        months: tuple[int, ...] = ()
    else:
        months = reader.several(lambda: reader.named(_MONTH_NUMBERS, "'the month' or a month's name"))
    numbers = _numbers(nths)
    if weekday is None:
        _must_exist(nths[0].token, numbers, months)
        return Calendar(_at(reader), days=numbers, months=months)
    for nth in nths:
        if nth.with_day or nth.number > _MOST_NTH_WEEKDAY:
            raise refusal(nth.token.start, "a weekday is the first, second, third, fourth or last of its month")
    return Calendar(_at(reader), weekdays=(weekday,), ordinals=numbers, months=months)


@dataclass(frozen=True, slots=True)
class _Nth:
    """One of first, 1st and last."""

    token: Token
    number: int
    with_day: bool  # "first day"


def _nths(reader: Reader) -> list[_Nth]:
    found = [_one_nth(reader)]
    while reader.joined():
        reader.accept("the")
        found.append(_one_nth(reader))
    return found


def _one_nth(reader: Reader) -> _Nth:
    token = reader.here
    if token.kind == "nth":
        number = _day(token)
    elif token.text == "last":
        number = LAST
    elif token.text in NTHS:
        number = NTHS[token.text]
    else:
        reader.fail(_BEGINNINGS if reader.at_start else "a day should stand here")
    reader.take()
    return _Nth(token, number, reader.accept("day"))


def _must_exist(token: Token, days: Sequence[int], months: Sequence[int]) -> None:
    longest = max(LONGEST_MONTHS[month - 1] for month in months) if months else max(LONGEST_MONTHS)
    if min(days) > longest:
        raise refusal(token.start, "this never fires: no such month has such a day")


def _numbers(nths: Sequence[_Nth]) -> tuple[int, ...]:
    """Sorted and without doubles, the last day last."""
    return tuple(sorted({nth.number for nth in nths}, key=lambda number: (number == LAST, number)))


def _must_be_days(reader: Reader, nths: Sequence[_Nth]) -> None:
    if nths[-1].number == LAST and not nths[-1].with_day:
        reader.fail("'day' or a weekday should stand here")


def _at(reader: Reader) -> tuple[time, ...]:
    if reader.here.kind == "end":
        reader.fail("at which time? add 'at 08:00'")
    reader.expect("at")
    found = {_time(reader)}
    while reader.joined():
        found.add(_time(reader))
    return tuple(sorted(found))


def _time(reader: Reader) -> time:
    token = reader.here
    if token.text in NAMED_TIMES:
        return NAMED_TIMES[reader.take().text]
    match = _TIME.fullmatch(token.text)
    if token.kind != "time" or match is None:
        reader.fail("a time should stand here, 08:00, 8am, noon or midnight")
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if minute > 59 or hour > 23 or (half and not 1 <= hour <= 12):
        raise refusal(token.start, f"{token.text!r} is not a time of day; write 08:00, 8am, noon or midnight")
    reader.take()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour, minute)


def written(trigger: Hourly | Calendar) -> str:
    """The phrase that `parse` reads as this trigger."""
    if isinstance(trigger, Hourly):
        return f"every hour at minute {_list([str(minute) for minute in trigger.minutes])}"
    return f"{_days_written(trigger)} at {_list([f'{moment:%H:%M}' for moment in trigger.times])}"


def _days_written(trigger: Calendar) -> str:
    months = _list([MONTHS[month - 1] for month in trigger.months]) or "the month"
    if trigger.ordinals:
        words = {number: word for word, number in NTHS.items()} | {LAST: "last"}
        nths = _list([words[number] for number in trigger.ordinals])
        return f"{nths} {WEEKDAYS[trigger.weekdays[0]]} of {months}"
    if trigger.days:
        return f"{_list(['last day' if day == LAST else _nth(day) for day in trigger.days])} of {months}"
    if trigger.weekdays in ((), WORKDAYS, WEEKEND):
        return {(): "every day", WORKDAYS: "every weekday", WEEKEND: "every weekend"}[trigger.weekdays]
    return f"every {_list([WEEKDAYS[weekday] for weekday in trigger.weekdays])}"


def _list(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _nth(number: int) -> str:
    suffix = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
