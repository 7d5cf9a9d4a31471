"""When a wall-clock trigger fires, found the slow way: walk every minute of UTC, look at the clock on the wall.

Nothing of runlet.timetable is used here but its values. What a day or a minute must be is given as plain sets.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from runlet.model.schedule import Fold, Gap, Window
from runlet.timetable.trigger import LAST

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Rule:
    """A trigger as sets; `text` is how it is written."""

    text: str
    minutes_of_day: frozenset[int]
    months: frozenset[int]
    days: frozenset[int] | None  # of the month; LAST among them; None is any
    weekdays: frozenset[int] | None  # 0 is sunday
    either: bool  # days or weekdays, where both are given
    ordinals: frozenset[int] | None = None  # of the weekday in its month
    rhythmic: bool = False

    def matches(self, wall: datetime) -> bool:
        """Whether a minute of the clock on the wall is one of the trigger's."""
        return wall.hour * 60 + wall.minute in self.minutes_of_day and self.has_day(wall.date())

    def has_day(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        length = calendar.monthrange(day.year, day.month)[1]
        by_day = self.days is None or day.day in self.days or (LAST in self.days and day.day == length)
        by_weekday = self.weekdays is None or day.isoweekday() % 7 in self.weekdays
        if self.ordinals is not None:
            nth = (day.day - 1) // 7 + 1
            by_weekday &= nth in self.ordinals or (LAST in self.ordinals and day.day + 7 > length)
        return (by_day or by_weekday) if self.either else (by_day and by_weekday)


def fire_times(
    rule: Rule, zone: ZoneInfo, gap: Gap, fold: Fold, after: datetime, until: datetime, window: Window | None = None
) -> Iterator[datetime]:
    """The fire times after `after` up to `until`; both are whole minutes of UTC."""
    wall_before = after.astimezone(zone).replace(tzinfo=None)
    instant = after
    while instant < until:
        instant += MINUTE
        local = instant.astimezone(zone)
        wall = local.replace(tzinfo=None, fold=0)
        fires = rule.matches(wall) and (rule.rhythmic or fold is Fold.BOTH or not local.fold)
        if gap is Gap.NEXT and not rule.rhythmic:
            skipped = wall_before + MINUTE
            while skipped < wall:
                fires |= rule.matches(skipped)
                skipped += MINUTE
        if fires and (window is None or open_at(window, wall.time())):
            yield instant
        wall_before = wall


def open_at(window: Window, moment: time) -> bool:
    minute, start, end = (one.hour * 60 + one.minute for one in (moment, window.start, window.end))
    return (minute - start) % (24 * 60) < (end - start) % (24 * 60)


ZONES = [
    "Europe/Zurich",
    "America/New_York",
    "Australia/Lord_Howe",  # by 30 minutes
    "America/Santiago",  # southern, at midnight
    "Pacific/Auckland",
    "America/Havana",  # at midnight
    "Asia/Beirut",  # back over midnight, into the day before
    "Africa/Casablanca",  # twice around Ramadan
    "America/St_Johns",
    "Asia/Kathmandu",  # +05:45, no changes
    "UTC",
]
# What is worth a look: both changes of clocks of each kind, a skipped day, one a minute after midnight.
CHANGES = [
    ("Europe/Zurich", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Zurich", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 5, 3, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, 4, tzinfo=UTC)),
    ("Pacific/Auckland", datetime(2026, 4, 4, 14, tzinfo=UTC)),
    ("Pacific/Auckland", datetime(2026, 9, 26, 14, tzinfo=UTC)),
    ("America/Havana", datetime(2024, 3, 10, 5, tzinfo=UTC)),
    ("America/Havana", datetime(2024, 11, 3, 5, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 28, 22, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 10, 24, 21, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 11, 7, 2, 31, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
]


def _numbers(low: int, high: int, most: int = 4) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(low, high), min_size=1, max_size=most)


def _list(numbers: frozenset[int]) -> str:
    return ",".join(str(number) for number in sorted(numbers))


@st.composite
def cron_rules(draw: st.DrawFn) -> Rule:
    """Five fields: lists, steps and stars. Hours lean to the night, where clocks change."""
    minute_step = draw(st.sampled_from([None, 1, 7, 15]))
    hour_step = draw(st.sampled_from([None, None, 1, 2]))
    minutes = frozenset(range(0, 60, minute_step)) if minute_step else draw(_numbers(0, 59))
    hours = frozenset(range(0, 24, hour_step)) if hour_step else draw(_numbers(0, 3) | _numbers(0, 23))
    days = draw(st.none() | _numbers(1, 31, 20))
    months = draw(st.none() | _numbers(1, 12, 12))
    weekdays = draw(st.none() | _numbers(0, 6))
    if days and months and weekdays is None and min(days) > 28:
        days |= {draw(st.integers(1, 28))}
    fields = [
        "*" if minute_step == 1 else f"*/{minute_step}" if minute_step else _list(minutes),
        "*" if hour_step == 1 else f"*/{hour_step}" if hour_step else _list(hours),
        _list(days) if days else "*",
        _list(months) if months else "*",
        _list(weekdays) if weekdays else "*",
    ]
    return Rule(
        text=" ".join(fields),
        minutes_of_day=frozenset(60 * hour + minute for hour in hours for minute in minutes),
        months=months or frozenset(range(1, 13)),
        days=days,
        weekdays=weekdays,
        either=days is not None and weekdays is not None,
        rhythmic=bool(minute_step or hour_step),
    )


_WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": LAST}
_DAYS = {"1st": 1, "2nd": 2, "15th": 15, "23rd": 23, "31st": 31, "last day": LAST}


@st.composite
def phrase_rules(draw: st.DrawFn) -> Rule:
    """Phrases of days and times, and hourly ones."""
    if draw(st.integers(0, 5)) == 0:
        minutes = draw(_numbers(0, 59))
        return Rule(
            f"every hour at minute {' and '.join(str(minute) for minute in minutes)}",
            frozenset(60 * hour + minute for hour in range(24) for minute in minutes),
            frozenset(range(1, 13)),
            None,
            None,
            either=False,
            rhythmic=True,
        )
    times = draw(_numbers(0, 4 * 60) | _numbers(0, 24 * 60 - 1))
    at = " at " + ", ".join(f"{minute // 60:02}:{minute % 60:02}" for minute in times)
    months = draw(st.none() | _numbers(1, 12, 3))
    of = " of " + (" and ".join(_MONTHS[month - 1] for month in months) if months else "the month")
    all_months = frozenset(range(1, 13))
    form = draw(st.sampled_from(["day", "weekdays", "days", "ordinals"]))
    if form == "day":
        return Rule("every day" + at, times, all_months, None, None, either=False)
    if form == "weekdays":
        weekdays = draw(_numbers(0, 6))
        names = " and ".join(_WEEKDAYS[weekday] for weekday in weekdays)
        return Rule(f"every {names}{at}", times, all_months, None, weekdays, either=False)
    if form == "days":
        names = draw(st.lists(st.sampled_from(sorted(_DAYS)), min_size=1, max_size=3, unique=True))
        names.append("1st")  # some month has it
        days = frozenset(_DAYS[name] for name in names)
        return Rule(", ".join(names) + of + at, times, months or all_months, days, None, either=False)
    names = draw(st.lists(st.sampled_from(sorted(_ORDINALS)), min_size=1, max_size=3, unique=True))
    weekday = draw(st.integers(0, 6))
    text = f"{' and '.join(names)} {_WEEKDAYS[weekday]}{of}{at}"
    ordinals = frozenset(_ORDINALS[name] for name in names)
    return Rule(text, times, months or all_months, None, frozenset({weekday}), either=False, ordinals=ordinals)


RULES = cron_rules() | phrase_rules()
_MINUTES_OF_DAY = st.integers(0, 24 * 60 - 1)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first, last = draw(st.lists(_MINUTES_OF_DAY, min_size=2, max_size=2, unique=True))
    return Window(time(*divmod(first, 60)), time(*divmod(last, 60)))
