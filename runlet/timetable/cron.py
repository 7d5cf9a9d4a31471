"""Five fields of cron, in POSIX's meaning: `minute hour day-of-the-month month weekday`.

A field is `*`, `*/STEP`, or a list of numbers, ranges and `RANGE/STEP`; months and weekdays have names; weekdays count
from sunday, 0 or 7. Beyond POSIX only what has one meaning everywhere: `L`, the last day of the month; `5L`, its last
friday; `1#2`, its second monday. What other dialects add is refused, and so is what runs backwards or never matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runlet.timetable.refusal import refusal
from runlet.timetable.trigger import LONGEST_MONTHS, MONTHS, WEEKDAYS, Cron

_ITEM = re.compile(r"([0-9a-z]+)(?:-([0-9a-z]+)(?:/([0-9]+))?)?")
_NUMBERS = re.compile(r"([0-9]+)(?:-([0-9]+)(?:/([0-9]+))?)?")
_DIGITS = re.compile(r"[0-9]+")
_NTH = re.compile(r"([0-9a-z]+)(?:#([0-9]+)|l)")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()  # three letters each, the first stands for `low`

    def values(self, text: str) -> Iterator[int]:
        """The numbers that a field as `parse` leaves it stands for, leaving out L and #."""
        for item in text.split(","):
            if item.startswith("*"):
                yield from range(self.low, self.high + 1, int(item[2:] or 1))
            elif match := _NUMBERS.fullmatch(item):
                first, last = int(match[1]), int(match[2] or match[1])
                yield from range(first, last + 1, int(match[3] or 1))


MINUTE = _Field("minute", 0, 59)
HOUR = _Field("hour", 0, 23)
DAY = _Field("day of the month", 1, 31)
MONTH = _Field("month", 1, 12, tuple(name[:3] for name in MONTHS))
WEEKDAY = _Field("weekday", 0, 7, tuple(name[:3] for name in WEEKDAYS))
_SATURDAY = 6  # the last that is not sunday again
_FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def parse(text: str) -> Cron:
    """Raises InvalidInput, telling the column."""
    words = list(re.finditer(r"\S+", text))
    if len(words) != len(_FIELDS):
        seconds = "; seconds are not supported" if len(words) == len(_FIELDS) + 1 else ""
        raise refusal(words[0].start(), f"cron has five fields, this has {len(words)}{seconds}")
    fields = [_field(field, word[0].lower(), word.start()) for field, word in zip(_FIELDS, words, strict=True)]
    minute, hour, day, month, weekday = fields
    if not starred(day) and starred(weekday) and not _some_month_has(day, month):
        raise refusal(words[2].start(), "this never fires: no such month has such a day")
    return Cron((minute, hour, day, month, weekday))


def starred(field: str) -> bool:
    """Whether a field counts as unrestricted: POSIX's `*`, and as in every cron since Vixie's, `*/2` too."""
    return field.startswith("*")


def _some_month_has(day: str, month: str) -> bool:
    first = min(DAY.values(day), default=1)  # L alone: every month has a last day
    return any(first <= LONGEST_MONTHS[number - 1] for number in MONTH.values(month)) or "L" in day


def _field(field: _Field, text: str, start: int) -> str:
    if text == "*":
        return text
    if text.startswith("*/") and "," not in text:
        return f"*/{_step(field, text[2:], start + 2)}"
    items = []
    for item in text.split(","):
        items.append(_item(field, item, start))
        start += len(item) + 1
    return ",".join(items)


def _item(field: _Field, text: str, start: int) -> str:
    if field is DAY and text == "l":
        return "L"
    if field is WEEKDAY and (match := _NTH.fullmatch(text)):
        weekday = _number(field, match[1], start) % 7
        if match[2] is None:
            return f"{weekday}L"
        if match[2] not in ("1", "2", "3", "4", "5"):
            raise refusal(start + match.start(2), f"{text!r}: a month has at most five of a weekday")
        return f"{weekday}#{match[2]}"
    if field is WEEKDAY and (swapped := re.fullmatch(r"l([0-7])", text)):
        raise refusal(start, f"{text!r} is not understood in the weekday; the last of a month is '{swapped[1]}L'")
    match = _ITEM.fullmatch(text)
    if match is None and (begun := re.fullmatch(r"([0-9a-z]+)/([0-9]+)", text)):
        first, last = _number(field, begun[1], start) % (_last(field) + 1), _last(field)
        steps = _step(field, begun[2], start + begun.start(2))
        meant = f"{first}" if first == last else f"{first}-{last}/{steps}"
        raise refusal(start, f"{text!r} is not understood in the {field.name}; write {meant}")
    if match is None:
        why = "'*' stands alone in its field" if "*" in text else f"{text!r} is not understood in the {field.name}"
        raise refusal(start, f"'?' is of another cron; write '*' in the {field.name}" if text == "?" else why)
    first = _number(field, match[1], start)
    if match[2] is None:
        return str(first % 7 if field is WEEKDAY else first)
    last = _number(field, match[2], start + match.start(2))
    if field is WEEKDAY and last == 0 < first:
        last = 7
    if last < first:
        two = "" if match[3] else f": {_range(first, _last(field))},{_range(field.low, last)}"
        raise refusal(start, f"the range {text!r} runs backwards; write two ranges{two}")
    step = None if match[3] is None else _step(field, match[3], start + match.start(3))
    if first == last:  # with a step, cronsim would take it for "from this on"
        return str(first % 7 if field is WEEKDAY else first)
    return f"{first}-{last}" if step is None else f"{first}-{last}/{step}"


def _number(field: _Field, text: str, start: int) -> int:
    if text in field.names:
        return field.low + field.names.index(text)
    if text[:3] in field.names and text in (*MONTHS, *WEEKDAYS):
        raise refusal(start, f"{text!r} is not understood in the {field.name}; write {text[:3]}")
    if not _DIGITS.fullmatch(text):
        named = f" or a name ({field.names[0]}, {field.names[1]}...)" if field.names else ""
        raise refusal(start, f"{text!r} is not understood in the {field.name}; write a number{named}")
    if not field.low <= int(text) <= field.high:
        raise refusal(start, f"{text} is out of range: the {field.name} is {field.low} to {field.high}")
    return int(text)


def _last(field: _Field) -> int:
    return _SATURDAY if field is WEEKDAY else field.high


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _step(field: _Field, text: str, start: int) -> int:
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= field.high:
        raise refusal(start, f"{text!r} is not a step of the {field.name}, which is 1 to {field.high}")
    return int(text)
