"""English phrases for triggers: a small grammar that takes a text whole or refuses it.

    phrase   = "every" (number | "other") unit | "every" duration | "hourly" [minutes] | "every hour" [minutes]
             | [times] days | days times | "every year on" date at
    days     = "daily" | ["on"] ["every"] ("day" | "weekday" | "weekend" | weekdays) [months]
             | "every month on" ["the"] dates
             | ["on" | "every"] ["the"] (dates | nths weekdays) months
    months   = ("of" | "in") (["the" | "every"] "month" | months)
    minutes  = "at minute" numbers
    at       = ["at"] times
    weekdays = one, several, or "monday to friday"; "mondays" is "every monday"
    dates    = (1st ... 31st | 1 ... 31 | "last day"), several
    nths     = ("first" ... "fifth" | "last" | 1st ... 5th), several
    date     = number month | month number | nth "of" month
    time     = "08:00" | "8am" | "8:30 pm" | "noon" | "midnight"
    unit     = "seconds" | "minutes" | "hours" | "days" | "weeks", or without the "s"

Several are joined by commas, by "and", or by both; "each" is "every". Every word has one meaning; neither a time of day
nor a day is guessed. What a refusal says may have been meant is read here before it is said.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta

from runlet.errors import InvalidInput
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
from runlet.timetable.words import ALIKE, ELSEWHERE, NAMED_TIMES, NTHS, SOME_TIME, WORDS, Reader, Token, Unread

_MOST_NTH_WEEKDAY = 5
_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "sec": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "hr": timedelta(hours=1),
}
_WEEKDAY_NUMBERS = {
    name: number
    for number, whole in enumerate(WEEKDAYS)
    for name in (whole[:3], whole, f"{whole}s", *(whole[:length] for length in (4, 5) if whole[0] == "t"))
}
_DAY_GROUPS = {"day": (), "weekday": WORKDAYS, "weekdays": WORKDAYS, "weekend": WEEKEND, "weekends": WEEKEND}
_MONTH_NUMBERS = {name[:length]: number for number, name in enumerate(MONTHS, 1) for length in (3, len(name))}
_MONTH_NUMBERS["sept"] = 9
_BEGINNINGS = "a phrase should begin with 'every', 'daily', 'hourly', a weekday, a time, 'first', '1st' or 'last'"
_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))? ?([ap]m)?")
_DURATION = re.compile(r"[0-9]+[smhd]")
# Words that a misspelled one may have been, of which the first that makes a phrase is said.
_MOST_TRIED = 3


def parse(text: str) -> Trigger:
    """Raises InvalidInput, telling the column."""
    try:
        return _parse(text)
    except Unread as error:
        raise refusal(error.token.start, f"{error.message}{_meant(text, error.token)}") from None


def _parse(text: str) -> Trigger:
    reader = Reader(text)
    trigger = _phrase(reader)
    if reader.here.kind != "end":
        reader.fail("the phrase should end here")
    return trigger


def _meant(text: str, token: Token) -> str:
    """What the text may have meant: a word in the place of one, or all of it with a time. Empty if it is no phrase."""
    if token.kind != "word" or token.text in _KNOWN:
        return ""
    for word in difflib.get_close_matches(token.text, WORDS, n=_MOST_TRIED, cutoff=ALIKE):
        changed = text[: token.start] + word + text[token.start + len(token.text) :].rstrip()
        if word != token.text and _is_phrase(changed):
            return f"; did you mean {word!r}?"
        if word != token.text and _is_phrase(changed + SOME_TIME):
            return f"; did you mean '{changed.strip()}{SOME_TIME}'?"
    return ""


def _is_phrase(text: str) -> bool:
    try:
        _parse(text)
    except (InvalidInput, Unread):
        return False
    return True


def _phrase(reader: Reader) -> Trigger:
    if reader.here.kind == "time" or reader.here.text in NAMED_TIMES or reader.here.text == "at":
        reader.times = _times(reader)
        if reader.here.kind == "end":
            return Calendar(_at(reader))
    if reader.accept("hourly"):
        return _hourly(reader)
    if reader.accept("daily"):
        return Calendar(_at(reader))
    if reader.here.text in _WEEKDAY_NUMBERS or reader.here.text in ("weekdays", "weekends"):
        return _weekly(reader)
    if not (reader.accept("every") or reader.accept("each")):
        if not reader.accept("on"):
            return _of_the_month(reader)
        if not (reader.accept("every") or reader.accept("each")) and reader.here.text not in _WEEKLY:
            return _of_the_month(reader)
    if reader.here.kind == "number" or reader.here.text == "other" or _DURATION.fullmatch(reader.here.text):
        return _interval(reader)
    if reader.here.text == "second" and reader.next.kind == "end":
        reader.accept("second")
        return Interval(_UNITS["second"])
    if reader.accept("minute"):
        return Interval(_UNITS["minute"])
    if reader.accept("hour"):
        return _hourly(reader)
    if reader.accept("month"):
        if not reader.accept("on"):
            raise refusal(reader.here.start, ELSEWHERE["monthly"])
        reader.accept("the")
        nths = _nths(reader)
        _must_be_days(reader, nths)
        return Calendar(_at(reader), days=_numbers(nths))
    if reader.accept("year"):
        if not reader.accept("on"):
            raise refusal(reader.here.start, ELSEWHERE["yearly"])
        return _yearly(reader)
    if reader.here.text == "week" and reader.next.text == "on":
        reader.take()
        reader.take()
    if reader.here.text in _WEEKLY:
        return _weekly(reader)
    return _of_the_month(reader)


_WEEKLY = {*_WEEKDAY_NUMBERS, *_DAY_GROUPS}
_KNOWN = {*WORDS, *_WEEKLY, *_MONTH_NUMBERS}


def _weekly(reader: Reader) -> Calendar:
    """Days of the week, of some months or of all."""
    weekdays = _DAY_GROUPS[reader.take().text] if reader.here.text in _DAY_GROUPS else _weekdays(reader)
    months: tuple[int, ...] = ()
    if reader.here.text in ("of", "in") and reader.next.text in _MONTH_NUMBERS:
        reader.take()
        months = _months(reader)
    return Calendar(_at(reader), weekdays=() if len(weekdays) == len(WEEKDAYS) else weekdays, months=months)


def _weekdays(reader: Reader) -> tuple[int, ...]:
    """One or several, or a range; as numbers, sorted."""
    found: set[int] = set()
    while True:
        first = reader.named(_WEEKDAY_NUMBERS, "a weekday")
        found.add(first)
        if reader.here.kind == "dash" or reader.here.text in ("to", "through", "thru"):
            reader.take()
            last = reader.named(_WEEKDAY_NUMBERS, "a weekday")
            found |= {(first + more) % 7 for more in range((last - first) % 7 + 1)}
        if not reader.joined():
            return tuple(sorted(found))


def _months(reader: Reader) -> tuple[int, ...]:
    return reader.several(lambda: reader.named(_MONTH_NUMBERS, "'the month' or a month's name"))


def _interval(reader: Reader) -> Interval:
    number = reader.take()
    if _DURATION.fullmatch(number.text):
        count, unit = int(number.text[:-1]), next(one for name, one in _UNITS.items() if name[0] == number.text[-1])
    else:
        count = 2 if number.text == "other" else int(number.text)
        name = reader.here.text.removesuffix("s")
        if name not in _UNITS:
            if number.text == "other":
                raise refusal(number.start, ELSEWHERE["other"])
            reader.fail("seconds, minutes, hours, days or weeks should stand here")
        reader.take()
        unit = _UNITS[name]
    if count == 0:
        raise refusal(number.start, "a run every 0 of anything cannot be")
    if count > LONGEST // unit:
        raise refusal(number.start, f"this is longer than {LONGEST.days} days")
    if reader.times or reader.here.kind == "time" or reader.here.text in ("at", "on", *NAMED_TIMES):
        raise refusal(
            reader.here.start, "a stretch of time has no time of day; name days, as in 'every monday at 08:00'"
        )
    return Interval(count * unit)


def _hourly(reader: Reader) -> Hourly:
    if reader.times:
        reader.fail("'day' or a weekday should stand here")
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
        raise refusal(token.start, f"{token.text!r} is spelled {_nth(number)}")
    return number


def _of_the_month(reader: Reader) -> Calendar:
    """Days, or first, second... weekdays, of a month."""
    reader.accept("the")
    nths = _nths(reader)
    weekdays: tuple[int, ...] = ()
    if reader.here.text in _WEEKDAY_NUMBERS and not any(nth.with_day for nth in nths):
        weekdays = _weekdays(reader)
    elif reader.here.text == "weekday":
        raise refusal(
            nths[-1].token.start,
            "only a named weekday is counted in its month; write 'last friday of the month at 08:00', or "
            "'last day of the month at 08:00'",
        )
    else:
        _must_be_days(reader, nths)
    if not (reader.accept("of") or reader.accept("in")):
        reader.fail("'of the month' should stand here")
    months: tuple[int, ...] = ()
    if not any(reader.accept(*words, "month") for words in ((), ("the",), ("every",), ("each",), ("a",))):
        months = _months(reader)
    numbers = _numbers(nths)
    if not weekdays:
        _must_exist(nths[0].token, numbers, months)
        return Calendar(_at(reader), days=numbers, months=months)
    for nth in nths:
        if nth.token.kind == "number" or nth.number > _MOST_NTH_WEEKDAY:
            raise refusal(nth.token.start, "a weekday is the first, second, third, fourth, fifth or last of its month")
    return Calendar(_at(reader), weekdays=weekdays, ordinals=numbers, months=months)


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
    if token.kind in ("nth", "number"):
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
    if reader.times:
        return reader.times
    if reader.here.kind == "end":
        reader.fail("at which time? add 'at 08:00'")
    return _times(reader)


def _times(reader: Reader) -> tuple[time, ...]:
    if not reader.accept("at") and reader.here.kind != "time" and reader.here.text not in NAMED_TIMES:
        reader.fail("'at' should stand here")
    found = {_time(reader)}
    while reader.joined():
        reader.accept("at")
        found.add(_time(reader))
    return tuple(sorted(found))


def _time(reader: Reader) -> time:
    token = reader.here
    if token.text in NAMED_TIMES:
        return NAMED_TIMES[reader.take().text]
    match = _TIME.fullmatch(token.text)
    if token.text in _WEEKLY:
        raise refusal(token.start, "the days of a phrase have the same times; make another job for these")
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
    months = _list([MONTHS[month - 1] for month in trigger.months])
    weekdays = _list([WEEKDAYS[weekday] for weekday in trigger.weekdays])
    if trigger.ordinals:
        words = {number: word for word, number in NTHS.items()} | {LAST: "last"}
        nths = _list([words[number] for number in trigger.ordinals])
        return f"{nths} {weekdays} of {months or 'the month'}"
    if trigger.days:
        days = _list(["last day" if day == LAST else _nth(day) for day in trigger.days])
        return f"{days} of {months or 'the month'}"
    named = {(): "day", WORKDAYS: "weekday", WEEKEND: "weekend"}.get(trigger.weekdays, weekdays)
    return f"every {named} of {months}" if months else f"every {named}"


def _list(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _nth(number: int) -> str:
    suffix = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
