"""Triggers of the calendar as patterns of wall time: which days (cronsim tells), and which times on each.

A pattern knows neither time zones nor changes of clocks; its wall times are naive, and on whole minutes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache

from cronsim import CronSim

from runlet.timetable import cron
from runlet.timetable.trigger import LAST, Calendar, Cron, Hourly

# Patterns that are kept: compiling one takes as long as some fire times.
_KEPT = 1024

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`days` is cron's last three fields. `rhythmic`: it repeats by the hour, and keeps doing so when clocks change."""

    days: str
    times: tuple[time, ...]
    rhythmic: bool

    def walls(self, low: datetime) -> Iterator[datetime]:
        """The wall times from `low` on, which ends 50 years after the last one: cronsim gives up there."""
        midnight = datetime.combine(low, time())
        skipped = bisect_left(self.times, low.time())
        for day in CronSim(f"0 0 {self.days}", midnight - _SECOND):
            for moment in self.times[skipped if day == midnight else 0 :]:
                yield datetime.combine(day, moment)

    def walls_back(self, high: datetime) -> Iterator[datetime]:
        """The wall times from `high` back, newest first."""
        midnight = datetime.combine(high, time())
        kept = bisect_right(self.times, high.time())
        for day in CronSim(f"0 0 {self.days}", midnight + _SECOND, reverse=True):
            for moment in reversed(self.times[: kept if day == midnight else None]):
                yield datetime.combine(day, moment)


@lru_cache(maxsize=_KEPT)
def of(trigger: Hourly | Calendar | Cron) -> Pattern:
    """The pattern that a trigger means."""
    match trigger:
        case Hourly(minutes):
            return Pattern("* * *", tuple(time(hour, minute) for hour in range(24) for minute in minutes), True)
        case Calendar(times):
            return Pattern(_days(trigger), times, False)
        case Cron((minute, hour, *days)):
            of_day = {60 * one + other for one in cron.HOUR.values(hour) for other in cron.MINUTE.values(minute)}
            times = tuple(time(*divmod(one, 60)) for one in sorted(of_day))
            return Pattern(" ".join(days), times, cron.starred(minute) or cron.starred(hour))


def _days(trigger: Calendar) -> str:
    days = ",".join("L" if day == LAST else str(day) for day in trigger.days)
    months = ",".join(str(month) for month in trigger.months)
    if trigger.ordinals:
        weekdays = ",".join(
            f"{weekday}L" if nth == LAST else f"{weekday}#{nth}"
            for weekday in trigger.weekdays
            for nth in trigger.ordinals
        )
    else:
        weekdays = ",".join(str(weekday) for weekday in trigger.weekdays)
    return f"{days or '*'} {months or '*'} {weekdays or '*'}"
