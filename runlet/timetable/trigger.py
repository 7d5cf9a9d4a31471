"""Triggers: what `every` means, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta

# The last day of a month, the last of its mondays.
LAST = -1

# As cron numbers them: 0 is sunday.
WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
WORKDAYS = (1, 2, 3, 4, 5)
WEEKEND = (0, 6)
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
# A leap year's: what no year has is refused.
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Interval:
    """Again and again after the same stretch of absolute time, the first time one stretch after the anchor."""

    every: timedelta


@dataclass(frozen=True, slots=True)
class Hourly:
    """In every hour, at these minutes."""

    minutes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """At these times of day, on every day that fits. Each tuple is sorted and without doubles; empty means any.

    With `ordinals`, the days are the first, second... LAST of each of `weekdays` in a month. `days`
    (of the month, LAST for the last) and `weekdays` are never both given.
    """

    times: tuple[time, ...]
    weekdays: tuple[int, ...] = ()
    ordinals: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields of cron: minute, hour, day of the month, month, weekday; numbers in place of names."""

    fields: tuple[str, str, str, str, str]


Trigger = Interval | Hourly | Calendar | Cron
